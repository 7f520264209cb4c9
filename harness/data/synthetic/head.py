"""A head: the 68 points of the face on a rounded skull, the ears, and the mesh that hair and hats are painted on.

Unit: half the height from chin to crown; origin in the middle of the head, at the height of the eyes. Axes as in
`synthetic_body`: x to the head's own left, y down, -z out of the face. Order of the face points as in COCO-WholeBody
(the 68 points of iBUG): contour from the right ear over the chin to the left, right and left brow, bridge and base of
the nose, right and left eye, outer and inner lips. Shapes are drawn by hand to look like a face; eyes are a little
large.
"""

from __future__ import annotations

import numpy as np

FACE_POINTS = 68
SKULL = np.array([0.76, 1.0, 0.92])
"""Half axes of the skull."""
EARS = np.array([[0.79, 0.08, 0.1], [-0.79, 0.08, 0.1]])
"""Left and right ear."""

AZIMUTHS = 24
RINGS = 4
"""The hair mesh: rings from the crown down to the hairline, each of AZIMUTHS points, starting at the forehead and
going round by the left."""
CRANIUM = 14
"""Points of the bare skull that, with the face, make the outline of the head."""
TAIL = 5
"""Crown, back of the head, nape, and left and right of the nape: where long hair, a bun or a tail hangs."""
HEAD_EXTRA = RINGS * AZIMUTHS + CRANIUM + TAIL


def _on_skull(x: np.ndarray, y: np.ndarray, lift: float = 0.0) -> np.ndarray:
    """Points of the front of the skull at the given x and y, `lift` before it."""
    depth = np.sqrt(np.clip(1 - (x / 0.86) ** 2 - (y / 1.45) ** 2, 0.0, 1.0))
    return np.stack([x, y, -0.92 * depth - lift], axis=-1)


def _mirrored(points: np.ndarray) -> np.ndarray:
    """The same points on the other side of the face."""
    return points * np.array([-1.0, 1.0, 1.0])


def _contour() -> np.ndarray:
    """Ear to ear over the chin, (17, 3)."""
    left = np.array([
        [0.0, 1.0, -0.72], [0.17, 0.985, -0.69], [0.33, 0.92, -0.6], [0.47, 0.8, -0.47], [0.58, 0.63, -0.32],
        [0.66, 0.44, -0.2], [0.71, 0.25, -0.1], [0.74, 0.06, -0.03], [0.755, -0.13, 0.0],
    ])
    return np.concatenate([_mirrored(left[:0:-1]), left])


def _nose() -> np.ndarray:
    """Bridge from the brows to the tip, then the base from right to left, (9, 3)."""
    bridge = [[0, -0.06, -0.93], [0, 0.09, -1.0], [0, 0.23, -1.08], [0, 0.36, -1.15]]
    base = [[-0.16, 0.43, -0.93], [-0.08, 0.465, -0.99], [0, 0.48, -1.02], [0.08, 0.465, -0.99], [0.16, 0.43, -0.93]]
    return np.array(bridge + base)


CONTOUR, NOSE = _contour(), _nose()
_BROW_X = np.array([0.13, 0.24, 0.36, 0.48, 0.58])
_BROW_Y = np.array([-0.2, -0.26, -0.28, -0.25, -0.17])
_EYE_X = np.array([-0.17, -0.06, 0.06, 0.17, 0.06, -0.06])
_EYE_Y = np.array([0.0, -1.0, -1.0, 0.0, 0.8, 0.8])
EYE_AT = 0.335
"""Distance of the eyes from the middle of the face."""


