"""What a synthetic person does: the joint angles, drawn from a handful of everyday attitudes.

Angles are degrees. Every attitude is a middle with a generous spread, so that no two people are alike and a predictor
that always answers one pose is of no use, while limbs stay within what joints can do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.synthetic.head import HAIRLINES


@dataclass(frozen=True)
class Arm:
    """An arm; all angles 0 is hanging straight with the palm towards the thigh."""

    aside: float
    """Raised sideways: 90 level, 180 overhead."""
    forward: float
    """Swung forward."""
    twist: float
    """Turns the plane of the elbow: 90 bends the forearm towards the belly, -90 away from the body."""
    elbow: float
    """0 straight, 145 closed."""
    palm: float
    """Turn of the forearm: 90 turns the palm back, -90 forward."""
    wrist: float
    """Bend towards the palm."""
    shrug: float
    """Raised shoulder, 0 to 1."""
    curl: np.ndarray
    """(5,) per finger, thumb first; 0 straight, 1 closed."""
    spread: float
    """Fan of the fingers, 0 to 1."""


@dataclass(frozen=True)
class Leg:
    """A leg; all angles 0 is standing straight."""

    aside: float
    forward: float
    twist: float
    knee: float
    toes_out: float


@dataclass(frozen=True)
class Pose:
    """A whole attitude; index 0 of arms and legs is the left one."""

    yaw: float
    """0 facing the viewer, 180 from behind, positive towards the figure's own right."""
    lean: float
    tilt: float
    """Roll of the whole figure in the picture."""
    camera: float
    """Height of the camera above level."""
    spine: tuple[float, float, float]
    """Turn, bend forward, bend sideways of the chest against the pelvis."""
    head: tuple[float, float, float]
    """Turn, nod, tilt of the head against the chest."""
    arms: tuple[Arm, Arm]
    legs: tuple[Leg, Leg]
    mouth_open: float
    smile: float
    brow: float
    eyes_open: float
    gaze: tuple[float, float]
    """Where the pupils look, -1 to 1 to the head's left and down."""
    hairline: str
    hair_volume: float


# Middle and spread (uniform, plus or minus) of aside, forward, twist, elbow, palm, for the ways to hold an arm.
ARM_WAYS = {
    "hang": ((12, 8), (0, 15), (20, 30), (15, 15), (60, 40)),
    "hip": ((46, 10), (-12, 10), (82, 12), (95, 15), (60, 30)),
    "bent": ((14, 12), (12, 18), (25, 40), (85, 35), (20, 70)),
    "aside": ((85, 22), (10, 20), (-20, 50), (25, 25), (20, 80)),
    "raised": ((150, 22), (5, 20), (-10, 40), (22, 22), (-60, 60)),
    "wave": ((95, 25), (0, 20), (-85, 20), (85, 30), (-80, 35)),
    "reach": ((20, 18), (75, 25), (0, 40), (25, 25), (30, 70)),
    "head": ((115, 20), (15, 15), (-60, 20), (120, 12), (0, 40)),
}
ARM_SHARES = {
    "stand": (0.34, 0.12, 0.18, 0.08, 0.09, 0.11, 0.05, 0.03),
    "active": (0.06, 0.04, 0.18, 0.22, 0.2, 0.14, 0.12, 0.04),
    "swing": (0.25, 0.02, 0.5, 0.05, 0.06, 0.04, 0.08, 0.0),
    "sit": (0.15, 0.04, 0.3, 0.1, 0.08, 0.12, 0.17, 0.04),
}
# How likely each attitude is, and which arms go with it.
ATTITUDES = {
    "stand": (0.5, "stand"), "walk": (0.21, "swing"), "run": (0.08, "swing"), "sit": (0.08, "sit"),
    "squat": (0.02, "active"), "star": (0.07, "active"), "kick": (0.04, "active"),
}
_HANDS = {
    # Curl of thumb to little finger, and fan.
    "open": (0.42, (0.0, 0.05, 0.05, 0.05, 0.05), 1.0),
    "relaxed": (0.36, (0.25, 0.25, 0.32, 0.38, 0.42), 0.45),
    "point": (0.07, (0.7, 0.0, 0.9, 0.95, 0.95), 0.2),
    "two": (0.06, (0.8, 0.0, 0.0, 0.95, 0.95), 0.9),
    "thumb": (0.04, (0.0, 0.95, 0.95, 0.95, 0.95), 0.1),
    "fist": (0.05, (0.7, 0.95, 0.95, 0.95, 0.95), 0.0),
}


def _around(rng: np.random.Generator, middle: float, spread: float) -> float:
    """A uniform draw of middle plus or minus spread."""
    return middle + spread * (2.0 * rng.random() - 1.0)


def _choose(rng: np.random.Generator, names: tuple[str, ...], shares: np.ndarray) -> str:
    """One of the names, as likely as its share."""
    return names[min(int(np.searchsorted(np.cumsum(shares), rng.random())), len(names) - 1)]


