"""A history on the screen, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.gate.history import metrics, words
from harness.gate.history.build import History
from harness.gate.history.levels import CANNOT_TELL, DRIFT, STEPS, Change, Series
from harness.gate.history.timeline import Point
from harness.gate.present.words import plain
from harness.report.plain import plain_table

SCHEMA = 1
STYLES = {STEPS: "bold", DRIFT: "yellow", CANNOT_TELL: "yellow"}


def render(found: History) -> Group:
    """For each series its table and its sentences; then the notes."""
    blocks: list[RenderableType] = []
    for series in found.series:
        blocks += [Text(plain(words.heading(series, found.metric)), style="bold"), _table(series, found.metric)]
        blocks += [Text(line, style=STYLES.get(series.verdict, "")) for line in words.sentences(series, found.metric)]
        blocks.append(Text(""))
    blocks += [Text(plain(line), style="dim") for line in [*words.conditions(found), *found.notes]]
    if any(point.measured.dirty for series in found.series for point in series.points):
        blocks.append(Text("+ with changes that are in no commit", style="dim"))
    blocks += [Text(f"not used: {plain(line)}", style="magenta") for line in found.skipped]
    return Group(*blocks)


def _table(series: Series, metric: str) -> Table:
    table = plain_table("Date", "Commit", "Subject", "Value", "Level")
    for column in (0, 1, 3, 4):
        table.columns[column].no_wrap = True
    ratio = series.relative_to is not None
    before: float | None = None
    for point, level in zip(series.points, series.levels, strict=True):
        said = "" if level is None else words.value(level, metric, ratio)
        style = "bold" if before is not None and level is not None and level != before else ""
        before = before if level is None else level
        # As Text: brackets in a plain string would be taken for markup.
        table.add_row(point.date[:10], words.commit(point), Text(words.subject(point)),
                      Text(words.cell(point, metric, ratio)), Text(said), style=style)
    return table


def as_json(found: History) -> dict[str, Any]:
    """All of it as JSON-able data."""
    return {"schema": SCHEMA, "kind": "history", "row": found.row, "metric": found.metric,
            "series": [_series(series, found.metric) for series in found.series], "notes": list(found.notes),
            "skipped": list(found.skipped)}


def _series(series: Series, metric: str) -> dict[str, Any]:
    unit = "ratio" if series.relative_to else metrics.UNITS.get(metric, "")
    return {"title": series.title, "differs_in": series.differing, "conditions": series.conditions, "unit": unit,
            "relative_to": series.relative_to, "verdict": series.verdict, "needed": series.needed,
            "needed_of": series.of if series.needed else None, "said": list(words.sentences(series, metric)),
            "points": [{**_point(point), "value": point.measured.value, "low": point.measured.low,
                        "high": point.measured.high, "level": level, "source": point.measured.source}
                       for point, level in zip(series.points, series.levels, strict=True)],
            "steps": list(_steps(series, metrics.is_relative(metric)))}


def _point(point: Point) -> dict[str, Any]:
    return {"commit": point.measured.commit, "dirty": point.measured.dirty, "known": point.commit is not None,
            "date": point.date, "subject": point.commit.subject if point.commit else None,
            "measured": point.measured.created}


def _steps(series: Series, relative: bool) -> Iterator[dict[str, Any]]:
    for change in series.changes:
        yield {"last": change.last.measured.commit, "first": change.first.measured.commit,
               "commits": [{"commit": one.id, "date": one.date, "subject": one.subject} for one in change.commits],
               "different_branches": change.apart, **_size(change), "relative": relative}


def _size(change: Change) -> dict[str, Any]:
    return {"before": change.before, "after": change.after, "change": change.change, "low": change.low,
            "high": change.high, "exact": change.exact, "p": change.p}
