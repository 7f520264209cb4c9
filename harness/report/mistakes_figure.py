"""The figure of a diagnosis: for every part a bar from its AP to 1, cut into what each class of mistake costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.profiling.figures import save
from harness.report.mistakes import TITLES, won
from harness.report.plain import HEADINGS
from harness.scoring.repairs import CLASSES, Diagnosis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = {
    "swap": ("#332288", ""), "inversion": ("#88ccee", "//"), "wrong_person": ("#117733", "xx"), "miss": ("#ddcc77", ""),
    "jitter": ("#cc6677", "\\\\"), "good": ("#f3e3e6", ""), "false_positive": ("#882255", ".."),
    "score_order": ("#bbbbbb", "--"), "missed": ("#ffffff", "")}
"""Class -> colour and hatch. Paul Tol's "muted" scheme, distinct for the colour-blind (SRON technical note
SRON/EPS/TN/09-002); hatches and an order that alternates dark and light tell neighbours apart in greyscale."""

AS_IT_IS, GROUND = "#222222", "#ffffff"
"""Of the bar that is there before repairs, and below numbers that lie on several bars."""
EQUAL = 0.179
"""Relative luminance (WCAG 2.2) that has the same contrast to black and to white."""


def write_figure(path: Path, diagnosis: Diagnosis, title: str) -> None:
    """Draw repairs one after another (left) and each alone (right). Raises UserError as
    `harness.profiling.figures.save` does."""
    import matplotlib

    with matplotlib.rc_context({"hatch.linewidth": 0.6, "font.size": 9}):  # hatches are drawn when the file is written
        save(path, lambda: mistakes_figure(diagnosis, title))


def on(colour: Any) -> str:
    """Black or white, whichever has the greater contrast to a colour of matplotlib's."""
    from matplotlib.colors import to_rgb

    from harness.figures.regions import luminance

    return "white" if luminance(255 * np.array(to_rgb(colour))) < EQUAL else "black"


def mistakes_figure(diagnosis: Diagnosis, title: str) -> Figure:
    """For every part a bar from its AP, and what each class of mistake costs."""
    from matplotlib.figure import Figure

    parts = [part for part, of in diagnosis.found.items() if of["AP"] is not None]
    figure = Figure(figsize=(11, 1.6 + 0.42 * len(parts)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    names = [HEADINGS.get(part, part) for part in parts]
    start = [diagnosis.found[part]["AP"] or 0.0 for part in parts]
    left.barh(names, start, color=AS_IT_IS, label="AP as it is")
    for name, value in zip(names, start, strict=True):
        wide = value > 0.1  # room for the number inside of the bar; else it lies on others, and has a ground of its own
        left.text(value - 0.005 if wide else value + 0.01, name, f"{value:.3f}", ha="right" if wide else "left",
                  va="center", color=on(AS_IT_IS if wide else GROUND), zorder=4,
                  bbox=None if wide else {"facecolor": GROUND, "edgecolor": "none", "pad": 1})
    before = diagnosis.found
    for kind in CLASSES:
        after = diagnosis.in_turn[kind]
        width = [won(before, after, part) or 0.0 for part in parts]
        colour, hatch = STYLES[kind]
        left.barh(names, width, left=[before[part]["AP"] or 0.0 for part in parts], color=colour, hatch=hatch,
                  edgecolor="black", linewidth=0.5, label=TITLES[kind])
        before = after
    left.set_xlim(0, 1)
    left.invert_yaxis()
    left.set_title("AP, and what repairs add in turn", loc="left")
    alone = [[won(diagnosis.found, diagnosis.alone[kind], part) or 0.0 for kind in CLASSES] for part in parts]
    top = max(max(row) for row in alone) or 1.0
    shown = right.imshow(alone, cmap="Greys", vmin=0, vmax=1.4 * top, aspect="auto")
    for i, row in enumerate(alone):
        for j, value in enumerate(row):
            right.text(j, i, f"{value:.3f}".replace("0.", ".", 1), ha="center", va="center", fontsize=8,
                       color=on(shown.to_rgba(value)))
    right.set_xticks(range(len(CLASSES)), [TITLES[kind] for kind in CLASSES], rotation=35, ha="right")
    right.set_title("AP added by each repair alone", loc="left")
    figure.suptitle(title, x=0.01, ha="left", parse_math=False)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=5, frameon=False)
    return figure
