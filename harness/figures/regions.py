"""Pictures of tokens: every token one region in its mean colour with a border, or how dense tokens lie."""

from __future__ import annotations

import numpy as np

from harness.figures.tokens import Stage

BLACK, LIGHT = (0, 0, 0), (200, 200, 200)
"""Borders of bright and of dark tokens."""
DARK = 0.127
"""Relative luminance (WCAG 2.2) below which a token is dark: there both borders have the same contrast to it, 3.5 to 1,
so that no border has less (WCAG asks for 3 to 1 of graphics)."""


def regions(stage: Stage, crop: np.ndarray, zoom: int) -> np.ndarray:
    """(zoom H, zoom W, 3) uint8: every token in the mean colour of its pixels, with borders between tokens.

    `crop` is the input (H, W, 3); a border is one pixel wide, left of and above where another token begins.
    """
    height, width = crop.shape[0] * zoom, crop.shape[1] * zoom
    owner = enlarge(stage, (crop.shape[0], crop.shape[1]))
    count = int(stage.index.max()) + 1
    size = np.maximum(np.bincount(owner.ravel(), minlength=count), 1)
    mean = np.stack([np.bincount(owner.ravel(), crop[:, :, c].ravel().astype(np.float64), count) / size
                     for c in range(3)], axis=1)
    fine = enlarge(stage, (height, width))
    picture = np.rint(mean).astype(np.uint8)[fine]
    border = np.zeros(fine.shape, dtype=bool)
    border[1:] |= fine[1:] != fine[:-1]
    border[:, 1:] |= fine[:, 1:] != fine[:, :-1]
    dark = (luminance(mean) < DARK)[fine]
    for colour, where in zip((BLACK, LIGHT), (border & ~dark, border & dark), strict=True):
        picture[where] = colour
    return picture


def luminance(colour: np.ndarray) -> np.ndarray:
    """Relative luminance (...,), 0 to 1, of sRGB colours (..., 3), 0 to 255 (WCAG 2.2)."""
    value = np.asarray(colour) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def density(stage: Stage) -> np.ndarray:
    """(rows, columns) tokens a cell, over their mean: above 1 where tokens are small; 1 everywhere for an even spread.
    """
    size = np.bincount(stage.index)
    return (len(stage.index) / stage.tokens / size[stage.index]).reshape(stage.grid)


def enlarge(stage: Stage, size: tuple[int, int]) -> np.ndarray:
    """(height, width) the token of every pixel of a picture of the grid."""
    rows, columns = stage.grid
    row, column = np.arange(size[0]) * rows // size[0], np.arange(size[1]) * columns // size[1]
    return stage.index.reshape(stage.grid)[row[:, None], column]
