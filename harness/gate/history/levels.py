"""A series of comparable values cut into levels, and each step laid at the commits that may have made it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.gate.history.commits import Commit, Repository
from harness.gate.history.shifts import shift
from harness.gate.history.timeline import Point
from harness.gate.steps import ENOUGH, Levels, exact_steps, find_steps

STEPS, LEVEL, DRIFT, CANNOT_TELL = "steps", "level", "drift", "cannot tell"


@dataclass(frozen=True)
class Change:
    """A step, and where it comes from."""

    last: Point
    """Of the level before."""
    first: Point
    """Of the new level."""
    commits: tuple[Commit, ...]
    """One of them made the change: those that the first has and the last has not. Empty where they are not known."""
    apart: bool
    """The two are on different branches: what differs is not only these commits."""
    before: float
    """Of the level, as `after`."""
    after: float
    change: float
    """after - before, or after / before - 1 where the series is relative."""
    low: float | None
    """Of the 95 % interval of the change, as `high`; None for exact figures, and where there are too few values."""
    high: float | None
    exact: bool
    """No noise: told by a difference beyond the tolerance, not by a test."""
    p: float


@dataclass(frozen=True)
class Series:
    """Values that may be held against each other."""

    title: str
    differing: dict[str, str]
    """Of its conditions, those in which it is not like others of that title."""
    conditions: dict[str, str]
    points: tuple[Point, ...]
    """All, in order."""
    levels: tuple[float | None, ...]
    """Of each point; None of those that were measured with changes in no commit, and where nobody can tell."""
    changes: tuple[Change, ...]
    verdict: str
    """STEPS, LEVEL, DRIFT or CANNOT_TELL."""
    needed: int | None = None
    """So many in all would tell; None where it is told, or where no number would."""
    of: str = "measurements"
    """What `needed` counts: measurements, commits, or pairs of a ratio."""
    relative_to: str | None = None
    """Of ratios, the commit that is 1."""
    notes: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """What it is of, with what tells it from others."""
        return self.title + "".join(f"; {name} {value}" for name, value in self.differing.items())

    @property
    def counted(self) -> int:
        """Points of commits without changes of their own."""
        return sum(not point.measured.dirty for point in self.points)


def make_series(title: str, differing: dict[str, str], points: Sequence[Point], repository: Repository, relative: bool
                ) -> Series:
    """Find the levels of points that are in order; those with changes in no commit are left out of it."""
    conditions = dict(points[0].measured.conditions)
    clean = [point for point in points if not point.measured.dirty]
    if not clean:
        return Series(title, differing, conditions, tuple(points), (None,) * len(points), (), CANNOT_TELL, 2,
                      "commits")
    found, exact, needed = _levels(clean)
    levels: list[float | None] = [None] * len(clean)
    if needed is None:
        for number, start in enumerate(found.starts):
            end = found.starts[number + 1] if number + 1 < len(found.starts) else len(clean)
            levels[start:end] = [found.medians[number]] * (end - start)
    own = dict(zip(map(id, clean), levels, strict=True))
    verdict = STEPS if found.steps else DRIFT if found.drifts else LEVEL
    return Series(title, differing, conditions, tuple(points), tuple(own.get(id(point)) for point in points),
                  tuple(_changes(clean, found, exact, repository, relative)),
                  verdict if needed is None else CANNOT_TELL, needed, "commits" if exact else "measurements")


def _levels(points: Sequence[Point]) -> tuple[Levels, bool, int | None]:
    """The levels, whether they were told without a test, and how many it takes where there are too few."""
    values, groups = [point.measured.value for point in points], [point.group for point in points]
    tolerances = [point.measured.tolerance for point in points]
    alike = len({point.measured.environment for point in points}) == 1
    stated = [tolerance for tolerance in tolerances if tolerance is not None]
    if alike and len(stated) == len(points):
        found = exact_steps(values, groups, max(stated))
        if found is not None:
            return found, True, None if len(set(groups)) > 1 else 2
    found = find_steps(values, groups)
    return found, False, None if found.enough else ENOUGH


def _changes(points: Sequence[Point], found: Levels, exact: bool, repository: Repository, relative: bool
             ) -> list[Change]:
    ends = [*found.starts, len(points)]
    values = [point.measured.value for point in points]
    changes = []
    for number, step in enumerate(found.steps, start=1):
        before, after = values[ends[number - 1]:step.index], values[step.index:ends[number + 1]]
        change, low, high = _size(before, after, step.before, step.after, exact, relative)
        last, first = points[step.index - 1], points[step.index]
        commits, apart = between(last, first, repository)
        changes.append(Change(last, first, commits, apart, step.before, step.after, change, low, high, exact, step.p))
    return changes


def _size(before: list[float], after: list[float], old: float, new: float, exact: bool, relative: bool
          ) -> tuple[float, float | None, float | None]:
    if exact or (relative and min(*before, *after) <= 0):
        return (new / old - 1 if relative and old else new - old), None, None
    if not relative:
        return shift(before, after)
    found = shift([math.log(value) for value in before], [math.log(value) for value in after])
    change, low, high = (None if value is None else math.expm1(value) for value in found)
    assert change is not None
    return change, low, high


def between(last: Point, first: Point, repository: Repository) -> tuple[tuple[Commit, ...], bool]:
    """The commits that may have made the difference between two points, and whether these are on different branches."""
    if last.commit is None or first.commit is None:
        return (), False
    return (tuple(repository.between(last.commit.id, first.commit.id)),
            not repository.is_before(last.commit.id, first.commit.id))
