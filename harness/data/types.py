"""The one form every data set takes: a split as columns of arrays.

Coordinates are pixels of the image, 0-based from its top-left corner; boxes are x, y, width, height.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.layout import Layout


@dataclass(frozen=True)
class Images:
    """I images. `path[i]` is where image `id[i]` lies; sizes are (width, height) in pixels, (I, 2)."""

    id: np.ndarray
    path: tuple[Path, ...]
    size: np.ndarray

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True)
class People:
    """P annotated people, in the order of the annotation file."""

    id: np.ndarray
    """(P,) int64 annotation ids."""
    image_id: np.ndarray
    """(P,) int64."""
    box: np.ndarray
    """(P, 4) float64 x, y, w, h, as annotated."""
    area: np.ndarray
    """(P,) float64: the annotation's segment area; OKS of every part uses it."""
    crowd: np.ndarray
    """(P,) bool."""
    keypoints: np.ndarray
    """(P, K, 3) float64 x, y, v. Every v > 0 counts as labelled; v may be a fraction (COCO-WholeBody)."""
    body_labelled: np.ndarray
    """(P,) int64: the file's own `num_keypoints` (body points with v > 0)."""

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True)
class Boxes:
    """N person boxes to run the network on."""

    image_id: np.ndarray
    """(N,) int64."""
    box: np.ndarray
    """(N, 4) float64 x, y, w, h."""
    score: np.ndarray
    """(N,) float64 in 0 to 1; 1 for ground truth."""

    def __len__(self) -> int:
        return len(self.image_id)


@dataclass(frozen=True)
class Split:
    """One split of a data set, loaded."""

    dataset: str
    name: str
    layout: Layout
    images: Images
    people: People
    detections: Boxes | None = None
    """Boxes of a person detector, where the data set has them."""


@dataclass(frozen=True)
class Predictions:
    """N predicted people. Stored raw: before rescoring and non-maximum suppression."""

    image_id: np.ndarray
    """(N,) int64."""
    box: np.ndarray
    """(N, 4) float64 x, y, w, h: the box the network was run on."""
    box_score: np.ndarray
    """(N,) float64."""
    keypoints: np.ndarray
    """(N, K, 3) float64 x, y, score."""

    def __len__(self) -> int:
        return len(self.image_id)
