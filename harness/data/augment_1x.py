"""Training augmentation of mmpose 1.x (main at 759b39c13f), as one geometric change of a crop.

Order: flip, half body, then shift, scale and rotation together. Where it differs from branch 0.x (`augment`): all four
numbers of the last step come from a normal distribution truncated to -1 to 1; the shift is a share of the padded box
before its aspect is fixed, and of the half body's box where that was chosen; half bodies are made of the layout's upper
and lower points only, the upper from two points on, the lower from three, and the upper is preferred with 0.7.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri

from harness.data.augment import SMALLEST_SCALE, Pose, mirror
from harness.data.geometry import fix_aspect
from harness.protocol import Augment

PREFER_UPPER = 0.7
LEAST_UPPER, LEAST_LOWER = 2, 3
"""A half needs so many labelled points to be chosen (mmpose 1.x, `RandomHalfBody`)."""


@dataclass(frozen=True)
class Draw:
    """All random numbers of one sample; chances uniform in [0, 1). All are drawn, whether or not they will be used."""

    flip_chance: float
    half_chance: float
    upper_chance: float
    shift_chance: float
    rotation_chance: float
    normals: np.ndarray
    """(4,) of shift in x and y, scale and rotation: normal, truncated to -1 to 1."""


def draw(rng: np.random.Generator) -> Draw:
    """Draw the numbers of one sample."""
    low, high = ndtr(-1.0), ndtr(1.0)
    flip, half, upper, shift, rotation = rng.random(5).tolist()
    return Draw(flip, half, upper, shift, rotation, normals=ndtri(low + (high - low) * rng.random(4)))


def augment(pose: Pose, numbers: Draw, settings: Augment, image_width: int, flip_index: np.ndarray, upper: np.ndarray,
            lower: np.ndarray, aspect: tuple[int, int]) -> Pose:
    """Apply the whole augmentation to a pose whose crop is the padded box, its aspect not fixed yet.

    `flip_index`, `upper` and `aspect` as in `harness.data.augment`; `lower` (K,) bool marks the lower body. People in
    half bodies need more labelled points than `half_body_min_points`; a point counts as one there, where mmpose 1.x
    adds up visibilities, which COCO-WholeBody has as fractions, too.
    """
    if numbers.flip_chance < settings.flip_probability:
        pose = mirror(pose, image_width, flip_index)
    if (pose.labelled.sum() > settings.half_body_min_points
            and numbers.half_chance < settings.half_body_probability):
        pose = half_body(pose, upper, lower, numbers.upper_chance < PREFER_UPPER, settings.half_body_padding)
    center = pose.center
    if numbers.shift_chance < settings.shift_probability:
        center = center + settings.shift * numbers.normals[:2] * pose.size
    scale = max(1 + settings.scale * numbers.normals[2], SMALLEST_SCALE)
    turned = numbers.rotation_chance < settings.rotation_probability
    return replace(pose, center=center, size=fix_aspect(pose.size * scale, *aspect),
                   rotation=float(2 * settings.rotation * numbers.normals[3]) if turned else 0.0)


def half_body(pose: Pose, upper: np.ndarray, lower: np.ndarray, prefer_upper: bool, padding: float) -> Pose:
    """Crop to the extent of the labelled points of the upper or the lower body, times `padding`, about their mean.

    The pose stays as it is where neither half has enough points, or where all lie on one spot.
    """
    first, second = pose.labelled & upper, pose.labelled & lower
    enough = first.sum() >= LEAST_UPPER, second.sum() >= LEAST_LOWER
    if not any(enough):
        return pose
    chosen = first if enough[0] and (prefer_upper or not enough[1]) else second
    points = pose.points[chosen]
    extent = np.ptp(points, axis=0)
    return replace(pose, center=points.mean(axis=0), size=extent * padding) if extent.any() else pose
