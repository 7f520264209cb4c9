"""From person boxes to the network's input and back.

The biased (non-UDP) convention of mmpose 0.x, on which the published weights depend: an image of width w
covers 0 to w, crop centres map to half the output size, and heat maps map back by crop size / heat-map size.
Its cost is a mirror image that is off by one pixel (`out_width - x` rather than `out_width - 1 - x`), which
the flip test's shift repairs (HRNet issue 22).
"""

from __future__ import annotations

import numpy as np


def fix_aspect(size: np.ndarray, width: int, height: int) -> np.ndarray:
    """Enlarge one side of sizes (..., 2) so that their aspect becomes width / height."""
    aspect = width / height
    w, h = size[..., 0], size[..., 1]
    return np.stack([np.maximum(w, h * aspect), np.maximum(h, w / aspect)], axis=-1)


def crop_of_box(box: np.ndarray, width: int, height: int, padding: float) -> tuple[np.ndarray, np.ndarray]:
    """The crop of boxes (..., 4) x, y, w, h for a network input of width x height.

    Returns centres (..., 2) and sizes (..., 2) in image pixels: aspect fixed to the input's by enlarging one
    side, then both sides times `padding`.
    """
    box = np.asarray(box, dtype=np.float64)
    return box[..., :2] + box[..., 2:] / 2, fix_aspect(box[..., 2:], width, height) * padding


def crop_affine(center: np.ndarray, size: np.ndarray, rotation_degrees: float,
                out_width: int, out_height: int) -> np.ndarray:
    """The (2, 3) matrix from image to input pixels of one crop.

    The crop's centre (2,) goes to (out_width / 2, out_height / 2), its width `size[0]` to out_width (the
    height's scale is the same), and a positive angle turns the picture's content counter-clockwise as seen.
    """
    angle = np.deg2rad(rotation_degrees)
    scale = out_width / size[0]
    linear = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    offset = np.array([out_width / 2, out_height / 2]) - linear @ np.asarray(center, dtype=np.float64)
    return np.column_stack([linear, offset])


def mirror_affine(image_width: int) -> np.ndarray:
    """The (2, 3) matrix of x -> image_width - 1 - x: where the pixels of an image go when it is mirrored."""
    return np.array([[-1.0, 0.0, image_width - 1.0], [0.0, 1.0, 0.0]])


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix that applies `inner`, then `outer`."""
    return outer @ np.vstack([inner, [0.0, 0.0, 1.0]])


def apply_affine(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) through a (2, 3) matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def heatmap_to_image(points: np.ndarray, center: np.ndarray, size: np.ndarray,
                     map_width: int, map_height: int) -> np.ndarray:
    """Heat-map points (..., K, 2) back to image pixels, for unrotated crops of centre and size (..., 2)."""
    scale = size / np.array([map_width, map_height], dtype=np.float64)
    return points * scale[..., None, :] + (center - size / 2)[..., None, :]
