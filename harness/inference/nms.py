"""From raw predictions to scored people: rescoring and OKS non-maximum suppression."""

from __future__ import annotations

import numpy as np

from harness.data.geometry import crop_of_box
from harness.data.types import Predictions
from harness.layout import Layout
from harness.protocol import Protocol


def rescore(predictions: Predictions, visible_score: float) -> np.ndarray:
    """Person scores (N,): box score times the mean of those point scores, of all K, that exceed
    `visible_score`.

    0 where none does (mmpose 0.x).
    """
    points = predictions.keypoints[..., 2]
    visible = points > visible_score
    mean = np.where(visible, points, 0.0).sum(axis=1) / np.maximum(visible.sum(axis=1), 1)
    return predictions.box_score * mean


def oks_to_others(points: np.ndarray, area: float, others: np.ndarray, areas: np.ndarray,
                  sigmas: np.ndarray) -> np.ndarray:
    """OKS of one prediction (K, 2) to others (M, K, 2): the mean over all K points, (M,) in 0 to 1.

    exp(-d^2 / (2 a (2 sigma)^2)) with a the mean of the two areas, in square pixels; no point is left out.
    """
    distance = np.square(others - points).sum(axis=-1)
    spread = 2 * np.square(2 * sigmas) * ((area + areas) / 2)[:, None]
    return np.exp(-distance / np.maximum(spread, np.finfo(np.float64).tiny)).mean(axis=-1)


def oks_nms(keypoints: np.ndarray, scores: np.ndarray, areas: np.ndarray, sigmas: np.ndarray,
            threshold: float) -> np.ndarray:
    """Hard suppression among the people of one image: indices kept, best first.

    `keypoints` (N, K, 2 or more), `scores` and `areas` (N,). Whoever has an OKS above `threshold` to a kept
    person with a higher score goes. Of equal scores the earlier comes first.
    """
    left = np.argsort(-scores, kind="stable")
    points = keypoints[..., :2]
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        oks = oks_to_others(points[best], areas[best], points[left], areas[left], sigmas)
        left = left[oks <= threshold]
    return np.array(kept, dtype=np.int64)


def select(predictions: Predictions, layout: Layout, protocol: Protocol) -> tuple[np.ndarray, np.ndarray]:
    """The people that are handed in for scoring: ascending rows of `predictions` (M,) and their scores (M,).

    Suppression runs image by image with the layout's K sigmas; a person's area is that of its padded crop
    (mmpose 0.x).
    """
    scores = rescore(predictions, protocol.test.visible_score)
    crop = protocol.crop
    areas = crop_of_box(predictions.box, crop.width, crop.height, crop.padding)[1].prod(axis=-1)
    order = np.argsort(predictions.image_id, kind="stable")
    starts = np.flatnonzero(np.diff(predictions.image_id[order])) + 1
    sigmas, threshold = layout.sigmas, protocol.test.nms_oks
    kept = [rows[oks_nms(predictions.keypoints[rows], scores[rows], areas[rows], sigmas, threshold)]
            for rows in np.split(order, starts)]
    index = np.sort(np.concatenate(kept))
    return index, scores[index]
