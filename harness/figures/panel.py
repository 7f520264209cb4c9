"""One picture with people's key points on it, coloured by part, opaque where the network is sure."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import numpy as np

from harness.data.images import decode_image
from harness.errors import UserError
from harness.layout import Layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

PART_COLOURS = {"body": "#56b4e9", "foot": "#e69f00", "face": "#f0e442", "lefthand": "#009e73", "righthand": "#d55e00"}
"""Okabe and Ito's, distinct for the colour-blind (jfly.uni-koeln.de/color); the dark edge keeps them on any picture."""
OTHERS = ("#0072b2", "#cc79a7")
EDGE = "#000000"
FAINTEST = 0.3
"""Opacity at confidence 0; 1 at confidence 1, straight in between."""
PART_NAMES = {"lefthand": "left hand", "righthand": "right hand"}

Window = tuple[float, float, float, float]
"""x0, y0, x1, y1 in image pixels."""


def plain_text(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Text in the figure that `draw` makes is shown as it is: names of files and rows may have dollar signs, which
    matplotlib otherwise takes for formulas."""

    @functools.wraps(draw)
    def plain(*args: P.args, **kwargs: P.kwargs) -> Figure:
        import matplotlib

        with matplotlib.rc_context({"text.parse_math": False}):
            return draw(*args, **kwargs)

    return plain


def colours(layout: Layout) -> list[str]:
    """The colour of every key point, by its part."""
    smallest = [layout.part_of(k) for k in range(layout.size)]
    other = dict.fromkeys(part for part in smallest if part not in PART_COLOURS)
    palette = {**PART_COLOURS, **{part: OTHERS[i % len(OTHERS)] for i, part in enumerate(other)}}
    return [palette[part] for part in smallest]


def read_rgb(path: Path) -> np.ndarray:
    """The image (H, W, 3) uint8 RGB. Raises UserError where it cannot be read."""
    image = decode_image(path)
    if isinstance(image, str):
        raise UserError(f"image {path}: {image}")
    return np.ascontiguousarray(image[:, :, ::-1])


def window_around(spans: np.ndarray, size: np.ndarray, margin: float = 0.12) -> Window:
    """The part of an image of `size` (2,) width, height that shows boxes (n, 4) x0, y0, x1, y1 with a margin.

    The margin is a share of the longer side; the whole image where there is no box in it.
    """
    spans = spans[np.isfinite(spans).all(axis=1)]
    if len(spans) == 0:
        return 0.0, 0.0, float(size[0]), float(size[1])
    low, high = spans[:, :2].min(axis=0), spans[:, 2:].max(axis=0)
    edge = margin * float((high - low).max()) + 4
    low, high = np.maximum(low - edge, 0), np.minimum(high + edge, size)
    if (high - low < 8).any():
        return 0.0, 0.0, float(size[0]), float(size[1])
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def span_of(keypoints: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """(4,) x0, y0, x1, y1 of the shown points (K,) bool; NaN where there are none."""
    if not shown.any():
        return np.full(4, np.nan)
    points = keypoints[shown, :2]
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def show_image(axes: Axes, image: np.ndarray, window: Window) -> None:
    """Show a window of an image (H, W, 3), cut out so that files hold no more than is seen."""
    height, width = image.shape[:2]
    x0, y0 = int(np.floor(window[0])), int(np.floor(window[1]))
    x1, y1 = min(width, int(np.ceil(window[2]))), min(height, int(np.ceil(window[3])))
    axes.imshow(image[y0:y1, x0:x1], extent=(x0, x1, y1, y0), interpolation="antialiased")
    axes.set_xlim(window[0], window[2])
    axes.set_ylim(window[3], window[1])
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal")


def draw_person(axes: Axes, keypoints: np.ndarray, layout: Layout, scale: float = 1.0) -> None:
    """Draw one person's points (K, 3) x, y, confidence 0 to 1, and links, over what the axes show.

    A link is as opaque as its less certain end and has the colour of its second. `scale` multiplies all widths, which
    are in points of print.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    sure = np.isfinite(keypoints).all(axis=1)
    opacity = FAINTEST + (1 - FAINTEST) * np.clip(np.where(sure, keypoints[:, 2], 0), 0, 1)
    colour = colours(layout)
    fine = np.array([layout.part_of(k) not in ("body", "foot") and layout.size > 30 for k in range(layout.size)])
    links = [(a, b) for a, b in layout.skeleton if sure[a] and sure[b]]
    lines = [keypoints[[a, b], :2] for a, b in links]
    widths = np.array([0.6 if fine[a] and fine[b] else 1.5 for a, b in links]) * scale
    strength = [float(min(opacity[a], opacity[b])) for a, b in links]
    axes.add_collection(LineCollection(lines, linewidths=widths + 0.6 * scale, capstyle="round",
                                       colors=[to_rgba(EDGE, 0.6 * s) for s in strength]))
    axes.add_collection(LineCollection(lines, linewidths=widths, capstyle="round",
                                       colors=[to_rgba(colour[b], s) for (a, b), s in zip(links, strength,
                                                                                          strict=True)]))
    at = np.flatnonzero(sure)
    axes.scatter(keypoints[at, 0], keypoints[at, 1], s=np.where(fine[at], 1.6, 9.0) * scale**2,
                 c=[to_rgba(colour[k], opacity[k]) for k in at], zorder=3,
                 edgecolors=[to_rgba(EDGE, opacity[k]) for k in at],
                 linewidths=(np.where(fine[at], 0.15, 0.5) * scale).tolist())


def confidence(keypoints: np.ndarray, layout: Layout) -> str:
    """The mean confidence of each part, in words; parts of which a point is NaN are left out."""
    found = []
    for name, part in layout.parts.items():
        if part.points is not None and np.isfinite(keypoints[part.slice, 2]).all():
            found.append(f"{PART_NAMES.get(name, name)} {keypoints[part.slice, 2].mean():.2f}")
    return ", ".join(found)


def legend(figure: Figure, layout: Layout) -> None:
    """Below a figure: the colour of every part, and what opacity means."""
    from matplotlib.colors import to_rgba
    from matplotlib.lines import Line2D

    colour = colours(layout)
    parts = list(dict.fromkeys(layout.part_of(k) for k in range(layout.size)))
    handles = [Line2D([], [], color=colour[[layout.part_of(k) for k in range(layout.size)].index(part)], marker="o",
                      markersize=4, markeredgecolor=EDGE, markeredgewidth=0.5, label=PART_NAMES.get(part, part))
               for part in parts]
    for value in (0.0, 0.5, 1.0):
        shade = to_rgba("#555555", FAINTEST + (1 - FAINTEST) * value)
        handles.append(Line2D([], [], color=shade, marker="o", markersize=4, label=f"confidence {value:g}"))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4), fontsize=7, frameon=False)
