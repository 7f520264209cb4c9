"""The figure of a history: for each series its values by commit, levels as lines, and steps with their commits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.gate.history import metrics, words
from harness.gate.history.build import History
from harness.gate.history.levels import Series
from harness.gate.present.words import plain, signed
from harness.profiling.figures import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VALUE, LEVEL, STEP = "#332288", "#cc6677", "#555555"
"""Of Paul Tol's "muted" scheme, distinct for the colour-blind (SRON technical note SRON/EPS/TN/09-002); in greyscale,
dots, thick lines and dashes tell them apart."""
MOST = 8
"""Series in one figure."""
TICKS = 24
"""Commits that are named below an axis."""


def history_figure(found: History) -> Figure:
    """Draw the first `MOST` series, one below the other."""
    import matplotlib
    from matplotlib.figure import Figure

    shown = found.series[:MOST]
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(9, 0.7 + 2.9 * len(shown)), layout="constrained")
        for axes, series in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
            _draw(axes, series, found.metric)
        more = f" ({len(found.series) - MOST} more series are not drawn)" if len(found.series) > MOST else ""
        figure.suptitle(f"{plain(found.row)}: {found.metric}{more}", x=0.01, ha="left", parse_math=False)
        handles = {label: handle for axes in figure.axes
                   for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
        figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=4, frameon=False, fontsize=8)
    return figure


def _draw(axes: Axes, series: Series, metric: str) -> None:
    scale = {metrics.TIME: 1.0, metrics.MEMORY: 1 / 2**20}.get(metric, 1.0)
    groups = list(dict.fromkeys(point.group for point in series.points))
    x = [groups.index(point.group) for point in series.points]
    for dirty, face in ((False, VALUE), (True, "none")):
        chosen = [i for i, point in enumerate(series.points) if point.measured.dirty == dirty]
        values = [scale * series.points[i].measured.value for i in chosen]
        axes.plot([x[i] for i in chosen], values, "o", color=VALUE, markerfacecolor=face, markersize=4, zorder=3,
                  label="measured, with changes in no commit" if dirty else "measured") if chosen else None
    bars = [(x[i], scale * one.low, scale * one.high) for i, one in enumerate(p.measured for p in series.points)
            if one.low is not None and one.high is not None]
    if bars:
        axes.vlines(*zip(*bars, strict=True), color=VALUE, linewidth=0.8, alpha=0.6, label="95 % interval", zorder=2)
    _levels(axes, series, x, scale)
    _steps(axes, series, groups, metric)
    _labels(axes, series, groups, x, metric)


def _levels(axes: Axes, series: Series, x: list[int], scale: float) -> None:
    runs: list[tuple[float, list[int]]] = []
    for place, level in zip(x, series.levels, strict=True):
        if level is not None and runs and runs[-1][0] == level:
            runs[-1][1].append(place)
        elif level is not None:
            runs.append((level, [place]))
    for number, (level, places) in enumerate(runs):
        axes.hlines(scale * level, min(places) - 0.4, max(places) + 0.4, color=LEVEL, linewidth=2.2, zorder=1,
                    label="level" if number == 0 else "")


def _steps(axes: Axes, series: Series, groups: list[int], metric: str) -> None:
    for number, change in enumerate(series.changes):
        at = groups.index(change.first.group) - 0.5
        axes.axvline(at, color=STEP, linestyle="--", linewidth=1, label="step" if number == 0 else None)
        size = signed(change.change, metrics.is_relative(metric), exact=change.exact)
        several = f" or {len(change.commits) - 1} before" if len(change.commits) > 1 else ""
        axes.annotate(f"{change.first.name}{several}\n{size}", (at, 1), xycoords=("data", "axes fraction"),
                      xytext=(3, -3), textcoords="offset points", ha="left", va="top", fontsize=8, color="black",
                      bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8})


def _labels(axes: Axes, series: Series, groups: list[int], x: list[int], metric: str) -> None:
    by_group = {point.group: point for point in series.points}
    every = -(-len(groups) // TICKS)
    ticks = range(0, len(groups), every)
    axes.set_xticks(list(ticks), [f"{by_group[groups[i]].name}\n{by_group[groups[i]].date[2:10]}" for i in ticks],
                    rotation=90 if len(ticks) > 12 else 0, fontsize=7)
    axes.set_xlim(-0.6, max(x) + 0.6)
    axes.margins(y=0.25)
    unit = "relative to " + series.relative_to[:7] if series.relative_to else {
        metrics.TIME: "ms", metrics.MEMORY: "MiB"}.get(metric, words.short(metric))
    axes.set_ylabel(unit)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_title(plain(series.name, 110), loc="left", fontsize=8, parse_math=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def write_figure(path: Path, found: History) -> None:
    """Raises UserError as `harness.profiling.figures.save` does."""
    save(path, lambda: history_figure(found))
