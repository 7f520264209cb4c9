"""Drawing key points on a picture: links and points coloured by part."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from harness.layout import Layout

# Colours that people with any colour vision tell apart (Okabe and Ito, 2008), blue, green, red.
BLUE, ORANGE, YELLOW = (178, 114, 0), (0, 159, 230), (66, 228, 240)
GREEN, VERMILION, SKY, PURPLE = (115, 158, 0), (0, 94, 213), (233, 180, 86), (167, 121, 204)
PART_COLOURS = {"body": SKY, "foot": ORANGE, "face": YELLOW, "lefthand": GREEN, "righthand": VERMILION}
_OTHERS = (BLUE, PURPLE, SKY, ORANGE, YELLOW, GREEN, VERMILION)
BOX_COLOUR = (240, 240, 240)
_SHIFT = 4
"""Fraction bits of OpenCV's fixed-point coordinates."""


def _colours(layout: Layout) -> list[tuple[int, int, int]]:
    """A colour for every key point, by its part; parts the palette does not know take the next of the others."""
    by_part: dict[str, tuple[int, int, int]] = {}
    for name in layout.parts:
        by_part[name] = PART_COLOURS.get(name, _OTHERS[len(by_part) % len(_OTHERS)])
    return [by_part[layout.part_of(k)] for k in range(layout.size)]


def _extent(keypoints: np.ndarray, shown: np.ndarray, box: np.ndarray | None) -> float:
    """Size of the person in pixels: the longer side of the box, or of the shown points."""
    if box is not None:
        return float(max(box[2], box[3]))
    return float(np.ptp(keypoints[shown, :2], axis=0).max()) if shown.any() else 0.0


def draw_pose(image: np.ndarray, keypoints: np.ndarray, layout: Layout, min_score: float = 0.0,
              box: Sequence[float] | np.ndarray | None = None) -> np.ndarray:
    """A copy of the picture (H, W, 3) uint8 with one person's key points and links drawn on it.

    `keypoints` (K, 3) are x, y in pixels and a score or v; points with a score of at most `min_score`, or with a
    coordinate that is not finite, are left out, and so are links to them. Lines grow with the person; points of face
    and hands are smaller than the body's. `box` (x, y, w, h) is drawn if given. Raises ValueError if K is not the
    layout's.
    """
    keypoints = np.asarray(keypoints, dtype=np.float64)
    if keypoints.shape != (layout.size, 3):
        raise ValueError(f"key points of shape {keypoints.shape} for layout {layout.name} of {layout.size}")
    image = np.array(image, dtype=np.uint8, order="C")
    box = None if box is None else np.asarray(box, dtype=np.float64)
    # Further out than a few picture sizes, OpenCV's fixed-point numbers overflow.
    reach = 4 * max(image.shape[:2])
    shown = (keypoints[:, 2] > min_score) & np.isfinite(keypoints).all(1) & (np.abs(keypoints[:, :2]) < reach).all(1)
    extent = _extent(keypoints, shown, box)
    width = int(np.clip(round(extent / 130), 1, 8))
    at = np.rint(np.where(shown[:, None], keypoints[:, :2], 0) * (1 << _SHIFT)).astype(int).tolist()
    colours = _colours(layout)
    fine = [layout.part_of(k) not in ("body", "foot") and layout.size > 30 for k in range(layout.size)]
    if box is not None:
        low, high = np.rint(box[:2]).astype(int).tolist(), np.rint(box[:2] + box[2:]).astype(int).tolist()
        cv2.rectangle(image, low, high, BOX_COLOUR, 1, cv2.LINE_AA)
    for a, b in layout.skeleton:
        if shown[a] and shown[b]:
            thick = max(1, width // 2) if fine[a] and fine[b] else width
            cv2.line(image, at[a], at[b], colours[b], thick, cv2.LINE_AA, _SHIFT)
    for k in np.flatnonzero(shown):
        radius = extent / (260 if fine[k] else 110)
        radius = min(max(radius, 0.8 if fine[k] else 1.5), 9.0)
        cv2.circle(image, at[k], round(radius * (1 << _SHIFT)), colours[k], -1, cv2.LINE_AA, _SHIFT)
    return image
