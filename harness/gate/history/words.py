"""A history in words: values, levels, and what is said of each step. The one place for its units and sentences."""

from __future__ import annotations

from collections.abc import Iterator

from harness.gate.history import metrics
from harness.gate.history.build import History
from harness.gate.history.levels import CANNOT_TELL, DRIFT, LEVEL, Change, Series
from harness.gate.history.timeline import Point
from harness.gate.present.words import count, counted, digits, memory, plain, probability, signed

SUBJECT = 60
"""Characters of a commit's subject that are shown."""
LISTED = 5
"""Commits that a step lists."""
UNKNOWN = "not in this repository"


def value(number: float, metric: str, ratio: bool) -> str:
    """A value as its metric is written; a ratio as 1.042."""
    if ratio:
        return f"{number:.3f}"
    if metric == metrics.MEMORY:
        return memory(number)
    if metric == metrics.TIME:
        return f"{digits(number)} ms"
    return f"{number:.3f}" if metrics.part_and_figure(metric) else count(number)


def cell(point: Point, metric: str, ratio: bool) -> str:
    """A point's value with its interval."""
    one = point.measured
    said = value(one.value, metric, ratio)
    if one.low is None or one.high is None:
        return said
    low, high = (value(end, metric, ratio).removesuffix(" ms") for end in (one.low, one.high))
    return f"{said} [{low}, {high}]"


def commit(point: Point) -> str:
    """The commit, marked where there were changes in no commit."""
    return point.name + ("+" if point.measured.dirty else "")


def subject(point: Point) -> str:
    """Of the commit."""
    if point.commit:
        return plain(point.commit.subject, SUBJECT)
    return UNKNOWN if point.measured.commit else "the record states no commit"


def sentences(series: Series, metric: str) -> Iterator[str]:
    """What is said of a series: its steps, or why there are none."""
    for change in series.changes:
        yield _step(change, metric, series)
        yield from _listed(change)
    if series.verdict == LEVEL:
        yield f"level: no step among {counted(series.counted, 'measurements')}"
    elif series.verdict == DRIFT:
        yield (f"drift: {counted(series.counted, 'measurements')} are not level, and no step explains it: a slow "
               "change, or a machine that keeps its moods for a while")
    elif series.verdict == CANNOT_TELL:
        yield _cannot_tell(series)
    yield from series.notes


def _cannot_tell(series: Series) -> str:
    if series.relative_to:
        return "cannot tell whether the time changed"
    have = series.counted if series.of == "measurements" else len({p.group for p in series.points
                                                                   if not p.measured.dirty})
    measured = counted(have, series.of) if have else "nothing but code with changes that are in no commit was measured"
    return f"cannot tell: {measured}; {series.needed} are the least that show a step"


def _step(change: Change, metric: str, series: Series) -> str:
    relative = metrics.is_relative(metric)
    size = signed(change.change, relative, exact=change.exact)
    if change.low is not None and change.high is not None:
        ends = (signed(end, relative).removesuffix(" %").lstrip("+") for end in (change.low, change.high))
        size += f" [{', '.join(ends)}]"
    elif not change.exact:
        size += " (too few values for an interval)"
    ratio = series.relative_to is not None
    levels = "" if ratio else f", {value(change.before, metric, ratio)} -> {value(change.after, metric, ratio)}"
    told = "exact" if change.exact else f"p {probability(change.p)}"
    return f"step {size}{levels} ({told}) {where(change)}"


def where(change: Change) -> str:
    """The commit that made a step, or those among which it is."""
    first, last = change.first, change.last
    if not change.commits:
        names = [f"{point.name} ({UNKNOWN})" if not point.commit else point.name for point in (last, first)]
        return (f"between {names[0]}, measured {last.measured.created[:10]}, and {names[1]}, measured "
                f"{first.measured.created[:10]}: what lies between is not known here")
    if change.apart:
        return (f"from {last.name} to {first.name}, which are on different branches: {first.name} has "
                f"{counted(len(change.commits), 'commits')} that {last.name} has not")
    if len(change.commits) == 1:
        return f"at {first.name} ({first.date[:10]}): {subject(first)}"
    return f"between {last.name} (excluded) and {first.name}: {counted(len(change.commits), 'commits')}"


def _listed(change: Change) -> Iterator[str]:
    if len(change.commits) < 2 and not change.apart:
        return
    for one in change.commits[:LISTED]:
        yield f"  {one.id[:7]} {plain(one.subject, SUBJECT)}"
    if len(change.commits) > LISTED:
        yield f"  ... and {count(len(change.commits) - LISTED)} more"


def heading(series: Series, metric: str) -> str:
    """A series' name, and what its values are."""
    if series.relative_to:
        return f"{series.name}; {metric} relative to {series.relative_to[:7]}, from pairs measured in turn"
    return f"{series.name}; {metric}"


def conditions(found: History) -> Iterator[str]:
    """Why there are several series of one title."""
    titles = [series.title for series in found.series]
    for title in dict.fromkeys(titles):
        names = [name for series in found.series if series.title == title for name in series.differing]
        if titles.count(title) > 1 and names:
            yield (f"{title}: {titles.count(title)} series, which may not be held against each other: they differ in "
                   f"{', '.join(dict.fromkeys(names))}")


def short(metric: str) -> str:
    """A metric as an axis names it: wholebody AP."""
    found = metrics.part_and_figure(metric)
    return " ".join(found) if found else metric
