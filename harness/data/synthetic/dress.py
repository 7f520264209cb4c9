"""What synthetic people wear and how they look: colours of skin, hair and cloth, lengths of sleeves and trousers."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.data.synthetic.brush import Colour

SKINS: tuple[Colour, ...] = (
    (182, 206, 240), (160, 188, 232), (140, 172, 222), (118, 152, 206), (95, 128, 182), (72, 100, 150), (54, 74, 112),
)
HAIRS: tuple[Colour, ...] = ((28, 26, 30), (32, 48, 74), (48, 78, 122), (96, 160, 206), (44, 72, 152), (150, 150, 154))
IRISES: tuple[Colour, ...] = ((40, 52, 70), (90, 60, 40), (60, 88, 52), (30, 36, 48))
SLEEVES = (0.0, 0.5, 0.6, 1.0, 1.9, 1.95)
TROUSER_LEGS = (0.45, 0.8, 1.5, 1.9, 1.95)
PATTERNS = ("plain", "stripes", "print", "open")
HAIR_STYLES = ("short", "short", "long", "long", "bun", "tail", "bald")


@dataclass(frozen=True)
class Dress:
    """Looks of one person; lengths count limbs: 0 none, 1 to the elbow or knee, 2 to the wrist or ankle."""

    skin: Colour
    hair: Colour
    style: str
    """One of HAIR_STYLES; a hat (the pose's hairline) goes with any."""
    hat: Colour
    shirt: Colour
    sleeve: float
    pattern: str
    """One of PATTERNS; open is a jacket over a shirt."""
    second: Colour
    """Colour of stripes, print, or what is under the jacket."""
    trousers: Colour
    leg: float
    skirt: bool
    shoe: Colour | None
    """None: bare feet."""
    sole: Colour
    glasses: bool
    lips: Colour
    iris: Colour


def cloth(rng: np.random.Generator, low: float = 0.25, high: float = 0.95) -> Colour:
    """A colour of cloth of any hue, its brightness within low and high."""
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.25, 0.9), rng.uniform(low, high))
    return (255 * blue, 255 * green, 255 * red)


def _furthest(colours: Sequence[Colour], others: Sequence[Colour]) -> Colour:
    """That of the colours which is furthest from the nearest of the others."""
    return max(colours, key=lambda c: min(sum(abs(a - b) for a, b in zip(c, o, strict=True)) for o in others))


def distinct(rng: np.random.Generator, others: list[Colour], low: float = 0.25, high: float = 0.95) -> Colour:
    """A colour of cloth that stands out from the others: the best of four draws."""
    return _furthest([cloth(rng, low, high) for _ in range(4)], others)


def random_dress(rng: np.random.Generator, background: Colour) -> Dress:
    """Draw looks that stand out from the background's mean colour."""
    skin = SKINS[rng.integers(len(SKINS))]
    jitter = rng.uniform(0.93, 1.07, 3)
    skin = (skin[0] * jitter[0], skin[1] * jitter[1], min(skin[2] * jitter[2], 250.0))
    shirt = distinct(rng, [background, skin])
    trousers = distinct(rng, [background, skin, shirt], 0.15, 0.8)
    shade = rng.uniform(0.86, 1.0)
    hair = _furthest([HAIRS[i] for i in rng.integers(len(HAIRS), size=2)], [skin])
    return Dress(
        skin=skin,
        hair=hair,
        style=HAIR_STYLES[rng.integers(len(HAIR_STYLES))],
        hat=cloth(rng),
        shirt=shirt,
        sleeve=SLEEVES[rng.integers(len(SLEEVES))],
        pattern=PATTERNS[rng.integers(len(PATTERNS))],
        second=distinct(rng, [shirt, skin]),
        trousers=trousers,
        leg=TROUSER_LEGS[rng.integers(len(TROUSER_LEGS))],
        skirt=rng.random() < 0.2,
        shoe=None if rng.random() < 0.15 else distinct(rng, [background, trousers], 0.1, 0.95),
        sole=(225.0, 228.0, 230.0) if rng.random() < 0.6 else (40.0, 40.0, 44.0),
        glasses=rng.random() < 0.12,
        lips=(skin[0] * 0.62 * shade, skin[1] * 0.55 * shade, skin[2] * 0.86),
        iris=IRISES[rng.integers(len(IRISES))],
    )
