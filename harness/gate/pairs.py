"""Two sides measured in turn: pairs of blocks in the order A B B A, each block a fresh process.

The two processes of a pair live side by side. They are timed slice by slice, in the order A B B A as well, and what
counts is the median ratio of slices that follow each other: a machine that changes its pace from one second to the next
changes it for both. Then equal code differed by 3.5 % (standard deviation of a pair) where one process
after the other gave 9 to 11 %; with processes that keep freed memory (harness/allocator.py), by 1.5 % (one thread of
two cores of an AMD EPYC, a network of 50 ms).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Block:
    """What one fresh process measured."""

    times: dict[str, float]
    """Median of a row's calls, or of its slices, ms."""
    failed: dict[str, str] = field(default_factory=dict)
    """Rows that could not be measured, with the reason."""
    slices: dict[str, list[float]] = field(default_factory=dict)
    """Median of each slice's calls, ms, where the other block of the pair was timed in turn with this one."""


@dataclass(frozen=True)
class Pair:
    """A block of either side, one shortly after the other."""

    base: Block
    candidate: Block
    base_first: bool

    def log_ratios(self) -> dict[str, float]:
        """The logarithm of candidate over base of every row that both have."""
        return {row: self._log_ratio(row) for row in self.base.times if row in self.candidate.times}

    def _log_ratio(self, row: str) -> float:
        base, candidate = ([*side.slices.get(row, []), side.times[row]] for side in (self.base, self.candidate))
        if len(base) == len(candidate) > 1:
            return median(math.log(other / one) for one, other in zip(base[:-1], candidate[:-1], strict=True))
        return math.log(candidate[-1] / base[-1])

    def to_json(self) -> dict[str, Any]:
        """As JSON-able data."""
        return {"first": "base" if self.base_first else "candidate",
                **{side: {"ms": block.times, **({"failed": block.failed} if block.failed else {}),
                          **({"slices_ms": block.slices} if block.slices else {})}
                   for side, block in (("base", self.base), ("candidate", self.candidate))}}


MeasurePair = Callable[[Sequence[str], bool], Pair]
"""Measures these rows on both sides; whether the base comes first."""


def in_turn(measure: MeasurePair, rows: Sequence[str], count: int, done: int = 0) -> Iterator[Pair]:
    """So many pairs, A B then B A and so on; `done` have gone before.

    A row that fails on either side is left out of the pairs that follow; without rows, they end.
    """
    rows = list(rows)
    for number in range(done, done + count):
        if not rows:
            return
        pair = measure(rows, number % 2 == 0)
        yield pair
        rows = [row for row in rows if row not in pair.base.failed and row not in pair.candidate.failed]


def log_ratios(pairs: Sequence[Pair]) -> dict[str, list[float]]:
    """Of every row, those of all pairs that have it."""
    found: dict[str, list[float]] = {}
    for pair in pairs:
        for row, value in pair.log_ratios().items():
            found.setdefault(row, []).append(value)
    return found


def failures(pairs: Sequence[Pair]) -> dict[str, tuple[str, str]]:
    """Rows that failed, with the side ("base", "candidate") and the reason."""
    found: dict[str, tuple[str, str]] = {}
    for pair in pairs:
        for side, block in (("base", pair.base), ("candidate", pair.candidate)):
            for row, reason in block.failed.items():
                found.setdefault(row, (side, reason))
    return found
