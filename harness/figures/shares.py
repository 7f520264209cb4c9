"""How many of a stage's tokens lie on people, faces, hands and background: the paper's claim, as numbers.

A token lies on an area with the share of its cells whose centres are in it; the share of a stage's tokens is the mean
of that over its tokens. At stage 1 every cell is a token, so its shares are those of the picture's area: tokens have
moved to an area where a later stage's share is the greater one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.types import People
from harness.layout import Layout
from harness.statistics import LEVEL

AREAS = ("people", "faces", "hands", "background")
"""people: in the annotated box of anybody in the image, or in one of their faces or hands. faces, hands: in the box
around somebody's labelled points of that part (`People` has no other). background: all else, beyond the image too."""
PARTS = {"faces": ("face",), "hands": ("lefthand", "righthand")}
RESAMPLES = 1000
FEWEST = 20
"""Images from which an interval is given; resampling fewer says little."""


def cell_centres(grid: tuple[int, int], center: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(cells, 2) image pixels: the centres of a grid's cells, row by row, in the crop of `center` and `size` (2,)."""
    rows, columns = grid
    across, down = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    unit = np.stack([np.tile(across, rows), np.repeat(down, columns)], axis=1)
    return np.asarray(center) - np.asarray(size) / 2 + unit * np.asarray(size)


def areas(people: People, rows: np.ndarray, layout: Layout, at: np.ndarray) -> dict[str, np.ndarray]:
    """Area -> (n,) bool, which of the pixels `at` (n, 2) lie in it; `rows` are the people of the image."""
    boxes = people.box[rows]
    spans = {"people": np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)}
    for area, parts in PARTS.items():
        found = []
        for part in (layout.parts[name] for name in parts if name in layout.parts):
            for keypoints in people.keypoints[rows][:, part.slice]:
                seen = keypoints[keypoints[:, 2] > 0, :2]
                if len(seen):
                    found.append(np.concatenate([seen.min(axis=0), seen.max(axis=0)]))
        spans[area] = np.array(found).reshape(-1, 4)
    inside = {area: in_boxes(at, of) for area, of in spans.items()}
    inside["people"] = inside["people"] | inside["faces"] | inside["hands"]
    inside["background"] = ~inside["people"]
    return inside


def in_boxes(at: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """(n,) bool: pixels (n, 2) in any of the boxes (m, 4) x0, y0, x1, y1, borders included."""
    low, high = spans[None, :, :2], spans[None, :, 2:]
    inside = np.logical_and.reduce((at[:, None] >= low) & (at[:, None] <= high), axis=2)
    return np.asarray(np.logical_or.reduce(inside, axis=1))


def token_shares(index: np.ndarray, inside: dict[str, np.ndarray]) -> dict[str, float]:
    """Area -> share of the tokens on it, 0 to 1; `index` (cells,) is every cell's token. Empty tokens do not count."""
    size = np.bincount(index)
    used = size > 0
    return {area: float((np.bincount(index, mask, len(size))[used] / size[used]).mean())
            for area, mask in inside.items()}


@dataclass(frozen=True)
class Share:
    """An area's share of a stage's tokens over a set of boxes."""

    share: float
    """Mean over the boxes, 0 to 1."""
    density: float | None
    """The share over that of stage 1, which is the area's: above 1 tokens have moved there. None for no such area."""
    interval: tuple[float, float] | None
    """Of the density at `LEVEL`, images resampled; None for fewer than `FEWEST` images."""
    starved: float | None = None
    """Share of the boxes that have the area, in which it has fewer tokens than at stage 1, an even spread: the mean may
    rise while some get hardly any. None for no such area."""


def summarise(shares: np.ndarray, image_id: np.ndarray) -> list[dict[str, Share]]:
    """For each stage area -> `Share`, of shares (N boxes, S stages, len(AREAS)) on images (N,).

    All boxes weigh the same. The density is a ratio of means, of the same resampled images above and below.
    """
    images, at = np.unique(image_id, return_inverse=True)
    sums = np.zeros((len(images), *shares.shape[1:]))
    np.add.at(sums, at, shares)
    drawn = np.random.default_rng(0).multinomial(len(images), np.full(len(images), 1 / len(images)), RESAMPLES)
    resampled = np.einsum("ri,isa->rsa", drawn, sums)
    mean = shares.mean(axis=0)
    result = []
    for stage in range(shares.shape[1]):
        of_stage = {}
        for a, area in enumerate(AREAS):
            base = mean[0, a]
            bounds = None
            if base > 0 and len(images) >= FEWEST:
                some = resampled[:, 0, a] > 0
                ratio = resampled[some, stage, a] / resampled[some, 0, a]
                low, high = np.quantile(ratio, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
                bounds = (float(low), float(high))
            there = shares[:, 0, a] > 0
            fewer = shares[there, stage, a] < shares[there, 0, a] * (1 - 1e-9)  # equal but for rounding is not fewer
            of_stage[area] = Share(float(mean[stage, a]), float(mean[stage, a] / base) if base > 0 else None, bounds,
                                   float(fewer.mean()) if there.any() else None)
        result.append(of_stage)
    return result
