"""Figure S1: the tokens of every stage over the image, networks one below the other, with the shares beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import unknown
from harness.figures.shares import AREAS
from harness.figures.tokens import Stage, density, regions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VIEWS = ("regions", "density")
PAGE = 7.2
"""Inches: two columns of print."""
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
    """Of the network, and which weights it has."""
    image: str
    crop: np.ndarray
    """(H, W, 3) uint8 RGB."""
    stages: list[Stage]
    shares: np.ndarray | None
    """(S, len(AREAS)), None where nobody is annotated."""


def parse_views(text: str) -> list[str]:
    """"regions,density". Raises UserError for others."""
    views = [part.strip() for part in text.split(",")]
    for view in views:
        if view not in VIEWS:
            raise unknown("view", view, VIEWS, "in --view")
    return list(dict.fromkeys(views))


def token_figure(shown: list[Shown], views: list[str]) -> Figure:
    """A line for each network, view and picture: the input, then the stages. All have the same number of stages."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    columns = 1 + max(len(of.stages) for of in shown)
    width = PAGE / columns
    heights = [width * of.crop.shape[0] / of.crop.shape[1] + 0.5 for of in shown for _ in views]
    figure = Figure(figsize=(PAGE, sum(heights) + 0.5), layout="constrained")
    grid = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights)
    norm = LogNorm(*DENSITIES)
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
    for number, line in enumerate(grid):
        of, view = shown[number // len(views)], views[number % len(views)]
        line[0].imshow(of.crop, interpolation="antialiased")
        line[0].set_title(of.image, fontsize=6)
        line[0].set_ylabel(of.title, fontsize=6)
        for place, stage in enumerate(of.stages):
            axes = line[place + 1]
            if view == "density":
                axes.imshow(np.clip(density(stage), *DENSITIES), cmap=COLOURS, norm=norm, interpolation="nearest")
            else:
                axes.imshow(regions(stage, of.crop, -(-LONGEST // max(of.crop.shape))), interpolation="antialiased")
            axes.set_title(f"stage {place + 1}: {stage.tokens} tokens", fontsize=6)
            if of.shares is not None:
                axes.set_xlabel(in_words(of.shares[place]), fontsize=5.5)
        for axes in line[len(of.stages) + 1:]:
            axes.set_axis_off()
    if "density" in views:
        scale = figure.colorbar(ScalarMappable(norm, COLOURS), ax=list(grid.flat), location="bottom", shrink=0.5,
                                aspect=40, extend="both", pad=0.02)
        scale.set_ticks([1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8], labels=["1/8", "1/4", "1/2", "1", "2", "4", "8"])
        scale.minorticks_off()
        scale.ax.tick_params(labelsize=6)
        scale.set_label("tokens an area, over the mean", fontsize=6)
    return figure


def in_words(shares: np.ndarray) -> str:
    """The shares of a stage, (len(AREAS),), below a picture."""
    of = {area: f"{area} {value:.0%}" if value >= 0.1 else f"{area} {value:.1%}"
          for area, value in zip(AREAS, shares, strict=True)}
    return f"{of['people']}, {of['background']}\n{of['faces']}, {of['hands']}"
