"""The order of measuring: each subject warmed up until it is stable, then all of them in turn, round by round."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from harness.errors import UserError

Block = Callable[[int], list[float]]
"""Makes so many calls of a subject and gives the milliseconds of each; raises OutOfMemory."""

STABLE = 0.05
"""Warm-up ends where the medians of two successive blocks differ by at most this share of the smaller one."""
MOST_BLOCKS = 20
MOST_SECONDS = 60.0
"""Warm-up ends at these, too, and is then said not to be stable."""
BLOCK_MS = 100.0
"""A block takes about so long: short, so that the subjects of a round see the same machine."""
LEAST_CALLS, MOST_CALLS = 3, 50
"""In a block. The first call of a block finds the caches as another subject left them: its median does without."""


class OutOfMemory(Exception):
    """A subject does not fit into the memory of its device."""


@dataclass(frozen=True)
class WarmUp:
    """What it took until the times were stable."""

    blocks: int
    """Warm-up blocks; the very first call, which compiles and allocates, is not among them."""
    stable: bool
    calls: int
    """Calls in each of the blocks that follow."""


def warm_up(block: Block, clock: Callable[[], float] = time.monotonic) -> WarmUp:
    """Run blocks until two successive ones agree, and find out how many calls a block should have."""
    begin = clock()
    block(1)
    calls, blocks, before = 1, 0, math.inf
    while True:
        value = median(block(calls))
        blocks += 1
        calls = max(LEAST_CALLS, min(MOST_CALLS, math.ceil(BLOCK_MS / value) if value > 0 else MOST_CALLS))
        stable = abs(value - before) <= STABLE * min(value, before)
        if stable or blocks >= MOST_BLOCKS or (clock() - begin >= MOST_SECONDS and blocks > 1):
            return WarmUp(blocks, stable, calls)
        before = value


@dataclass
class Rounds:
    """What came of the rounds."""

    samples: list[list[list[float]]]
    """Of each subject by round, ms; an empty round where its block was discarded."""
    out_of_memory: set[int] = field(default_factory=set)
    failed: dict[int, str] = field(default_factory=dict)
    """Subjects that dropped out after the rounds they have, such as for a lost device, with the reason."""
    interrupted: bool = False
    """The user stopped it (Ctrl-C)."""


def alternate(blocks: Sequence[Block], calls: Sequence[int], rounds: int,
              tell: Callable[[int], None] = lambda done: None) -> Rounds:
    """Time all subjects in turn, A B C A B C ..., so that drift of the machine hits all alike.

    Who fails drops out and keeps the rounds that it has; the others go on.
    """
    found = Rounds([[] for _ in blocks])
    try:
        for done in range(rounds):
            tell(done)
            for i, block in enumerate(blocks):
                if i in found.out_of_memory or i in found.failed:
                    continue
                try:
                    found.samples[i].append(block(calls[i]))
                except OutOfMemory:
                    found.out_of_memory.add(i)
                except UserError as error:
                    found.failed[i] = str(error)
    except KeyboardInterrupt:
        found.interrupted = True
    return found
