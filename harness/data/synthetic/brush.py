"""Painting with few, quick strokes: rounded tubes and blobs in three tones, painted far to near on one canvas.

The canvas has four channels: blue, green, red, and a code that says which limb of which person (or which thing) is
seen at a pixel, so that visibility, areas and boxes come from the very picture. It is painted at twice the size of the
picture and without anti-aliasing; the picture is its average, the codes every second pixel of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

import cv2
import numpy as np

SUPERSAMPLE = 2
_SHIFT = 4
"""Fraction bits of OpenCV's fixed-point coordinates."""
_ONE = 1 << _SHIFT

THIN = 1.8
"""Tubes up to this radius in pixels get no highlight: it would be narrower than a pixel."""
_CONVEX, _TUBE, _SHAPE, _LINE, _DISC = range(5)
"""Kinds of strokes."""

Colour = tuple[float, float, float]
"""Blue, green, red, 0 to 255."""
Point = Sequence[float] | np.ndarray
"""x, y and perhaps more, pixels of the picture."""

_ARC = np.linspace(-1.0, 1.0, 8)
_CIRCLE = np.stack([np.cos(np.arange(14) * (2 * np.pi / 14)), np.sin(np.arange(14) * (2 * np.pi / 14))], 1)
# Of the three tones: share of the radius, offset towards the light in radii, brightness, lengthening in radii. Inner
# tones reach as far as the outer one, so that no dark ring crosses a limb at its joints.
_TONES = ((1.0, 0.0, 0.7, 0.0), (0.84, 0.08, 1.0, 0.2), (0.42, 0.3, 1.13, 0.45))
_TONE_SIZE = np.array([t[0] for t in _TONES])
_TONE_SHIFT = np.array([t[1] for t in _TONES])
_TONE_REACH = np.array([t[3] for t in _TONES])


def tone(colour: Colour, brightness: float) -> Colour:
    """The colour made darker (below 1) or lighter (above 1)."""
    return (min(colour[0] * brightness, 255.0), min(colour[1] * brightness, 255.0), min(colour[2] * brightness, 255.0))


@lru_cache(maxsize=512)
def _shades(colour: Colour, code: int) -> tuple[tuple[float, float, float, float], ...]:
    """The colour in each of the three tones, with the code as fourth channel."""
    return tuple((*tone(colour, t[2]), float(code)) for t in _TONES)


def fixed(points: np.ndarray) -> np.ndarray:
    """Points in the picture's pixels (0-based centres) as the canvas's fixed point of OpenCV, (..., 2) int32.

    A pixel of the picture is a square of SUPERSAMPLE by SUPERSAMPLE canvas pixels; its centre lies between them.
    """
    return np.rint((points * SUPERSAMPLE + (SUPERSAMPLE - 1) / 2) * _ONE).astype(np.int32)


