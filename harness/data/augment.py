"""Training augmentation of mmpose 0.x (branch 0.x at 3b8173463c), as one geometric change of a crop.

Order: centre shift, flip, half body, scale and rotation. Nothing here touches pixels: the result is a crop,
an angle and whether the picture is mirrored, which the caller turns into a single affine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.data.geometry import fix_aspect
from harness.protocol import Augment

UPPER_THRESHOLD = 0.5
"""The upper body is chosen where a standard normal draw is below this, so with probability 0.69 and not 0.5:
a slip
of the original code that the published weights were trained with (mmpose 0.x, and HRNet before it)."""

SELECTABLE = 2
"""A half needs more labelled points than this to be chosen (mmpose 0.x)."""

SMALLEST_SCALE = 0.01
"""A scale setting of 1 would allow a crop without extent."""


@dataclass(frozen=True)
class Draw:
    """All random numbers of one sample. All are drawn, in this order, whether or not they will be used."""

    shift_chance: float
    shift: np.ndarray
    """(2,) uniform in -1 to 1."""
    flip_chance: float
    half_chance: float
    half_normal: float
    scale_normal: float
    rotation_normal: float
    rotation_chance: float


def draw(rng: np.random.Generator) -> Draw:
    """Draw the numbers of one sample; chances are uniform in [0, 1), normals standard."""
    return Draw(
        shift_chance=rng.random(), shift=rng.uniform(-1.0, 1.0, 2), flip_chance=rng.random(),
        half_chance=rng.random(), half_normal=rng.standard_normal(), scale_normal=rng.standard_normal(),
        rotation_normal=rng.standard_normal(), rotation_chance=rng.random(),
    )


@dataclass(frozen=True)
class Pose:
    """A person and the crop that shows it, in pixels of the image or, if `mirrored`, of its mirror image."""

    points: np.ndarray
    """(K, 2) float64."""
    labelled: np.ndarray
    """(K,) bool."""
    center: np.ndarray
    """(2,)."""
    size: np.ndarray
    """(2,) width and height."""
    rotation: float = 0.0
    """Degrees, see `geometry.crop_affine`."""
    mirrored: bool = False


def augment(pose: Pose, numbers: Draw, settings: Augment, image_width: int, flip_index: np.ndarray,
            upper: np.ndarray, aspect: tuple[int, int]) -> Pose:
    """Apply the whole augmentation.

    `flip_index` (K,) says which key point each becomes in the mirror image, `upper` (K,) bool marks the upper
    body, `aspect` is the input's (width, height).
    """
    if numbers.shift_chance < settings.shift_probability:
        pose = replace(pose, center=pose.center + settings.shift * numbers.shift * pose.size)
    if numbers.flip_chance < settings.flip_probability:
        pose = mirror(pose, image_width, flip_index)
    if (pose.labelled.sum() > settings.half_body_min_points
            and numbers.half_chance < settings.half_body_probability):
        prefer_upper = numbers.half_normal < UPPER_THRESHOLD
        pose = half_body(pose, upper, prefer_upper, settings.half_body_padding, aspect)
    scale = np.clip(1 + settings.scale * numbers.scale_normal, 1 - settings.scale, 1 + settings.scale)
    angle = settings.rotation * np.clip(numbers.rotation_normal, -2, 2)
    turned = numbers.rotation_chance < settings.rotation_probability
    return replace(pose, size=pose.size * max(scale, SMALLEST_SCALE), rotation=float(angle) if turned else 0.0)


def mirror(pose: Pose, image_width: int, flip_index: np.ndarray) -> Pose:
    """The pose in the mirror image: x -> image_width - 1 - x, left and right swapped."""
    last = image_width - 1
    points = pose.points[flip_index].copy()
    points[:, 0] = last - points[:, 0]
    center = np.array([last - pose.center[0], pose.center[1]])
    return replace(pose, points=points, labelled=pose.labelled[flip_index], center=center,
                   mirrored=not pose.mirrored)


def half_body(pose: Pose, upper: np.ndarray, prefer_upper: bool, padding: float,
              aspect: tuple[int, int]) -> Pose:
    """Crop to the labelled points of the upper body or of the rest.

    The crop is centred on the points' mean and as large as their extent, aspect fixed, times `padding`.
    Branch 0.x of mmpose counts everything that is not upper as lower, so face and hands pull the lower crop
    (1.x leaves them out). The pose stays as it is where neither half has enough points, or all lie on one
    spot.
    """
    first, second = pose.labelled & upper, pose.labelled & ~upper
    if prefer_upper and first.sum() > SELECTABLE:
        chosen = first
    elif second.sum() > SELECTABLE:
        chosen = second
    else:
        chosen = first
    points = pose.points[chosen]
    if len(points) < 2:
        return pose
    extent = np.ptp(points, axis=0)
    if not extent.any():
        return pose
    return replace(pose, center=points.mean(axis=0), size=fix_aspect(extent, *aspect) * padding)
