"""Object key-point similarity of pairs, for all parts at once.

OKS = mean over the labelled points of exp(-d^2 / (2 area (2 sigma)^2)), d in pixels, `area` the person's
annotated area for every part (COCO-WholeBody evaluation script). A point's term does not depend on the part,
so the terms are computed once and averaged part by part.

Sums run over the labelled points only, in their order: the rounding is then that of the definition carried
out pair by pair, and equal similarities stay equal.
"""

from __future__ import annotations

import numpy as np

from harness.data.types import People
from harness.layout import Layout
from harness.scoring.pairing import Pairs, labelled_points

CHUNK = 4096
"""Pairs at a time: (4096, 133) float64 temporaries are 4 MB each."""


def pair_oks(pairs: Pairs, people: People, points: np.ndarray, layout: Layout,
             chunk: int = CHUNK) -> dict[str, np.ndarray]:
    """OKS of every pair by part, (Q,) each, 0 to 1; `points` are the predictions' (N, K, 2 or 3).

    Where a person has no labelled point in a part, the distance is to the person's box (see `box_distance`),
    so that predictions near unlabelled people can be set aside instead of counting as false.
    """
    labelled = labelled_points(people)
    truth = people.keypoints[:, :, :2]
    spread = (layout.sigmas * 2) ** 2
    area = people.area + np.spacing(1)
    result = {part: np.empty(len(pairs.person)) for part in layout.parts}
    for begin in range(0, len(pairs.person), chunk):
        here = slice(begin, begin + chunk)
        person, predicted = pairs.person[here], points[pairs.prediction[here]]
        dx = predicted[:, :, 0] - truth[person, :, 0]
        dy = predicted[:, :, 1] - truth[person, :, 1]
        terms = similarity(dx, dy, spread, area[person])
        for part, points_of in layout.parts.items():
            columns = points_of.slice
            seen = labelled[person, columns]
            values = mean_where(terms[:, columns], seen)
            blank = np.flatnonzero(~seen.any(axis=1))
            if len(blank):
                bx, by = box_distance(predicted[blank, columns], people.box[person[blank]])
                near = similarity(bx, by, spread[columns], area[person[blank]])
                values[blank] = near.sum(axis=1) / near.shape[1]
            result[part][here] = values
    return result


def similarity(dx: np.ndarray, dy: np.ndarray, spread: np.ndarray, area: np.ndarray) -> np.ndarray:
    """exp(-d^2 / (2 area (2 sigma)^2)) of offsets (q, k), pixels; `spread` (k,) is (2 sigma)^2, `area` (q,)."""
    return np.exp(-((dx**2 + dy**2) / spread / area[:, None] / 2))


def box_distance(points: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (q, k) of points (q, k, 2+) to boxes (q, 4) enlarged by one box size on each side; 0 inside."""
    size = box[:, None, 2:]
    low, high = box[:, None, :2] - size, box[:, None, :2] + size * 2
    offset = np.maximum(0, low - points[..., :2]) + np.maximum(0, points[..., :2] - high)
    return offset[..., 0], offset[..., 1]


def mean_where(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean of the masked entries of each row (q, k) -> (q,); 0 for a row without any.

    Rows with equally many entries are packed into one dense array, so that no zeros enter the sums.
    """
    count = mask.sum(axis=1)
    means = np.zeros(len(values))
    order = np.argsort(count, kind="stable")
    sizes, first = np.unique(count[order], return_index=True)
    for size, rows in zip(sizes, np.split(order, first[1:]), strict=True):
        if size:
            packed = values[rows][mask[rows]].reshape(len(rows), size)
            means[rows] = packed.sum(axis=1) / size
    return means