def random_arm(rng: np.random.Generator, shares: tuple[float, ...]) -> Arm:
    """An arm held in one of the ways, with one of the gestures of the hand."""
    way = _choose(rng, tuple(ARM_WAYS), np.asarray(shares))
    aside, forward, twist, elbow, palm = (_around(rng, *pair) for pair in ARM_WAYS[way])
    gesture = _choose(rng, tuple(_HANDS), np.array([h[0] for h in _HANDS.values()]))
    _, curl, fan = _HANDS[gesture]
    loose = 0.14 * rng.random(5)
    shrug = max(0.0, (aside - 80) / 90)
    return Arm(aside, forward, twist, elbow, palm, wrist=_around(rng, 5, 25), shrug=shrug,
               curl=np.clip(np.array(curl) + loose, 0, 1), spread=float(np.clip(fan + _around(rng, 0, 0.25), 0, 1.1)))


def _random_legs(rng: np.random.Generator, attitude: str) -> tuple[Leg, Leg]:
    """Both legs of an attitude, the leading one on either side."""
    def leg(aside, forward, knee):
        return Leg(_around(rng, *aside), _around(rng, *forward), _around(rng, 0, 12), _around(rng, *knee),
                   _around(rng, 14, 14))

    if attitude == "walk":
        pair = leg((3, 4), (26, 10), (10, 10)), leg((3, 4), (-18, 10), (24, 18))
    elif attitude == "run":
        pair = leg((4, 5), (62, 22), (75, 25)), leg((4, 5), (-22, 15), (55, 35))
    elif attitude == "sit":
        pair = leg((12, 12), (82, 14), (85, 20)), leg((12, 12), (82, 14), (85, 20))
    elif attitude == "squat":
        pair = leg((24, 14), (95, 20), (115, 18)), leg((24, 14), (95, 20), (115, 18))
    elif attitude == "star":
        pair = leg((30, 16), (5, 15), (12, 12)), leg((30, 16), (5, 15), (12, 12))
    elif attitude == "kick":
        pair = leg((14, 14), (65, 30), (45, 45)), leg((6, 6), (0, 10), (12, 12))
    else:
        pair = leg((7, 6), (4, 8), (8, 8)), leg((7, 6), (2, 8), (8, 8))
    return pair if rng.random() < 0.5 else (pair[1], pair[0])


def _random_yaw(rng: np.random.Generator) -> float:
    """Mostly towards the viewer, sometimes from the side, one time in twenty-five from behind."""
    kind = rng.random()
    if kind < 0.88:
        return float(np.clip(rng.normal(0, 16), -45, 45))
    if kind < 0.96:
        return float(rng.uniform(40, 80) * rng.choice([-1, 1]))
    return 180.0 + _around(rng, 0, 35)


def random_pose(rng: np.random.Generator) -> Pose:
    """Draw an attitude, a view on it and a countenance."""
    attitude = _choose(rng, tuple(ATTITUDES), np.array([a[0] for a in ATTITUDES.values()]))
    shares = ARM_SHARES[ATTITUDES[attitude][1]]
    yaw = _random_yaw(rng)
    facing = abs(yaw) < 90
    lean = {"run": 14.0, "squat": 18.0, "sit": 2.0}.get(attitude, 3.0) + _around(rng, 0, 7)
    bend = abs(rng.normal(0, 8)) + (rng.uniform(15, 40) if rng.random() < 0.04 else 0.0)
    tilt = rng.uniform(-40, 40) if rng.random() < 0.04 else rng.normal(0, 4)
    # Who stands sideways often looks at the viewer.
    look = -yaw * rng.uniform(0.3, 0.7) if facing and abs(yaw) > 35 and rng.random() < 0.7 else rng.normal(0, 12)
    smiling = rng.random() < 0.5
    return Pose(
        yaw=yaw, lean=lean, tilt=tilt, camera=rng.uniform(-3, 16),
        spine=(_around(rng, 0, 16), bend, _around(rng, 0, 11)),
        head=(float(np.clip(look, -55, 55)), _around(rng, -0.7 * (lean + bend) + 3, 9), _around(rng, 0, 9)),
        arms=(random_arm(rng, shares), random_arm(rng, shares)),
        legs=_random_legs(rng, attitude),
        mouth_open=rng.uniform(0.2, 1.0) if rng.random() < 0.4 else rng.uniform(0, 0.15),
        smile=rng.uniform(0.4, 1.0) if smiling else rng.uniform(-0.6, 0.3),
        brow=_around(rng, 0.3, 0.7), eyes_open=rng.uniform(0.6, 1.0),
        gaze=(_around(rng, 0, 0.8), _around(rng, 0, 0.5)),
        hairline=_choose(rng, tuple(HAIRLINES), np.array([0.42, 0.26, 0.14, 0.18])),
        hair_volume=rng.uniform(0.05, 0.14) if rng.random() < 0.85 else rng.uniform(0.25, 0.45),
    )