def face_points(mouth_open: float, smile: float, brow: float, eyes_open: float) -> np.ndarray:
    """The face, (68, 3). `mouth_open` 0 to 1, `smile` -1 to 1, `brow` -1 (frown) to 1 (raised), `eyes_open` 0 to 1."""
    left_brow = _on_skull(_BROW_X, _BROW_Y - 0.05 * brow + 0.2 * min(brow, 0.0) * (_BROW_X - 0.36), 0.05)
    right_eye = _on_skull(_EYE_X - EYE_AT, 0.02 + _EYE_Y * 0.1 * (0.25 + 0.75 * eyes_open), 0.02)
    left_eye = _mirrored(right_eye)[[3, 2, 1, 0, 5, 4]]
    wide = 0.27 + 0.06 * smile - 0.04 * mouth_open
    rise = 0.07 * smile
    gap = 0.14 * mouth_open
    outer_x = np.array([-1, -0.6, -0.22, 0, 0.22, 0.6, 1, 0.6, 0.22, 0, -0.22, -0.6]) * wide
    outer_y = np.array([-rise, -0.06, -0.085, -0.07, -0.085, -0.06, -rise,
                        0.07 + gap, 0.1 + gap, 0.105 + gap, 0.1 + gap, 0.07 + gap]) + 0.66
    inner_x = np.array([-0.8, -0.25, 0, 0.25, 0.8, 0.25, 0, -0.25]) * wide
    inner_y = np.array([-rise * 0.7, -0.02, -0.015, -0.02, -rise * 0.7, 0.02 + gap, 0.025 + gap, 0.02 + gap]) + 0.66
    lips = np.concatenate([_on_skull(outer_x, outer_y, 0.06), _on_skull(inner_x, inner_y, 0.05)])
    return np.concatenate([CONTOUR, _mirrored(left_brow)[::-1], left_brow, NOSE, right_eye, left_eye, lips])


def _azimuths() -> np.ndarray:
    """Directions round the head in degrees, 0 at the forehead, +90 at the left ear."""
    return np.arange(AZIMUTHS) * (360.0 / AZIMUTHS)


_SIN, _COS = np.sin(np.radians(_azimuths())), np.cos(np.radians(_azimuths()))
_ROUND = np.abs((_azimuths() + 180) % 360 - 180)
HAIRLINES = {
    # How far down from the crown, in degrees, hair reaches at the forehead, temples, before and behind the ears, nape.
    "short": (58, 62, 84, 100, 118),
    "fringe": (72, 72, 92, 104, 122),
    "receding": (38, 46, 80, 98, 116),
    "hat": (66, 68, 76, 82, 88),
}
_STATIONS = (0, 45, 75, 105, 180)
_RING_SHARE = np.array([0.06, 0.42, 0.75, 1.0])


def _cranium() -> np.ndarray:
    """Points over the bare skull, above the face and round the back, (CRANIUM, 3)."""
    rows: list[list[float]] = [[0.0, -1.0, 0.0]]
    for y, count in ((-0.72, 6), (-0.2, 6)):
        angle = np.arange(count) * (2 * np.pi / count)
        radius = np.sqrt(1 - y * y)
        rows += [[radius * np.sin(a), y, radius * np.cos(a)] for a in angle]
    return np.concatenate([np.array(rows) * SKULL, [[0.0, 0.55, 0.62]]])


_CRANIUM_POINTS = _cranium()
_TAIL_POINTS = np.array([[0, -1.02, 0.1], [0, -0.35, 1.0], [0, 0.75, 0.75], [0.6, 0.9, 0.45], [-0.6, 0.9, 0.45]])


def head_extra(hairline: str, volume: float) -> np.ndarray:
    """Hair mesh, outline of the skull and hanging points, (HEAD_EXTRA, 3); `volume` is the thickness of the hair."""
    edge = np.interp(_ROUND, _STATIONS, HAIRLINES[hairline])
    down = np.radians(_RING_SHARE[:, None] * edge)
    ring = np.stack([np.sin(down) * _SIN, -np.cos(down), -np.sin(down) * _COS], axis=-1)
    # Hair lies closer to the skin at its edge than at the crown.
    thick = 1.0 + volume * np.array([1.0, 1.0, 0.75, 0.35])
    mesh = (ring * SKULL * thick[:, None, None]).reshape(-1, 3)
    return np.concatenate([mesh, _CRANIUM_POINTS, _TAIL_POINTS])
