"""The tokens of every stage over the image: of one network stage by stage (S5, S8), of several abreast (S1, S9)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UserError, unknown
from harness.figures.panel import plain_text
from harness.figures.regions import density, regions
from harness.figures.shares import AREAS
from harness.figures.tokens import Stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

VIEWS = ("regions", "density")
PAGE = 7.2
"""Inches: two columns of print."""
MOST = 8
"""Pictures beside each other, inputs included: with more, the words around them no longer fit."""
LETTER = 0.05
"""Inches, the mean width of a letter or digit at 6 points."""
DENSITIES = (1 / 8, 8.0)
"""Ends of the colour scale, the same in every figure, so that figures can be held beside each other."""
COLOURS = "cividis"
"""Even in lightness and the same for the colour-blind (Nunez, Anderton and Renslow, PLOS ONE 2018)."""
LONGEST = 512
"""Pixels of a picture's longer side, at least: borders stay thin beside tokens."""


@dataclass(frozen=True)
class Shown:
    """One network on one view."""

    title: str
    """Of the network."""
    weights: str
    """Which weights it has, in a few words."""
    input: str
    """What it sees, in a few words."""
    image: str
    crop: np.ndarray
    """(H, W, 3) uint8 RGB."""
    stages: list[Stage]
    shares: np.ndarray | None
    """(S, len(AREAS)), None where nobody is annotated."""


@dataclass(frozen=True)
class Cell:
    """One place of the figure: an input, where there is no stage, or the tokens of a stage."""

    of: Shown
    stage: int | None = None
    """0-based."""
    view: str = VIEWS[0]
    head: str = ""
    left: str = ""


Line = list[Cell | None]


def parse_views(text: str) -> list[str]:
    """"regions,density". Raises UserError for others."""
    views = [part.strip() for part in text.split(",")]
    for view in views:
        if view not in VIEWS:
            raise unknown("view", view, VIEWS, "in --view")
    return list(dict.fromkeys(views))


def parse_stages(text: str) -> list[int]:
    """"2,3,4": stages counted from 1, ascending; empty for all. Raises UserError for what is no stage."""
    from tcformer.backbone import STAGES

    stages = [part.strip() for part in text.split(",") if part.strip()]
    for stage in stages:
        if not stage.isdecimal() or not 1 <= int(stage) <= STAGES:
            raise unknown("stage", stage, [str(number) for number in range(1, STAGES + 1)], "in --stages")
    return sorted({int(stage) for stage in stages}) or list(range(1, STAGES + 1))


def token_figure(images: Sequence[Sequence[Shown | None]], views: list[str], stages: list[int]) -> Figure:
    """For each image its networks, all images the same number of them; `stages` are counted from 1.

    One network: a line for each image and view, its stages side by side. Several: these side by side in one line for
    each image, stage and view; each has its input on its left where that is not what its neighbour has there.
    Raises UserError for more networks than fit.
    """
    places = [stage - 1 for stage in stages]
    alone = len(images[0]) == 1
    lines = _stages_abreast(images, views, places) if alone else _networks_abreast(images, views, places)
    if len(lines[0]) > MOST:
        raise UserError(f"{len(images[0])} networks and tasks, {len(lines[0])} pictures with their inputs, beside each "
                        f"other: at most {MOST} fit on a page; name fewer rows or tasks")
    return draw(lines, views)


def _stages_abreast(images: Sequence[Sequence[Shown | None]], views: list[str], stages: list[int]) -> list[Line]:
    lines: list[Line] = []
    for (of,) in images:
        assert of is not None
        for view in views:
            line: Line = [Cell(of, head=of.image, left=f"{of.title}\n{of.weights}\n{of.input}")]
            line += [Cell(of, stage, view, f"stage {stage + 1}: {of.stages[stage].tokens} tokens") for stage in stages]
            lines.append(line)
    return lines


