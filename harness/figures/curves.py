"""How a table's trainings went, and what they reached: loss by epoch, and each row's scores with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.report.model import STAND_IN, RowResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito's, which colour-blind readers tell apart; networks beyond the eighth begin anew with another dash."""
DASHES = ("-", "--", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

WIDE = 5.0
"""Ratio of the largest loss to the smallest from which the axis is logarithmic."""

TITLES = {"mse": "mean squared error", "cross_entropy": "cross entropy"}


@dataclass(frozen=True)
class Curve:
    """A row with all of its training seeds."""

    title: str
    """Of the row; of a stand-in with the network that stood in."""
    model: str
    loss: str
    """That it was trained with: losses of two kinds share no axis."""
    seeds: tuple[Any, ...]
    """Of the records."""
    losses: tuple[tuple[tuple[int, float], ...], ...]
    """Epoch and loss, of each seed."""
    scores: dict[str, tuple[tuple[float, float | None, float | None], ...]]
    """Metric -> value, low and high of each seed; low and high None without an interval."""


def curves_of(results: Sequence[RowResult], part: str, metrics: Sequence[str]) -> list[Curve]:
    """The rows that were trained here; none where none was."""
    return [_curve(result, part, metrics) for result in results
             if result.measured and any(_history(record) for record in result.trainings)]


def _history(record: Any) -> list[Any]:
    return (record.get("training") or {}).get("history") or []


def _curve(result: RowResult, part: str, metrics: Sequence[str]) -> Curve:
    records = [record for record in result.trainings if _history(record)]
    return Curve(
        _named(result), str(result.get("model", "name")),
        str(result.get("protocol", "target", "loss") or "loss"), tuple(record.get("seed") for record in records),
        tuple(tuple((epoch["epoch"], epoch["loss"]) for epoch in _history(record) if epoch.get("loss") is not None)
              for record in records),
        {metric: tuple(_scores(records, part, metric)) for metric in metrics})


def _named(result: RowResult) -> str:
    title = str(result.row["title"])
    return f"{title}\n({result.get('model', 'name')}, stand-in)" if result.status == STAND_IN else title


def _scores(records: Sequence[Any], part: str, metric: str) -> Iterator[tuple[float, float | None, float | None]]:
    for record in records:
        value = (record["metrics"]["parts"].get(part) or {}).get(metric)
        if value is not None:
            intervals = (record.get("intervals") or {}).get("parts") or {}
            low, high = (intervals.get(part) or {}).get(metric) or (None, None)
            yield value, low, high


def draw(curves: Sequence[Curve], part: str, title: str) -> Figure:
    """A panel of training loss for each kind of loss, and one of scores for each metric."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(curve.loss for curve in curves))
    metrics = [metric for metric in curves[0].scores if any(curve.scores[metric] for curve in curves)]
    height = 1.0 + 0.4 * len(curves)
    figure = Figure(figsize=(3.6 * max(len(kinds), len(metrics), 2), 3 + height), layout="constrained")
    figure.suptitle(title)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[3, height])[:, 0]
    styles = {model: (COLOURS[i % len(COLOURS)], DASHES[i // len(COLOURS) % len(DASHES)], MARKERS[i % len(MARKERS)])
              for i, model in enumerate(dict.fromkeys(curve.model for curve in curves))}
    for kind, panel in zip(kinds, above.subplots(1, len(kinds), squeeze=False)[0], strict=True):
        _losses(panel, [curve for curve in curves if curve.loss == kind], styles, TITLES.get(kind, kind))
    panels = below.subplots(1, len(metrics), squeeze=False)[0] if metrics else []
    for place, (metric, panel) in enumerate(zip(metrics, panels, strict=True)):
        _points(panel, curves, metric, styles, f"{part} {metric}", named=place == 0)
    return figure


def _losses(panel: Axes, curves: Sequence[Curve], styles: dict[str, tuple[str, str, str]], title: str) -> None:
    alike = len({curve.model for curve in curves}) < len(curves)  # rows of one network: their titles tell them apart
    for i, curve in enumerate(curves):
        colour, dash, marker = styles[curve.model]
        if alike:
            dash = DASHES[i % len(DASHES)]
        for number, points in enumerate(curve.losses):
            panel.plot(*zip(*points, strict=True), color=colour, linestyle=dash, linewidth=1, marker=marker,
                       markersize=3, markevery=max(1, len(points) // 5), alpha=0.8,
                       label=(curve.title if alike else curve.model) if number == 0 else None)
    from matplotlib.ticker import MaxNLocator

    values = [loss for curve in curves for points in curve.losses for _, loss in points]
    wide = min(values) > 0 and max(values) > WIDE * min(values)
    panel.set(xlabel="epoch", ylabel="training loss", title=title, yscale="log" if wide else "linear")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3, which="both")
    panel.legend(fontsize="small")


def _points(panel: Axes, curves: Sequence[Curve], metric: str, styles: dict[str, tuple[str, str, str]], title: str,
            named: bool) -> None:
    for row, curve in enumerate(curves):
        colour, _, marker = styles[curve.model]
        for seed, (value, low, high) in enumerate(curve.scores[metric]):
            height = row + 0.16 * (seed - (len(curve.scores[metric]) - 1) / 2)
            if low is not None and high is not None:
                panel.plot([low, high], [height, height], color=colour, linewidth=1)
            panel.plot([value], [height], color=colour, marker=marker, markersize=4, linestyle="none")
    panel.set(title=title, ylim=(len(curves) - 0.5, -0.5), yticks=range(len(curves)),
              yticklabels=[curve.title for curve in curves] if named else [""] * len(curves))
    panel.set_xlim(left=0)
    panel.grid(alpha=0.3, axis="x")


def as_json(curves: Sequence[Curve], part: str) -> dict[str, Any]:
    """The numbers that are drawn."""
    return {"part": part, "rows": [
        {"title": curve.title, "model": curve.model, "loss": curve.loss, "seeds": list(curve.seeds),
         "losses": [[list(point) for point in points] for points in curve.losses],
         "scores": {metric: [list(score) for score in scores] for metric, scores in curve.scores.items()}}
        for curve in curves]}


def facts_of(results: Sequence[RowResult]) -> list[dict[str, Any]]:
    """The records that are drawn, as the file beside a figure names them."""
    return [{**{name: record.get(name) for name in ("row", "title", "table", "profile", "status", "seed", "key")},
             "model": record["model"]["name"]} for result in results if result.measured for record in result.trainings
            if _history(record)]
