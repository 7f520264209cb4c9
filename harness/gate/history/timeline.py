"""Measurements in the order in which their code came about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.gate.history.commits import Commit
from harness.gate.history.measurements import Measurement


@dataclass(frozen=True)
class Point:
    """A measurement in its place."""

    measured: Measurement
    commit: Commit | None
    """None where the checkout does not have it, or the file states none."""
    group: int
    """The same for points of one commit; a later commit has a larger one."""

    @property
    def date(self) -> str:
        """Of the commit, else of the measurement."""
        return self.commit.date if self.commit else self.measured.created

    @property
    def name(self) -> str:
        """The commit as people write it, or what stands for it."""
        return self.measured.commit[:7] if self.measured.commit else "no commit"


def in_order(measurements: Iterable[Measurement], known: Mapping[str, Commit]) -> list[Point]:
    """Points by commit, of one commit by when they were measured.

    `known` has the commits in order. One that is not in it, or no commit at all, goes by the time of its first
    measurement: before the first known commit that is younger, for that cannot have been measured before it was made.
    """
    by_commit: dict[str, list[Measurement]] = {}
    for number, one in enumerate(sorted(measurements, key=lambda one: (one.created, one.source))):
        by_commit.setdefault(one.commit or f"no commit {number}", []).append(one)
    ordered = [commit for commit in known if commit in by_commit]
    for name, of in by_commit.items():  # by time, so that those without a place keep their order
        if name not in known:
            place = next((i for i, other in enumerate(ordered) if other in known
                          and _seconds(known[other].date) > _seconds(of[0].created)), len(ordered))
            ordered.insert(place, name)
    return [Point(one, known.get(name), group) for group, name in enumerate(ordered) for one in by_commit[name]]


def _seconds(date: str) -> str:
    """Both are UTC in ISO 8601: what they share can be compared as text."""
    return date[:19]
