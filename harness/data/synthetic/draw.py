"""Painting one figure: which strokes make trunk, limbs, hands and feet, in order of depth."""

from __future__ import annotations

import numpy as np

from harness.data.synthetic.body import LEFT_HAND, NECK, PELVIS, PRINT, RIGHT_HAND, SIDES, WAIST, Figure
from harness.data.synthetic.brush import Colour, Layer, tone
from harness.data.synthetic.dress import Dress
from harness.data.synthetic.face import paint_head

HEAD_LIMB, NECK_LIMB, TRUNK, HIPS, HAIR = 1, 2, 3, 4, 5
ARM_LIMBS = ((6, 7, 8), (9, 10, 11))
"""Upper arm, forearm, hand; left, right."""
LEG_LIMBS = ((12, 13, 14), (15, 16, 17))
"""Thigh, shin, foot; left, right."""
LIMBS = 32
"""Codes per person; a pixel's code is person * LIMBS + limb."""


def _between(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    return a + (b - a) * share


def _sleeved(layer: Layer, a: np.ndarray, b: np.ndarray, ra: float, rb: float, skin: Colour, cloth: Colour,
             length: float) -> None:
    """A limb of skin from a to b, covered by cloth over `length` of it (0 to 1)."""
    if length < 0.93:
        layer.tube(a, b, ra, rb, skin)
    if length > 0.02:
        length = min(length, 1.0)
        layer.tube(a, _between(a, b, length), ra * 1.12, (ra + (rb - ra) * length) * 1.18, cloth)


def _paint_hand(layer: Layer, hand: np.ndarray, size: float, skin: Colour) -> None:
    """Palm and five fingers of 21 points (21, 3); `size` is pixels of the hand's length."""
    fingers = hand[1:].reshape(5, 4, 3)
    order = np.argsort(-fingers[:, 2:, 2].mean(1))
    palm = np.concatenate([hand[:1], fingers[0, :2], fingers[1:, 0]])
    palm_depth = palm[:, 2].mean()
    radius = size * np.array([0.058, 0.05, 0.054, 0.05, 0.043])
    light = tone(skin, 1.04)

    def finger(i: int) -> None:
        points, thick = fingers[i], radius[i]
        for j in range(3):
            layer.tube(points[j], points[j + 1], thick * (1.08 - 0.1 * j), thick * (0.98 - 0.1 * j), light)

    behind = [i for i in order if fingers[i, 2:, 2].mean() > palm_depth + 0.02 * size]
    for i in behind:
        finger(i)
    layer.blob(palm, size * np.array([0.085, 0.07, 0.06, 0.062, 0.062, 0.06, 0.055]), skin)
    for i in order:
        if i not in behind:
            finger(i)


def _paint_foot(layer: Layer, ankle: np.ndarray, toes: np.ndarray, size: float, dress: Dress) -> None:
    """A shoe or a bare foot from ankle (3,) and big toe, small toe, heel (3, 3); `size` is pixels per stature."""
    big, small, heel = toes
    colour = dress.shoe or dress.skin
    ball = np.stack([_between(heel, big, 0.72), _between(heel, small, 0.72)])
    up = ankle - heel
    if dress.shoe is not None:
        sole = np.stack([big, small, heel])
        layer.blob(sole, size * np.array([0.015, 0.013, 0.017]), dress.sole)
        upper = np.stack([big + up * 0.16, small + up * 0.14, heel + up * 0.35, ankle + up * 0.1])
        layer.blob(upper, size * np.array([0.014, 0.012, 0.017, 0.024]), colour)
        laces = _between(ankle, (big + small) / 2, 0.45) + up * 0.25
        layer.tube(laces, _between(laces, big, 0.3), size * 0.006, size * 0.005, dress.sole)
        return
    layer.blob(np.stack([ball[0], ball[1], heel, ankle]), size * np.array([0.017, 0.014, 0.018, 0.022]), colour)
    for share in np.linspace(0.0, 1.0, 5):
        thick = size * (0.0105 - 0.004 * share)
        layer.tube(_between(ball[0], ball[1], share), _between(big, small, share), thick, thick, colour)


def _paint_trunk(layer: Layer, p: np.ndarray, size: float, figure: Figure, dress: Dress, base: int) -> None:
    """Seat and chest with their cloth, and the neck."""
    girth = figure.build.girth
    sides = p[SIDES]
    trunk_depth = float(p[[NECK, WAIST], 2].mean())
    # The seat is tucked under the shirt unless the figure bends over.
    layer.element(float(p[PELVIS, 2]) + 0.012 * size, base + HIPS)
    layer.blob(np.concatenate([p[11:13], sides[4:6], sides[2:4]]),
               size * girth * np.array([0.06, 0.06, 0.036, 0.036, 0.03, 0.03]), dress.trousers)

    layer.element(trunk_depth, base + TRUNK)
    lower = np.concatenate([sides[2:4], _between(sides[2:4], sides[4:6], 0.75)])
    layer.blob(lower, size * girth * np.array([0.035, 0.035, 0.038, 0.038]), dress.shirt)
    upper = np.concatenate([p[5:7], sides[:2], sides[2:4], p[NECK:NECK + 1]])
    layer.blob(upper, size * girth * np.array([0.042, 0.042, 0.036, 0.036, 0.034, 0.034, 0.03]), dress.shirt)
    if dress.pattern == "stripes":
        for share in (0.25, 0.55, 0.85):
            for above, below in ((p[5:7], sides[:2]), (sides[:2], sides[2:4])):
                left, right = _between(above, below, share)
                a, b = _between(left, right, 0.06), _between(left, right, 0.94)
                layer.tube(a, b, size * 0.011, size * 0.011, dress.second)
    elif figure.front > 0.25:
        chest = p[PRINT]
        if dress.pattern == "print":
            layer.hull(chest, dress.second)
        elif dress.pattern == "open":
            hem = _between(p[WAIST], p[PELVIS], 0.5)
            middle = (chest[0] + chest[1]) / 2
            layer.tube(_between(p[NECK], middle, 0.5), hem, size * 0.012, size * 0.026, dress.second)

    layer.element(trunk_depth - 0.015 * size, base + NECK_LIMB)
    throat = _between(p[NECK], (p[5] + p[6]) / 2, 0.6)
    layer.tube(throat, _between(p[NECK], p[23 + 8], 0.25), size * 0.04, size * 0.034, tone(dress.shirt, 0.85))
    top = (p[3] + p[4]) / 2
    layer.tube(throat, _between(p[NECK], top, 0.75), size * 0.032 * girth, size * 0.034, tone(dress.skin, 0.88))


def _paint_arm(layer: Layer, p: np.ndarray, size: np.ndarray, figure: Figure, dress: Dress, side: int,
               base: int) -> None:
    """Upper arm, forearm and hand of one side."""
    girth = figure.build.girth
    shoulder, elbow, wrist = p[5 + side], p[7 + side], p[9 + side]
    unit = float(size[7 + side])
    limbs = ARM_LIMBS[side]
    # Arms hang beside the trunk, and are painted over it where neither is clearly in front.
    layer.element(float((shoulder + elbow)[2]) / 2 - 0.035 * unit, base + limbs[0])
    _sleeved(layer, shoulder, elbow, unit * 0.036 * girth, unit * 0.029 * girth, dress.skin, dress.shirt,
             dress.sleeve)
    layer.element(float((elbow + wrist)[2]) / 2 - 0.037 * unit, base + limbs[1])
    _sleeved(layer, elbow, wrist, unit * 0.029 * girth, unit * 0.02 * girth, dress.skin, dress.shirt,
             dress.sleeve - 1)
    hand = p[(LEFT_HAND, RIGHT_HAND)[side]]
    layer.element(float(hand[:, 2].mean()) - 0.039 * unit, base + limbs[2])
    _paint_hand(layer, hand, float(size[9 + side]) * figure.build.hand, dress.skin)


def _paint_leg(layer: Layer, p: np.ndarray, size: np.ndarray, figure: Figure, dress: Dress, side: int,
               base: int) -> None:
    """Thigh, shin and foot of one side."""
    girth = figure.build.girth
    hip, knee, ankle = p[11 + side], p[13 + side], p[15 + side]
    unit = float(size[13 + side])
    limbs = LEG_LIMBS[side]
    # A lifted thigh lifts the skirt with it.
    length = _skirt_length(dress) if dress.skirt else dress.leg
    layer.element(float((hip + knee)[2]) / 2 + 0.004 * unit, base + limbs[0])
    _sleeved(layer, hip, knee, unit * 0.06 * girth, unit * 0.042 * girth, dress.skin, dress.trousers, length)
    layer.element(float((knee + ankle)[2]) / 2, base + limbs[1])
    _sleeved(layer, knee, ankle, unit * 0.041 * girth, unit * 0.025 * girth, dress.skin, dress.trousers, length - 1)
    toes = p[17 + 3 * side:20 + 3 * side]
    layer.element(float(toes[:, 2].mean()) - 0.01 * unit, base + limbs[2])
    _paint_foot(layer, ankle, toes, float(size[15 + side]), dress)


def _skirt_length(dress: Dress) -> float:
    """Share of the thighs that the skirt covers."""
    return 0.5 + 0.4 * (dress.leg > 1)


def _paint_skirt(layer: Layer, p: np.ndarray, size: float, figure: Figure, dress: Dress, base: int) -> None:
    """A skirt from the seat down the thighs, wider below."""
    hem = np.stack([_between(p[11 + s], p[13 + s], _skirt_length(dress)) for s in (0, 1)])
    apart = (hem[0] - hem[1]) * 0.3
    hem = hem + np.stack([apart, -apart])
    layer.element(float(np.concatenate([p[11:13], hem])[:, 2].mean()) - 0.012 * size, base + HIPS)
    layer.blob(np.concatenate([p[SIDES][4:6], hem]), size * figure.build.girth * np.array([0.045, 0.045, 0.05, 0.05]),
               dress.trousers)


def paint_figure(canvas: np.ndarray, figure: Figure, points: np.ndarray, size: np.ndarray, dress: Dress,
                 light: tuple[float, float], person: int) -> None:
    """Paint a figure on the canvas.

    `points` (POINTS, 3) and `size` (POINTS,) as `Figure.project` gives them; `person` 1 to 7 goes into the codes.
    """
    layer = Layer(light)
    base = person * LIMBS
    unit = float(size[PELVIS])
    _paint_trunk(layer, points, unit, figure, dress, base)
    for side in (0, 1):
        _paint_arm(layer, points, size, figure, dress, side, base)
        _paint_leg(layer, points, size, figure, dress, side, base)
    if dress.skirt:
        _paint_skirt(layer, points, unit, figure, dress, base)
    paint_head(layer, figure, points, size, dress, base + HEAD_LIMB, base + HAIR)
    layer.paint(canvas)