def tube_outlines(ends: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Outlines of T tapered tubes with round ends, (T, 16, 2), from ends (T, 2, 2) and radii (T, 2)."""
    axis = ends[:, 1] - ends[:, 0]
    length = np.hypot(axis[:, 0], axis[:, 1])
    direction = np.arctan2(axis[:, 1], axis[:, 0])
    # Angle between the axis and the points where the common tangents touch both circles.
    touch = np.arccos(np.clip((radii[:, 0] - radii[:, 1]) / np.maximum(length, 1e-6), -1, 1))
    near = direction[:, None] + np.pi + _ARC * (np.pi - touch)[:, None]
    far = direction[:, None] + _ARC * touch[:, None]
    angle = np.stack([near, far], 1)
    circle = np.stack([np.cos(angle), np.sin(angle)], -1) * radii[:, :, None, None]
    return (ends[:, :, None] + circle).reshape(len(ends), 2 * len(_ARC), 2)


class Layer:
    """Strokes of one figure, grouped into elements that are painted from far to near.

    Strokes only note their outlines; `paint` turns all of them into fixed point at once, which is what makes it quick.
    """

    def __init__(self, light: tuple[float, float]):
        """`light` is the direction of the light in the picture, of about unit length."""
        self.light = np.asarray(light)
        self._tubes: list[tuple[float, ...]] = []
        self._outlines: list[np.ndarray] = []
        self._elements: list[tuple[float, list[tuple[Any, ...]]]] = []
        self._strokes: list[tuple[Any, ...]] = []
        self._code = 0

    def element(self, depth: float, code: int) -> None:
        """Begin an element: the strokes that follow belong to it and carry its code (0 to 255)."""
        self._strokes = []
        self._code = code
        self._elements.append((depth, self._strokes))

    def _paint(self, colour: Colour) -> tuple[float, float, float, float]:
        return (*colour, float(self._code))

    def _note(self, points: np.ndarray) -> int:
        """Keep an outline (N, 2) for `paint`; its number."""
        self._outlines.append(points)
        return len(self._outlines) - 1

    def tube(self, a: Point, b: Point, ra: float, rb: float, colour: Colour) -> None:
        """A tapered, rounded limb from a (radius ra) to b (radius rb), shaded."""
        shades = _shades(colour, self._code)
        self._strokes.append((_TUBE, len(self._tubes), shades if max(ra, rb) > THIN else shades[:-1]))
        self._tubes.append((a[0], a[1], b[0], b[1], ra, rb))

    def blob(self, centres: np.ndarray, radii: np.ndarray | float, colour: Colour) -> None:
        """The rounded hull of circles at `centres` (N, 2), shaded."""
        radii = np.broadcast_to(np.asarray(radii, dtype=float), len(centres))
        points = (centres[:, None, :2] + radii[:, None, None] * _CIRCLE).reshape(-1, 2)
        hull = cv2.convexHull(points.astype(np.float32))[:, 0]
        middle = hull.sum(0) / len(hull)
        spokes = hull - middle
        shift = self.light * (1.4 * float(radii.min()))
        # A wide blob keeps a rim as thin as a limb's, not one that grows with it.
        rim = min(0.16, 0.5 * float(radii.max()) / max(float(spokes.max()), 1e-3))
        grow = np.array([1.0, 1.0 - rim, 1.0 - min(0.55, 3.5 * rim)])[:, None, None]
        outlines = middle + spokes * grow + shift * _TONE_SHIFT[:, None, None]
        for outline, paint in zip(outlines, _shades(colour, self._code), strict=True):
            self._strokes.append((_CONVEX, self._note(outline), paint))

    def hull(self, points: np.ndarray, colour: Colour) -> None:
        """The convex hull of points (N, 2), flat."""
        outline = cv2.convexHull(points[:, :2].astype(np.float32))[:, 0]
        self._strokes.append((_CONVEX, self._note(outline), self._paint(colour)))

    def shape(self, outlines: Sequence[np.ndarray], colour: Colour) -> None:
        """Polygons that do not overlap, each (N, 2), flat."""
        if len(outlines):
            numbers = [self._note(o[:, :2]) for o in outlines]
            self._strokes.append((_SHAPE, slice(numbers[0], numbers[-1] + 1), self._paint(colour)))

    def line(self, points: np.ndarray, width: float, colour: Colour) -> None:
        """An open line through points (N, 2), `width` pixels wide, at least one canvas pixel."""
        thick = max(1, round(width * SUPERSAMPLE))
        self._strokes.append((_LINE, self._note(points[:, :2]), self._paint(colour), thick))

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        """A filled circle."""
        number = self._note(np.asarray(centre, dtype=float)[None, :2])
        self._strokes.append((_DISC, number, self._paint(colour), round(radius * SUPERSAMPLE * _ONE)))

    def _fixed_tubes(self) -> np.ndarray:
        """All tubes in all tones, (T, tones, 16, 2) fixed point."""
        tubes = np.array(self._tubes).reshape(-1, 6)
        ends = tubes[:, None, :4].reshape(-1, 1, 2, 2)
        radii = tubes[:, None, 4:]
        thin = radii.min(-1, keepdims=True)
        axis = ends[:, :, 1] - ends[:, :, 0]
        axis = axis / np.maximum(np.hypot(axis[..., 0], axis[..., 1]), 1e-6)[..., None]
        reach = axis[:, :, None] * (_TONE_REACH[:, None] * np.array([-1.0, 1.0]))[None, :, :, None]
        ends = ends + ((self.light * _TONE_SHIFT[:, None])[None, :, None] + reach) * thin[..., None]
        count = len(tubes) * len(_TONES)
        flat = tube_outlines(ends.reshape(count, 2, 2), (radii * _TONE_SIZE[:, None]).reshape(count, 2))
        return fixed(flat).reshape(len(tubes), len(_TONES), 2 * len(_ARC), 2)

    def _fixed_outlines(self) -> list[np.ndarray]:
        """All other outlines in fixed point."""
        if not self._outlines:
            return []
        every = fixed(np.concatenate(self._outlines))
        stops = list(accumulate(map(len, self._outlines), initial=0))
        return [every[a:b] for a, b in pairwise(stops)]

    def paint(self, canvas: np.ndarray) -> None:
        """Paint everything, far to near, on the canvas (H, W, 4) uint8."""
        tubes, outlines = self._fixed_tubes(), self._fixed_outlines()
        for _, strokes in sorted(self._elements, key=lambda e: -e[0]):
            for stroke in strokes:
                kind, number, paint = stroke[:3]
                if kind == _TUBE:
                    for outline, shade in zip(tubes[number], paint, strict=False):
                        cv2.fillConvexPoly(canvas, outline, shade, cv2.LINE_8, _SHIFT)
                elif kind == _CONVEX:
                    cv2.fillConvexPoly(canvas, outlines[number], paint, cv2.LINE_8, _SHIFT)
                elif kind == _SHAPE:
                    cv2.fillPoly(canvas, outlines[number], paint, cv2.LINE_8, _SHIFT)
                elif kind == _LINE:
                    cv2.polylines(canvas, [outlines[number]], False, paint, stroke[3], cv2.LINE_8, _SHIFT)
                else:
                    x, y = outlines[number][0].tolist()
                    cv2.circle(canvas, (x, y), stroke[3], paint, -1, cv2.LINE_8, _SHIFT)
