"""What a person detector would say about the synthetic pictures: jittered boxes, misses and false alarms."""

from __future__ import annotations

from typing import Any

import numpy as np

IOU_RANGE = (0.6, 0.95)
MISS_SHARE = 0.1
FALSE_SHARE = 0.15
"""How often a picture has a false box: about one in twelve boxes is false."""


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes x, y, w, h, (..., 4) against (..., 4)."""
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    inner = np.prod(np.clip(high - low, 0, None), axis=-1)
    union = np.prod(a[..., 2:], axis=-1) + np.prod(b[..., 2:], axis=-1) - inner
    return inner / union


_STEPS = np.linspace(0.0, 1.2, 241)[:, None]
"""Lengths of jitter to try, in box sizes."""


def jittered_box(rng: np.random.Generator, box: np.ndarray, width: int, height: int) -> tuple[np.ndarray, float]:
    """The true box (4,) with its edges moved, inside the picture, and its IoU, which lies in IOU_RANGE."""
    low, high = IOU_RANGE
    target = low + 0.02 + (high - low - 0.04) * rng.beta(2.0, 1.3)
    edges = np.concatenate([box[:2], box[:2] + box[2:]])
    span = np.tile(box[2:], 2)
    limit = np.array([width, height, width, height], dtype=float)
    while True:
        direction = rng.normal(0, 1, 4)
        tried = np.clip(edges + _STEPS * direction / np.linalg.norm(direction) * span, 0, limit)
        boxes = np.concatenate([tried[:, :2], tried[:, 2:] - tried[:, :2]], axis=1)
        iou = np.where((boxes[:, 2:] > 1).all(1), box_iou(boxes, box), 0.0)
        # The first step at which the box is as bad as asked; where the picture's edge holds it back, another way.
        worse = np.flatnonzero(iou <= target)
        if len(worse) and low + 0.005 <= iou[worse[0]] <= high - 0.005:
            found = np.round(boxes[worse[0]], 2)
            return found, float(box_iou(found, box))


def detect(rng: np.random.Generator, people: list[dict[str, Any]], image_id: int, width: int,
           height: int) -> list[dict[str, Any]]:
    """Detections of one picture, in the form of COCO results, given its annotations."""
    found = []
    for person in people:
        box, iou = jittered_box(rng, np.array(person["bbox"], dtype=float), width, height)
        hidden = 0.12 * person["occluded"] + 0.06 * person["truncated"]
        score = 0.62 + 1.0 * (iou - 0.6) - hidden + rng.normal(0, 0.08)
        if rng.random() >= MISS_SHARE:
            found.append(_result(image_id, box, min(max(score, 0.1), 0.999)))
    if rng.random() < FALSE_SHARE:
        truth = np.array([p["bbox"] for p in people], dtype=float).reshape(-1, 4)
        for _ in range(20):
            size = np.array([rng.uniform(0.08, 0.35) * width, rng.uniform(0.15, 0.7) * height])
            box = np.round(np.concatenate([rng.random(2) * (np.array([width, height]) - size), size]), 2)
            if not len(truth) or box_iou(truth, box).max() < 0.3:
                found.append(_result(image_id, box, rng.uniform(0.03, 0.45)))
                break
    return found


def _result(image_id: int, box: np.ndarray, score: float) -> dict[str, Any]:
    return {"image_id": image_id, "category_id": 1, "bbox": [float(v) for v in box], "score": round(score, 4)}
