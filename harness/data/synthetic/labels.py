"""Annotations of the synthetic people, in the form of COCO-WholeBody V1.0.

Fields and practice as in the data set (jin-s13/COCO-WholeBody, data format): v is 2 for a visible point, 1 for one
that is hidden but inside the picture, 0 (with x = y = 0) for one outside it or not labelled; a part that is not to be
seen is all zero and its `*_valid` false. Two fields are ours: `occluded` and `truncated`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.data.synthetic.body import BODY, FACE, FOOT, LEFT_HAND, RIGHT_HAND
from harness.data.synthetic.draw import ARM_LIMBS, HEAD_LIMB, HIPS, LEG_LIMBS, LIMBS, NECK_LIMB, TRUNK
from harness.data.synthetic.scene import Person, Scene

MIN_PART = 6.0
"""A hand or face less than this many pixels high and wide is not labelled: nobody could."""
MIN_SHARE = {"face": 0.3, "lefthand": 0.25, "righthand": 0.25}
"""Of a face or hand at least this share of points must be visible for it to be labelled."""
MIN_VISIBLE = 0.12
"""A person of which less than this share is seen is not annotated."""
OCCLUDED_FROM = 0.1
"""A person counts as occluded if other people or things hide this share of its silhouette."""


def _limbs_of_points() -> np.ndarray:
    """Which limbs may be seen where a key point is visible, (133, LIMBS) bool."""
    table = np.zeros((133, LIMBS), bool)
    table[0:5, HEAD_LIMB] = True
    table[FACE, HEAD_LIMB] = True
    for side in (0, 1):
        upper, fore, hand = ARM_LIMBS[side]
        thigh, shin, foot = LEG_LIMBS[side]
        for point, limbs in (
            (5, (upper, TRUNK, NECK_LIMB)), (7, (upper, fore)), (9, (fore, hand)),
            (11, (HIPS, TRUNK, thigh)), (13, (thigh, shin, HIPS)), (15, (shin, foot)),
        ):
            table[point + side, list(limbs)] = True
        table[17 + 3 * side:20 + 3 * side, foot] = True
        table[(LEFT_HAND, RIGHT_HAND)[side], hand] = True
        table[91 + 21 * side, fore] = True
    return table


_LIMBS_OF_POINTS = _limbs_of_points()
_AROUND = np.array([(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])


def _visibility(person: Person, codes: np.ndarray) -> np.ndarray:
    """2 visible, 1 hidden, 0 outside the picture, for the 133 points."""
    height, width = codes.shape
    at = person.points[:133, :2]
    inside = (at >= -0.5).all(1) & (at[:, 0] < width - 0.5) & (at[:, 1] < height - 0.5)
    # A point on an outline counts as visible if a pixel beside it is.
    near = np.rint(at).astype(np.int64)[:, None] + _AROUND
    near = np.clip(near, 0, [width - 1, height - 1])
    seen = codes[near[..., 1], near[..., 0]]
    own = seen // LIMBS == person.number
    right = _LIMBS_OF_POINTS[np.arange(133)[:, None], seen % LIMBS]
    visible = (own & right).any(1)
    return np.where(inside, np.where(visible, 2, 1), 0)


def _turned_away(person: Person, v: np.ndarray) -> None:
    """Take back the points of the head that face away from the viewer, in place."""
    figure = person.figure
    if figure.face_front < -0.1:
        v[0:3] = 0
        v[FACE] = 0
        return
    for eye, ear, outward in ((1, 3, 1.0), (2, 4, -1.0)):
        away = outward * float(figure.head_turn[2, 0])
        if away > 0.5:
            v[ear] = 0
        if away > 0.25:
            v[ear] = min(v[ear], 1)
        if 0.45 * away - 0.9 * figure.face_front > -0.12:
            v[eye] = min(v[eye], 1)
    # Contour, brow and eye on the far side of a turned face are hidden, though their pixels show skin.
    for points, outward in ((slice(23, 30), -1.0), (slice(33, 40), 1.0)):
        if outward * float(figure.head_turn[2, 0]) > 0.5:
            v[points] = np.minimum(v[points], 1)


def _part_box(points: np.ndarray) -> list[float]:
    """x, y, width, height round labelled points (N, 3)."""
    labelled = points[points[:, 2] > 0, :2]
    if not len(labelled):
        return [0.0, 0.0, 0.0, 0.0]
    low, high = labelled.min(0), labelled.max(0)
    return [round(float(v), 2) for v in (*low, *(high - low))]


def _flat(points: np.ndarray) -> list[float]:
    """x, y, v, x, y, v, ... with hundredths of pixels and whole v."""
    rows = points.tolist()
    return [value for x, y, v in rows for value in (round(x, 2), round(y, 2), int(v))]


def annotate(scene: Scene, image_id: int) -> list[dict[str, Any]]:
    """One annotation for every person of whom enough is seen; ids count from `image_id` * 10."""
    found = []
    for person in scene.people:
        mask = scene.codes // LIMBS == person.number
        area = int(np.count_nonzero(mask))
        if area < max(MIN_VISIBLE * person.silhouette, 120):
            continue
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        box = [int(columns[0]), int(rows[0]), int(columns[-1] - columns[0] + 1), int(rows[-1] - rows[0] + 1)]
        v = _visibility(person, scene.codes)
        truncated = bool((v[:23] == 0).any())
        _turned_away(person, v)
        for part, points in (("face", FACE), ("lefthand", LEFT_HAND), ("righthand", RIGHT_HAND)):
            extent = np.ptp(person.points[points, :2], axis=0).max()
            if (v[points] == 2).mean() < MIN_SHARE[part] or extent < MIN_PART:
                v[points] = 0
        for side in (0, 1):
            points = slice(17 + 3 * side, 20 + 3 * side)
            if not (v[points] == 2).any():
                v[points] = 0
        if not (v[BODY] > 0).any():
            continue
        points133 = np.concatenate([person.points[:133, :2], v[:, None]], 1)
        points133[v == 0] = 0
        found.append({
            "id": image_id * 10 + person.number,
            "image_id": image_id,
            "category_id": 1,
            "iscrowd": 0,
            "area": area,
            "bbox": box,
            "num_keypoints": int((v[BODY] > 0).sum()),
            "keypoints": _flat(points133[BODY]),
            "foot_valid": bool((v[FOOT] > 0).any()),
            "foot_kpts": _flat(points133[FOOT]),
            "face_valid": bool((v[FACE] > 0).any()),
            "face_box": _part_box(points133[FACE]),
            "face_kpts": _flat(points133[FACE]),
            "lefthand_valid": bool((v[LEFT_HAND] > 0).any()),
            "lefthand_box": _part_box(points133[LEFT_HAND]),
            "lefthand_kpts": _flat(points133[LEFT_HAND]),
            "righthand_valid": bool((v[RIGHT_HAND] > 0).any()),
            "righthand_box": _part_box(points133[RIGHT_HAND]),
            "righthand_kpts": _flat(points133[RIGHT_HAND]),
            "occluded": area < (1 - OCCLUDED_FROM) * person.silhouette,
            "truncated": truncated,
        })
    return found
