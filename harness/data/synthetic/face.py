"""Painting a head: skull, ears, eyes, brows, nose, mouth, and hair or a hat."""

from __future__ import annotations

import numpy as np

from harness.data.synthetic.body import FACE, HEAD, HEAD_MESH, NECK, Figure
from harness.data.synthetic.brush import Layer, tone
from harness.data.synthetic.dress import Dress
from harness.data.synthetic.head import AZIMUTHS, CRANIUM, RINGS

_MESH = slice(HEAD_MESH.start, HEAD_MESH.start + RINGS * AZIMUTHS)
_SKULL = slice(_MESH.stop, _MESH.stop + CRANIUM)
CROWN, BACK, NAPE, NAPE_LEFT, NAPE_RIGHT = range(_SKULL.stop, _SKULL.stop + 5)
WHITE = (236.0, 238.0, 240.0)
_BRIGHT = (1.12, 1.0, 0.86)
"""Tones of the hair from the crown down."""


def _paint_eye(layer: Layer, eye: np.ndarray, unit: float, gaze: np.ndarray, dress: Dress, openness: float) -> None:
    """White, iris, pupil and lids of six points (6, 3)."""
    layer.shape([eye], WHITE)
    centre = eye[:, :2].mean(0)
    wide = float(np.hypot(*(eye[3] - eye[0])[:2]))
    iris = min(0.105 * unit, 0.32 * wide + 0.02 * unit) * (0.75 + 0.25 * openness)
    centre = centre + gaze * 0.2 * wide
    layer.disc(centre, iris, dress.iris)
    layer.disc(centre, iris * 0.5, (12, 12, 14))
    layer.disc(centre + np.array([-0.35, -0.4]) * iris, iris * 0.25, (250, 250, 250))
    layer.line(eye[:4], 0.045 * unit, tone(dress.hair, 0.5) if sum(dress.hair) < 300 else (40, 50, 70))
    layer.line(eye[[3, 4, 5, 0]], 0.02 * unit, tone(dress.skin, 0.7))


def _paint_nose(layer: Layer, nose: np.ndarray, unit: float, dress: Dress) -> None:
    """Bridge, tip and nostrils of nine points (9, 3)."""
    dark = tone(dress.skin, 0.72)
    side = 1.0 if layer.light[0] < 0 else -1.0
    shade = nose[:4, :2] + np.array([side * 0.05 * unit, 0])
    layer.hull(np.concatenate([shade[1:], nose[[4, 8], :2], nose[1:2, :2]]), tone(dress.skin, 0.9))
    layer.line(np.concatenate([shade[:3], nose[8:9, :2] if side > 0 else nose[4:5, :2]]), 0.035 * unit, dark)
    layer.line(nose[1:4], 0.05 * unit, tone(dress.skin, 1.12))
    layer.line(nose[4:9], 0.05 * unit, dark)
    for nostril in (5, 7):
        layer.disc(nose[nostril], 0.035 * unit, tone(dress.skin, 0.42))


def _paint_mouth(layer: Layer, mouth: np.ndarray, unit: float, dress: Dress, openness: float) -> None:
    """Lips, teeth and the line between the lips of twenty points (20, 3)."""
    layer.shape([mouth[:12]], dress.lips)
    inner = mouth[12:]
    if openness > 0.18:
        layer.shape([inner], (38, 26, 70))
        teeth = inner[:5].copy()
        drop = (inner[[4, 5, 6, 7, 0]] - teeth) * np.array([[0.0], [0.4], [0.4], [0.4], [0.0]])
        low = teeth + drop[::1]
        low[1:4] = teeth[1:4] + (inner[[7, 6, 5]] - teeth[1:4]) * 0.4
        layer.shape([np.concatenate([teeth, low[3:0:-1]])], WHITE)
    else:
        layer.line(inner[:5], 0.035 * unit, tone(dress.lips, 0.55))


def _paint_features(layer: Layer, figure: Figure, face: np.ndarray, unit: float, dress: Dress) -> None:
    """Everything on the face, as far as it is turned to the viewer."""
    turn, front = figure.head_turn, figure.face_front
    cheek = tone(dress.skin, 0.96)
    for centre, outward in ((face[[31, 2, 48]].mean(0), -0.6), (face[[35, 14, 54]].mean(0), 0.6)):
        if float(turn[2] @ np.array([outward, 0.1, -0.8])) < -0.25:
            layer.disc(centre, 0.13 * unit, (cheek[0] * 0.9, cheek[1] * 0.9, min(cheek[2] * 1.06, 255)))
    gaze = (turn @ np.array([figure.pose.gaze[0], figure.pose.gaze[1], 0.0]))[:2]
    brow = tone(dress.hair, 0.75)
    for eye, arch, outward in ((slice(36, 42), slice(17, 22), -0.45), (slice(42, 48), slice(22, 27), 0.45)):
        # The far eye disappears behind the nose before the face is in profile.
        if float(turn[2] @ np.array([outward, 0.0, -0.9])) > -0.12:
            continue
        _paint_eye(layer, face[eye], unit, gaze, dress, figure.pose.eyes_open)
        layer.line(face[arch], 0.085 * unit, brow)
        if dress.glasses:
            around = face[eye].mean(0)
            rim = (face[eye][:, :2] - around[:2]) * np.array([1.45, 2.1]) + around[:2]
            layer.line(np.concatenate([rim, rim[:1]]), 0.05 * unit, (30, 30, 34))
    if dress.glasses and front > 0.4:
        layer.line(face[[39, 42]], 0.045 * unit, (30, 30, 34))
    _paint_mouth(layer, face[48:68], unit, dress, figure.pose.mouth_open)
    _paint_nose(layer, face[27:36], unit, dress)


