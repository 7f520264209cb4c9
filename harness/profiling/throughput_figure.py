"""The figure of a profile: images a second against batch size, a line for each network, mode and precision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.profiling.figures import save
from harness.profiling.words import mode, size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito's, distinct for the colour-blind (jfly.uni-koeln.de/color), less yellow, which paper swallows."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", ":", "-.")
"""With the markers they tell lines apart in greyscale, and go on where the colours begin again."""


def lines_of(record: dict[str, Any]) -> dict[str, list[tuple[int, float, float, float]]]:
    """By name of the line: batch, and images a second of the median call and at the quartiles of the rounds, by batch.

    Names leave out what is the same for all rows; rows without times are no points.
    """
    rows = [row for row in record["rows"] if row["median_ms"] is not None]
    names = [_parts(row) for row in rows]
    differing = [len({name[i] for name in names}) > 1 for i in range(len(names[0]))] if names else []
    found: dict[str, list[tuple[int, float, float, float]]] = {}
    for row, name in zip(rows, names, strict=True):
        words = [part for part, differs in zip(name, differing, strict=True) if differs] or [name[0]]
        found.setdefault(" ".join(words), []).append((row["batch"], *_rates(row)))
    return {name: sorted(points) for name, points in found.items()}


def _parts(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return row["model"], size(row["input"]), row["precision"], mode(row)


def _rates(row: dict[str, Any]) -> tuple[float, float, float]:
    """Images a second, and the quartiles of the rounds' medians."""
    import numpy as np

    medians = [float(np.median(samples)) for samples in row["samples_ms"] if samples]
    slow, fast = np.percentile(medians, [75, 25])
    return row["images_per_second"], 1e3 * row["batch"] / float(slow), 1e3 * row["batch"] / float(fast)


def throughput_figure(record: dict[str, Any]) -> Figure:
    """Draw the rows of a record; bars are the quartiles of the rounds."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    found = lines_of(record)
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.subplots()
        for i, (name, points) in enumerate(found.items()):
            batch, rate, low, high = zip(*points, strict=True)
            below = [max(0.0, a - b) for a, b in zip(rate, low, strict=True)]
            above = [max(0.0, b - a) for a, b in zip(rate, high, strict=True)]
            axes.errorbar(batch, rate, yerr=[below, above], label=name, color=COLOURS[i % len(COLOURS)],
                          marker=MARKERS[i % len(MARKERS)], linestyle=DASHES[i // len(COLOURS) % len(DASHES)],
                          linewidth=1.4, markersize=5, capsize=3, elinewidth=1)
        axes.set_xscale("log", base=2)
        batches = sorted({point[0] for points in found.values() for point in points})
        axes.xaxis.set_major_locator(FixedLocator(batches))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(batches, [str(batch) for batch in batches])
        axes.set_ylim(bottom=0)
        axes.set_xlabel("images in a batch")
        works = {row["what"] for row in record["rows"]}
        axes.set_ylabel(f"images/s, {' and '.join(sorted(works))}")
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        figure.suptitle(_title(record), x=0.01, ha="left", fontsize=9)
        if len(found) > 1:
            figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=2, frameon=False,
                          fontsize=8)
    return figure


def _title(record: dict[str, Any]) -> str:
    """What is the same for all rows, and where it was measured."""
    rows, settings, machine = record["rows"], record["settings"], record["machine"]
    names = [_parts(row) for row in rows]
    shared = [values.pop() for values in ({name[i] for name in names} for i in range(4)) if len(values) == 1]
    on_cpu = f"{machine['processor']}, {settings['threads']} thread(s)"
    where = machine.get("gpu") if settings["device"] == "cuda" else on_cpu
    return f"{', '.join(shared)}\n{where}; median call, bars: quartiles of {settings['rounds']} rounds".lstrip()


def write_figure(path: Path, record: dict[str, Any]) -> None:
    """Raises UserError as `figures.save` does."""
    save(path, lambda: throughput_figure(record))