def _networks_abreast(images: Sequence[Sequence[Shown | None]], views: list[str], stages: list[int]) -> list[Line]:
    count = len(images[0])
    own_input = [number == 0 or any(_differ(of[number - 1], of[number]) for of in images) for number in range(count)]
    lines: list[Line] = []
    for image, of in enumerate(images):
        for at, (stage, view) in enumerate((stage, view) for stage in stages for view in views):
            line: Line = []
            for number, shown in enumerate(of):
                if own_input[number]:
                    line.append(Cell(shown, head=f"{shown.image}\n{shown.input}") if shown and at == 0 else None)
                if shown is None:
                    line.append(None)
                    continue
                words = f"stage {stage + 1}: {shown.stages[stage].tokens} tokens"
                head = f"{shown.title}\n{shown.weights}\n{words}" if at == 0 and image == 0 else words
                line.append(Cell(shown, stage, view, head))
            lines.append(line)
    return lines


def _differ(a: Shown | None, b: Shown | None) -> bool:
    return a is not None and b is not None and not np.array_equal(a.crop, b.crop)


@plain_text
def draw(lines: list[Line], views: list[str]) -> Figure:
    """Lines of cells, all of one length; None is an empty place."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    columns = len(lines[0])
    width = PAGE / columns
    norm = LogNorm(*DENSITIES)
    heights = [max(_height(cell, width) for cell in line if cell) for line in lines]
    figure = Figure(figsize=(PAGE, sum(heights) + (0.6 if "density" in views else 0.1)), layout="constrained")
    grid = figure.subplots(len(lines), columns, squeeze=False, height_ratios=heights)
    for line, places in zip(lines, grid, strict=True):
        for cell, axes in zip(line, places, strict=True):
            if cell is None:
                axes.set_axis_off()
            else:
                _fill(axes, cell, width, norm)
    if "density" in views:
        scale = figure.colorbar(ScalarMappable(norm, COLOURS), ax=list(grid.flat), location="bottom", shrink=0.5,
                                aspect=40, extend="both", pad=0.02)
        scale.set_ticks([1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8], labels=["1/8", "1/4", "1/2", "1", "2", "4", "8"])
        scale.minorticks_off()
        scale.ax.tick_params(labelsize=6)
        scale.set_label("tokens an area, over the mean", fontsize=6)
    return figure


def _height(cell: Cell, width: float) -> float:
    """Inches of a cell with its words."""
    lines = _wrapped(cell.head, width).count("\n") + _below(cell, width).count("\n")
    return width * cell.of.crop.shape[0] / cell.of.crop.shape[1] + 0.1 * lines + 0.15


def _below(cell: Cell, width: float) -> str:
    """The shares of a cell's stage, where it has any."""
    if cell.stage is None or cell.of.shares is None:
        return ""
    return _wrapped(in_words(cell.of.shares[cell.stage]), width)


def _fill(axes: Axes, cell: Cell, width: float, norm: LogNorm) -> None:
    of = cell.of
    axes.set_xticks([])
    axes.set_yticks([])
    if cell.stage is None:
        axes.imshow(of.crop, interpolation="antialiased")
    elif cell.view == "density":
        axes.imshow(np.clip(density(of.stages[cell.stage]), *DENSITIES), cmap=COLOURS, norm=norm,
                    interpolation="nearest")
    else:
        axes.imshow(regions(of.stages[cell.stage], of.crop, -(-LONGEST // max(of.crop.shape))),
                    interpolation="antialiased")
    axes.set_title(_wrapped(cell.head, width), fontsize=6, pad=2)
    axes.set_ylabel(_wrapped(cell.left, width * of.crop.shape[0] / of.crop.shape[1]), fontsize=6)
    axes.set_xlabel(_below(cell, width), fontsize=5.5, labelpad=2)


def _wrapped(text: str, width: float) -> str:
    """Every line of a text broken so that none is longer than `width` inches."""
    letters = max(8, int(width / LETTER))
    return "\n".join(textwrap.fill(line, letters, break_on_hyphens=False) for line in text.split("\n"))


def in_words(shares: np.ndarray) -> str:
    """The shares of a stage, (len(AREAS),), below a picture."""
    of = {area: f"{area}\u00a0{value:.0%}" if value >= 0.1 else f"{area}\u00a0{value:.1%}"
          for area, value in zip(AREAS, shares, strict=True)}
    return f"{of['people']}, {of['background']}\n{of['faces']}, {of['hands']}"
