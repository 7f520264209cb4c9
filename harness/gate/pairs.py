"""Two sides measured in turn: pairs of blocks in the order A B B A, each block a fresh process."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Block:
    """What one fresh process measured."""

    times: dict[str, float]
    """Median of a row's calls, ms."""
    failed: dict[str, str] = field(default_factory=dict)
    """Rows that could not be measured, with the reason."""


@dataclass(frozen=True)
class Pair:
    """A block of either side, one shortly after the other."""

    base: Block
    candidate: Block
    base_first: bool

    def log_ratios(self) -> dict[str, float]:
        """The logarithm of candidate over base of every row that both have."""
        return {row: math.log(self.candidate.times[row] / time) for row, time in self.base.times.items()
                if row in self.candidate.times}

    def to_json(self) -> dict[str, Any]:
        """As JSON-able data."""
        return {"first": "base" if self.base_first else "candidate",
                **{side: {"ms": block.times, **({"failed": block.failed} if block.failed else {})}
                   for side, block in (("base", self.base), ("candidate", self.candidate))}}


Measure = Callable[[Sequence[str]], Block]
"""Measures these rows of one side in a fresh process."""


def in_turn(base: Measure, candidate: Measure, rows: Sequence[str], count: int, done: int = 0) -> Iterator[Pair]:
    """So many pairs, A B then B A and so on; `done` have gone before.

    A row that fails on either side is left out of the pairs that follow; without rows, they end.
    """
    rows = list(rows)
    for number in range(done, done + count):
        if not rows:
            return
        base_first = number % 2 == 0
        if base_first:
            one = base(rows)
            other = candidate(rows)
        else:
            other = candidate(rows)
            one = base(rows)
        yield Pair(one, other, base_first)
        rows = [row for row in rows if row not in one.failed and row not in other.failed]


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
