"""A hand of 21 points: the wrist end and five fingers of four joints, bent at every joint.

Order of the points as in COCO-WholeBody: root, then thumb, forefinger, middle, ring and little finger from the palm
outwards. Axes of a left hand that hangs down: y along the fingers, -z towards the thumb, -x out of the palm.
"""

from __future__ import annotations

import numpy as np

# In hand lengths: (along the hand, towards the thumb) of each finger's first joint, its three links, its fan in degrees
# at spread 1. The thumb starts at the wrist and points aside.
BASES = np.array([[0.12, 0.12], [0.5, 0.14], [0.52, 0.03], [0.49, -0.08], [0.43, -0.175]])
LINKS = np.array([[0.23, 0.17, 0.14], [0.22, 0.15, 0.12], [0.25, 0.16, 0.12], [0.23, 0.15, 0.12], [0.17, 0.12, 0.1]])
FAN = np.array([16.0, 15.0, 3.0, -10.0, -24.0])
THUMB_REST = 34.0
"""Degrees between the thumb and the direction of the hand at spread 0."""
BEND = np.array([[0.15, 0.35, 0.45], [1.0, 1.1, 0.7], [1.0, 1.1, 0.7], [1.0, 1.1, 0.7], [1.0, 1.1, 0.7]])
"""Share of the curl that each joint takes; a curl of 1 turns it by 80 degrees."""
FULL_CURL = np.radians(80.0)


def hand_points(curl: np.ndarray, spread: float, length: float) -> np.ndarray:
    """The points of a left hand, (21, 3) in the unit of `length`, from the wrist.

    `curl` (5,) is 0 for a straight finger and 1 for a closed one, thumb first; `spread` 0 to 1 fans the fingers out.
    """
    bend = np.cumsum(BEND * np.asarray(curl)[:, None], axis=1) * FULL_CURL
    fan = np.radians(FAN * spread + np.array([THUMB_REST, 0, 0, 0, 0]))
    # A closing thumb also folds across the palm, towards the little finger.
    fan[0] -= 0.9 * curl[0]
    along, out = LINKS * np.cos(bend), LINKS * np.sin(bend)
    steps = np.stack([-out, along * np.cos(fan)[:, None], -along * np.sin(fan)[:, None]], axis=2)
    start = np.stack([np.zeros(5), BASES[:, 0], -BASES[:, 1]], axis=1)[:, None]
    fingers = np.concatenate([start, start + np.cumsum(steps, axis=1)], axis=1).reshape(20, 3)
    return np.concatenate([[[0.0, 0.08, 0.0]], fingers]) * length
