"""A small labelled set that the project draws: people, parts of them and things, told apart by shape.

Everything has any colour, any background and any light. A picture depends on (seed, split, class, number, side,
GENERATOR_VERSION) and nothing else (with the same NumPy and OpenCV).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from harness.classification.drawn_recipe import CLASSES, JPEG_QUALITY, recipe
from harness.data.made import make_once
from harness.data.synthetic.body import FACE, HEAD, LEFT_HAND, RIGHT_HAND, pose_figure, random_build
from harness.data.synthetic.brush import SUPERSAMPLE, Layer
from harness.data.synthetic.draw import paint_figure
from harness.data.synthetic.dress import random_dress
from harness.data.synthetic.pose import Pose, random_arm, random_pose
from harness.data.synthetic.scene import backdrop, camera, clutter, random_scene, thing
from harness.files import atomic_write

MARKER = "synthetic-classes.json"
SPLITS = {"train": 0, "val": 1}
LIMBS = np.r_[0:23, LEFT_HAND.start:RIGHT_HAND.stop]
"""Points that say where a whole figure lies."""

Draw = Callable[[np.random.Generator, int], np.ndarray]


def _things(kind: int) -> Draw:
    """A large thing before small ones."""
    def draw(rng: np.random.Generator, side: int) -> np.ndarray:
        canvas, _ = backdrop(rng, side * SUPERSAMPLE, side * SUPERSAMPLE)
        clutter(rng, canvas, side, side, largest=0.2)
        layer = Layer(_light(rng))
        layer.element(0.0, 1)
        size = rng.uniform(0.5, 1.0) * side
        at = rng.uniform(0.38, 0.62, 2) * side + np.array([0.0, 0.45 * size if kind == 1 else 0.0])
        thing(rng, layer, at, size, kind)
        layer.paint(canvas)
        return _seen(rng, canvas, side)
    return draw


def _person(change: Callable[[np.random.Generator, Pose], Pose], points: Callable[[np.random.Generator], Any],
            share: tuple[float, float]) -> Draw:
    """A figure of which the points that are chosen take a share of the picture's side, and lie in its middle."""
    def draw(rng: np.random.Generator, side: int) -> np.ndarray:
        canvas, mean = backdrop(rng, side * SUPERSAMPLE, side * SUPERSAMPLE)
        clutter(rng, canvas, side, side)
        figure = pose_figure(random_build(rng), change(rng, random_pose(rng)))
        flat = figure.points[points(rng), :2]
        low, high = flat.min(0), flat.max(0)
        scale = rng.uniform(*share) * side / float((high - low).max())
        middle = side / 2 + rng.normal(0, 0.05, 2) * side - (low + high) / 2 * scale
        place, size = figure.project(scale, float(middle[0]), float(middle[1]))
        paint_figure(canvas, figure, place, size, random_dress(rng, mean), _light(rng), 1)
        return _seen(rng, canvas, side)
    return draw


def _crowd(rng: np.random.Generator, side: int) -> np.ndarray:
    """Three people."""
    return random_scene(rng, side, side, count=3).image


def _turned(low: float, high: float) -> Callable[[np.random.Generator, Pose], Pose]:
    """The pose seen from an angle within low and high, to either side; 0 is from the front."""
    return lambda rng, pose: replace(pose, yaw=rng.uniform(low, high) * rng.choice([-1, 1]), tilt=rng.normal(0, 5))


def _lying(rng: np.random.Generator, pose: Pose) -> Pose:
    return replace(pose, tilt=rng.choice([-90, 90]) + rng.normal(0, 12), yaw=rng.uniform(-40, 40))


def _waving(rng: np.random.Generator, pose: Pose) -> Pose:
    """A pose with both arms away from the body, so that hands are seen against the background."""
    shares = (0.0, 0.0, 0.0, 0.4, 0.3, 0.3, 0.0, 0.0)
    return replace(pose, yaw=rng.uniform(-30, 30), arms=(random_arm(rng, shares), random_arm(rng, shares)))


def _hand(rng: np.random.Generator) -> slice:
    return LEFT_HAND if rng.random() < 0.5 else RIGHT_HAND


def _foot(rng: np.random.Generator) -> np.ndarray:
    other = int(rng.integers(2))
    return np.array([15 + other, *range(17 + 3 * other, 20 + 3 * other)])


def _head(rng: np.random.Generator) -> np.ndarray:
    return np.r_[np.arange(133)[FACE], HEAD]


DRAW: dict[str, Draw] = {
    "ball": _things(2), "crate": _things(0), "plant": _things(3), "pole": _things(1),
    "face": _person(_turned(0, 35), lambda rng: FACE, (0.5, 0.8)),
    "nape": _person(_turned(140, 180), _head, (0.4, 0.65)),
    "hand": _person(_waving, _hand, (0.5, 0.85)),
    "foot": _person(_turned(0, 60), _foot, (0.35, 0.6)),
    "standing": _person(_turned(0, 30), lambda rng: LIMBS, (0.75, 0.95)),
    "behind": _person(_turned(150, 180), lambda rng: LIMBS, (0.75, 0.95)),
    "lying": _person(_lying, lambda rng: LIMBS, (0.75, 0.95)),
    "crowd": _crowd,
}
"""How a picture of each of `CLASSES` is drawn, (side, side, 3) uint8 blue, green, red."""


def _light(rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(-0.7, 0.7)), float(rng.uniform(-1.0, -0.5))


def _seen(rng: np.random.Generator, canvas: np.ndarray, side: int) -> np.ndarray:
    """The canvas as a picture, through a camera."""
    image = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    return camera(rng, cv2.cvtColor(image, cv2.COLOR_BGRA2BGR))


def draw(seed: int, split: str, name: str, number: int, side: int) -> np.ndarray:
    """A picture of a class, (side, side, 3) uint8 blue, green, red."""
    entropy = [seed, SPLITS[split], CLASSES.index(name), number]
    return DRAW[name](np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy))), side)


def make(options: dict[str, Any], root: Path) -> None:
    """Draw the set under `root`, once: `<split>/<class>/<number>.jpg`. Raises UserError as `make_once`."""
    def write(folder: Path) -> None:
        for split in SPLITS:
            for name in CLASSES:
                (folder / split / name).mkdir(parents=True)
                for number in range(options[split]):
                    image = draw(options["seed"], split, name, number, options["side"])
                    good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
                    if not good:
                        raise RuntimeError(f"OpenCV cannot encode picture {number} of {name} as JPEG")
                    (folder / split / name / f"{number:05d}.jpg").write_bytes(data.tobytes())

    make_once(root, recipe(options), MARKER, write)


def example_sheet(path: Path, seed: int = 0, each: int = 10, side: int = 96) -> None:
    """Write a PNG with a row of examples of every class, in the order of `CLASSES`."""
    rows = [np.concatenate([draw(seed, "val", name, number, side) for number in range(each)], 1) for name in CLASSES]
    good, data = cv2.imencode(".png", np.concatenate(rows))
    if not good:
        raise RuntimeError("OpenCV cannot encode the sheet as PNG")
    with atomic_write(path) as file:
        file.write(data.tobytes())
