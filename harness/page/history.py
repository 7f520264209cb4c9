"""How figures went from commit to commit, with their levels: what `harness history` finds, as a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.gate.history import metrics, words
from harness.gate.history.build import all_series
from harness.gate.history.commits import Repository
from harness.gate.history.files import files_in
from harness.gate.history.levels import Series
from harness.gate.history.timeline import Point as Measured
from harness.page.content import RECORD, Chart, Curve, Point, Ref, View

METRICS = ("parts.wholebody.AP", "parts.wholebody.AR", *(f"parts.{part}.AP" for part in metrics.PARTS
                                                         if part != "wholebody"), *metrics.COSTS)
RECORDED = {metrics.TIME: ("times", "images_per_second"), metrics.MEMORY: ("memory", "peak_bytes"),
            metrics.MACS: ("model", "gmacs"), metrics.PARAMETERS: ("model", "parameters")}
"""Where a record has what a cost is worked out from."""
LONGEST_NOTE = 600
"""Characters of what is said of a view's series."""


def chart(results: Path, store: Path, repository: Repository, keys: Mapping[str, str]) -> tuple[list[Chart], list[str]]:
    """The chart of all rows that were measured more than once, and a line for each file that cannot be used.

    `keys` has the key of each record's file that the page can open.
    """
    skipped: list[str] = []
    files = list(files_in([results], store, skipped.append))
    views: list[View] = []
    for metric in METRICS:
        views += _views(metric, all_series(files, metric, repository, skipped), keys)
    if not views:
        return [], skipped
    rows = tuple(dict.fromkeys(view.choice[0] for view in views))
    figures = tuple(dict.fromkeys(view.choice[1] for view in views))
    return [Chart("history", "Level by commit", "lines", (("Row", rows), ("Figure", figures)), tuple(views), (),
                  ("What may not be held against each other (another machine, protocol or data) is a curve of its own. "
                   "Dashed: the levels that can be told apart. A commit with + had changes that are in no commit, and "
                   "counts for no level.",), views[0].choice)], list(dict.fromkeys(skipped))


def _views(metric: str, found: tuple[Series, ...], keys: Mapping[str, str]) -> Iterator[View]:
    for title in dict.fromkeys(series.title for series in found):
        of = [series for series in found if series.title == title]
        if max(len(series.points) for series in of) < 2:
            continue
        seen = dict.fromkeys((point.date, point.name) for series in of for point in series.points)
        places = sorted(seen, key=lambda place: place[0])  # of one second: in git's order, which the series has
        curves = [curve for series in of for curve in _curves(series, metric, places, keys)]
        said = dict.fromkeys(sentence for series in of for sentence in words.sentences(series, metric))
        ratio = next((series.relative_to for series in of if series.relative_to), None)
        unit = "relative to " + ratio[:7] if ratio else metrics.UNITS.get(metric, "")
        yield View((title, metric), tuple(curves), "commits, oldest first", f"{metric}{f' ({unit})' if unit else ''}",
                   "; ".join(said)[:LONGEST_NOTE])


def _curves(series: Series, metric: str, places: list[tuple[str, str]], keys: Mapping[str, str]) -> Iterator[Curve]:
    at = {place: number for number, place in enumerate(places, start=1)}
    points = [(at[point.date, point.name], point) for point in series.points]
    ratio = series.relative_to is not None
    yield Curve(series.name, tuple(_point(x, point, metric, ratio, keys) for x, point in points), series.name)
    levels = [(x, level) for (x, _), level in zip(points, series.levels, strict=True) if level is not None]
    if levels:
        yield Curve(f"{series.name}: level", tuple(Point(x, level) for x, level in levels), series.name, step=True)


def _point(x: int, point: Measured, metric: str, ratio: bool, keys: Mapping[str, str]) -> Point:
    one = point.measured
    key = keys.get(one.source)
    where = RECORDED.get(metric) or ("metrics", *metric.split("."))
    label = (f"{words.commit(point)}, {point.date[:10]}, {words.subject(point)} ({words.cell(point, metric, ratio)}; "
             f"{one.source})")
    return Point(x, one.value, one.low, one.high, label, Ref(RECORD, key, where, "measured") if key else None)
