"""The figure of an end-to-end measurement: one bar of the stages' shares, and the whole without the clock below it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from harness.profiling.end_to_end_words import stage_name
from harness.profiling.figures import save
from harness.profiling.words import significant, size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = {"load": ("#332288", "", "white"), "crop": ("#88ccee", "//", "black"), "transfer": ("#117733", "", "white"),
          "network": ("#ddcc77", "", "black"), "decode": ("#cc6677", "\\\\", "black"), "nms": ("#882255", "", "white"),
          "other": ("#dddddd", "..", "black")}
"""Stage -> colour, hatch, and colour of its label. Paul Tol's "muted" scheme, distinct for the colour-blind (SRON
technical note SRON/EPS/TN/09-002); hatches tell neighbours apart in greyscale."""
LABELLED = 0.06
"""Shares from this on carry their percentage inside the bar; the legend has all."""


def end_to_end_figure(record: dict[str, Any]) -> Figure:
    """Draw the key `end_to_end` of a record; milliseconds are means, which add up to the whole."""
    import matplotlib
    from matplotlib.figure import Figure

    whole = record["end_to_end"]
    entire = whole["whole"]
    total = entire["ms_per_image"]["mean"]
    plain = median(entire["plain_ms"]) / whole["images"]
    with matplotlib.rc_context({"hatch.linewidth": 0.5, "font.size": 9}):
        figure = Figure(figsize=(9, 2.7), layout="constrained")
        axes = figure.subplots()
        start = 0.0
        for stage in whole["stages"]:
            colour, hatch, ink = STYLES[stage["stage"]]
            width, share = stage["ms_per_image"]["mean"], stage["share"]
            axes.barh(1, width, 0.62, left=start, color=colour, hatch=hatch, edgecolor="black", linewidth=0.5,
                      label=f"{stage_name(stage['stage'], whole)} {100 * share:.1f} %")
            if share >= LABELLED:
                axes.text(start + width / 2, 1, f"{100 * share:.0f} %", color=ink, ha="center", va="center",
                          bbox={"boxstyle": "square,pad=0.15", "facecolor": colour, "edgecolor": "none"})
            start += width
        axes.barh(0, plain, 0.3, color="#555555")
        rate = f"{significant(entire['images_per_second'])} images/s"
        axes.text(plain / 2, 0, rate, color="white", ha="center", va="center", fontsize=8)
        clocked = "each stage\nsynchronised" if whole["synchronised"] else "stages"
        axes.set_yticks([1, 0], [clocked, "without the\nstages' clock"])
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, 1.02 * max(total, plain))
        axes.set_xlabel("mean ms per image, from the file to scored people")
        top = axes.secondary_xaxis("top", functions=_to_percent(total))
        top.set_xlabel("% of the whole")
        for side in ("left", "right"):
            axes.spines[side].set_visible(False)
        figure.suptitle(f"{whole['model']} {size(whole['input'])}, batch {whole['batch']}, {whole['precision']}, "
                        f"{whole['device']}: {whole['images']} images, {whole['people']} people", x=0.01, ha="left")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=4, frameon=False, fontsize=8)
    return figure


def _to_percent(total: float) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Milliseconds to per cent of the whole, and back."""
    return lambda ms: 100 * ms / total, lambda percent: percent * total / 100


def write_figure(path: Path, record: dict[str, Any]) -> None:
    """Raises UserError as `figures.save` does."""
    save(path, lambda: end_to_end_figure(record))