def _paint_hair(layer: Layer, figure: Figure, points: np.ndarray, unit: float, dress: Dress) -> None:
    """Hair or a hat: those patches of the mesh that face the viewer, in bands from light to dark."""
    hat = figure.pose.hairline == "hat"
    if dress.style == "bald" and not hat:
        return
    colour = dress.hat if hat else dress.hair
    mesh = points[_MESH, :2].reshape(RINGS, AZIMUTHS, 2)
    following = np.roll(mesh, -1, axis=1)
    bands = []
    for ring in range(RINGS - 1):
        quads = np.stack([mesh[ring], following[ring], following[ring + 1], mesh[ring + 1]], axis=1)
        a, b = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
        bands.append(quads[a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0])
    layer.hull(mesh[0], tone(colour, _BRIGHT[0]))
    for band, bright in zip(bands, _BRIGHT, strict=True):
        layer.shape(list(band), tone(colour, bright))
    if hat:
        rim = mesh[-1]
        if figure.face_front > -0.3:
            # The brim: before the forehead, further out than the hat.
            forehead = points[FACE][[19, 24, 27]].mean(0)[:2]
            out = (points[FACE][30, :2] - points[HEAD, :2]) * 0.35
            brim = np.stack([rim[3], rim[1], rim[-1], rim[-3], (rim[0] + forehead) / 2 + out])
            layer.hull(brim, tone(colour, 0.7))
    elif dress.style == "bun":
        layer.blob(points[CROWN:CROWN + 1] * 0.75 + points[BACK:BACK + 1] * 0.25, 0.36 * unit, colour)


def _paint_back_hair(layer: Layer, figure: Figure, points: np.ndarray, unit: float, dress: Dress, code: int) -> None:
    """Hair that hangs: behind the head and neck for who faces the viewer, over them for who does not."""
    if dress.style == "long":
        layer.element(float(points[NAPE, 2]) + (0.1 if figure.face_front > 0 else -0.6) * unit, code)
        strand = points[[BACK, NAPE, NAPE_LEFT, NAPE_RIGHT]]
        fall = (points[NECK, :2] - points[HEAD, :2]) * 0.45
        low = strand[1:, :2] + fall
        layer.blob(np.concatenate([points[HEAD:HEAD + 1, :2], strand[:, :2], low]),
                   unit * np.array([0.82, 0.35, 0.4, 0.3, 0.3, 0.34, 0.26, 0.26]), tone(dress.hair, 0.85))
    elif dress.style == "tail":
        layer.element(float(points[BACK, 2]) + (0.1 if figure.face_front > 0 else -0.6) * unit, code)
        back, nape = points[BACK, :2], points[NAPE, :2]
        low = nape + (nape - back) * 0.8 + (back - points[HEAD, :2]) * 0.2
        layer.tube(back, low, 0.3 * unit, 0.12 * unit, dress.hair)


def paint_head(layer: Layer, figure: Figure, points: np.ndarray, size: np.ndarray, dress: Dress, code: int,
               hair_code: int) -> None:
    """Paint the head; `code` goes with skull, face and the hair on it, `hair_code` with hair that hangs."""
    unit = float(size[HEAD]) * figure.build.head / 2
    face = points[FACE]
    _paint_back_hair(layer, figure, points, unit, dress, hair_code)
    layer.element(float(points[HEAD, 2]) - 0.35 * unit, code)
    ear_out = figure.head_turn[2, 0]
    ears = [(3, ear_out), (4, -ear_out)]
    for ear, away in ears:
        if 0.0 < away < 0.45:
            layer.tube(points[ear, :2] + [0, -0.1 * unit], points[ear, :2] + [0, 0.1 * unit], 0.13 * unit,
                       0.09 * unit, tone(dress.skin, 0.86))
    outline = np.concatenate([points[_SKULL, :2], face[:27, :2], face[27:36, :2]])
    layer.hull(outline, tone(dress.skin, 0.8))
    middle = outline.mean(0)
    layer.hull(middle + (outline - middle) * 0.955 + layer.light * 0.03 * unit, dress.skin)
    if figure.face_front > -0.1:
        _paint_features(layer, figure, face, unit, dress)
    for ear, away in ears:
        if away <= 0.0:
            layer.tube(points[ear, :2] + [0, -0.1 * unit], points[ear, :2] + [0, 0.1 * unit], 0.13 * unit,
                       0.09 * unit, tone(dress.skin, 0.92))
            layer.disc(points[ear], 0.06 * unit, tone(dress.skin, 0.7))
    _paint_hair(layer, figure, points, unit, dress)
