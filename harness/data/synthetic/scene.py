"""A picture of one to three synthetic people: background, clutter, things before them, camera, and who is where."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from harness.data.synthetic.body import PELVIS, Figure, pose_figure, random_build
from harness.data.synthetic.brush import SUPERSAMPLE, Colour, Layer
from harness.data.synthetic.draw import LIMBS, paint_figure
from harness.data.synthetic.dress import cloth, random_dress
from harness.data.synthetic.pose import random_pose

THING = 255
"""Code of pixels where a thing lies before people; 0 is the background, everything else a person's limb."""
PEOPLE_SHARES = (0.45, 0.35, 0.2)
"""How often a picture shows one, two, three people."""
PLACING = ((0.32, 0.06), (0.24, 0.07), (0.16, 0.08))
"""With one, two, three people: how often one is a close-up, and how often cut by the picture's edge; else whole."""


@dataclass(frozen=True)
class Person:
    """A painted person: `points` (POINTS, 3) and `size` (POINTS,) as of `Figure.project`, pixels of the picture."""

    figure: Figure
    points: np.ndarray
    size: np.ndarray
    number: int
    """1 and up; `codes // LIMBS` shows where this person is seen."""
    silhouette: int
    """Pixels of the picture this person would take if nothing lay before it."""


@dataclass(frozen=True)
class Scene:
    """A picture (H, W, 3) uint8 blue, green, red; `codes` (H, W) uint8 says what is seen at each pixel."""

    image: np.ndarray
    codes: np.ndarray
    people: list[Person]


def _dim(colour: Colour, grey: float) -> Colour:
    """The colour mixed with as much grey of its own brightness."""
    mean = sum(colour) / 3
    return (colour[0] + (mean - colour[0]) * grey, colour[1] + (mean - colour[1]) * grey,
            colour[2] + (mean - colour[2]) * grey)


def backdrop(rng: np.random.Generator, width: int, height: int) -> tuple[np.ndarray, Colour]:
    """A wall or sky over a floor, both uneven, (H, W, 4) uint8, and the mean colour."""
    wall = _dim(cloth(rng, 0.25, 0.95), rng.uniform(0.35, 0.95))
    floor = _dim(cloth(rng, 0.25, 0.85), rng.uniform(0.35, 0.95))
    rows = 9
    horizon = rng.integers(4, 9)
    grid = np.empty((rows, 12, 4), np.float32)
    grid[:horizon] = (*wall, 0)
    grid[horizon:] = (*floor, 0)
    spread = rng.uniform(4, 22)
    grid += rng.normal(0, spread, (rows, 12, 1)).astype(np.float32) + rng.normal(0, 5, grid.shape).astype(np.float32)
    grid[..., 3] = 0
    grid = np.clip(grid, 0, 255).astype(np.uint8)
    canvas = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
    return canvas, (float(grid[..., 0].mean()), float(grid[..., 1].mean()), float(grid[..., 2].mean()))


def thing(rng: np.random.Generator, layer: Layer, at: np.ndarray, size: float, kind: int | None = None) -> None:
    """A piece of clutter about `size` pixels large: a crate, a pole, a ball, a plant or a striped board (0 to 4)."""
    kind = int(rng.integers(5)) if kind is None else kind
    colour = _dim(cloth(rng, 0.15, 0.95), rng.uniform(0.0, 0.8))
    wide, high = size * rng.uniform(0.3, 0.7), size * rng.uniform(0.3, 0.7)
    if kind in (0, 4):
        turn = rng.normal(0, 0.25)
        across, down = np.array([np.cos(turn), np.sin(turn)]) * wide, np.array([-np.sin(turn), np.cos(turn)]) * high
        layer.hull(at + np.stack([-across - down, across - down, across + down, down - across]), colour)
        bright = (colour[0] * 0.75, colour[1] * 0.75, colour[2] * 0.75)
        stripes = rng.integers(2, 6) if kind == 4 else 2
        for share in np.linspace(-0.8, 0.8, stripes):
            layer.line(np.stack([at - across * 0.96 + down * share, at + across * 0.96 + down * share]),
                       max(1.0, size * 0.03), bright)
    elif kind == 1:
        tip = np.array([rng.normal(0, 0.3), -rng.uniform(0.8, 1.6)]) * size
        layer.tube(at, at + tip, size * 0.07, size * 0.06, colour)
    elif kind == 2:
        layer.blob(at[None], 0.4 * size, colour)
    else:
        for _ in range(rng.integers(3, 7)):
            leaf = at + rng.normal(0, 0.6, 2) * size
            layer.tube(at, leaf, size * 0.03, size * rng.uniform(0.06, 0.13), colour)


def clutter(rng: np.random.Generator, canvas: np.ndarray, width: int, height: int, largest: float = 0.4) -> None:
    """Things behind the people, at most `largest` of the height; they carry the code of the background."""
    layer = Layer((-0.5, -0.8))
    layer.element(0.0, 0)
    for _ in range(rng.integers(3, 9)):
        at = np.array([rng.uniform(0, width), rng.uniform(0.1, 1.0) * height])
        thing(rng, layer, at, rng.uniform(0.08, largest) * height)
    layer.paint(canvas)


def _place(rng: np.random.Generator, figure: Figure, slot: int, count: int, width: int,
           height: int) -> tuple[float, float, float]:
    """Scale (pixels per stature) and pelvis (x, y) of a figure: whole, close-up or cut by a side of the picture."""
    flat = figure.points[:133, :2]
    low, high = flat.min(0) - 0.04, flat.max(0) + 0.04
    extent = high - low
    kind = rng.random()
    # Two and three people share the width.
    lane = (slot + rng.uniform(0.3, 0.7)) / count * width
    near, cut = PLACING[count - 1]
    if kind >= near + cut:
        scale = min(rng.uniform(0.5, 0.98) * height / extent[1], 1.15 * height, 0.95 * width / extent[0])
        scale *= (1.0, 0.93, 0.84)[count - 1]
        x = np.clip(lane, -low[0] * scale, width - high[0] * scale)
        y = rng.uniform(-low[1] * scale, max(height - high[1] * scale, -low[1] * scale + 1))
        return scale, float(x), float(y)
    if kind < near:
        # A close-up: the head in the upper part of the picture, the legs below its edge.
        scale = rng.uniform(1.15, 1.8) * height / (1.0, 1.12, 1.25)[count - 1]
        head = figure.points[0, 1] * scale
        return scale, lane, float(rng.uniform(0.17, 0.3) * height - head)
    scale = rng.uniform(0.6, 1.1) * height / max(float(extent[1]), 0.8)
    y = rng.uniform(-low[1] * scale - 0.12 * height, height - high[1] * scale + 0.25 * height)
    x = rng.uniform(-0.02, 0.14) * width
    if slot == count - 1 and (count > 1 or rng.random() < 0.5):
        x = width - x
    elif count > 1 and slot != 0:
        x = lane
    return scale, float(x), float(y)


def camera(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Exposure, colour cast, blur and noise of a picture (H, W, 3) uint8."""
    kind = rng.random()
    if kind < 0.16:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.3))
    elif kind < 0.24:
        length = int(rng.integers(2, 5))
        kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
        angle = rng.uniform(0, np.pi)
        across = np.array([np.cos(angle), np.sin(angle)]) * length * 0.7
        start, end = length - across, length + across
        cv2.line(kernel, (round(start[0]), round(start[1])), (round(end[0]), round(end[1])), 1.0, 1)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    level = np.arange(256, dtype=np.float64) / 255
    gain = rng.uniform(0.88, 1.06) * rng.uniform(0.94, 1.06, 3)
    lift = rng.uniform(0.0, 0.07)
    curve = level ** rng.uniform(0.8, 1.3)
    table = np.clip((lift + (1 - lift) * curve[:, None] * gain) * 255, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, table[None])
    noise = rng.integers(0, 256, image.shape, dtype=np.uint8)
    strength = rng.uniform(0.01, 0.06)
    return cv2.addWeighted(image, 1.0, noise, strength, -127.5 * strength)


def random_scene(rng: np.random.Generator, width: int, height: int, count: int | None = None) -> Scene:
    """Draw a scene and paint it, `width` by `height` pixels; `count` is 1, 2 or 3 people, None for any of them."""
    canvas, mean = backdrop(rng, width * SUPERSAMPLE, height * SUPERSAMPLE)
    clutter(rng, canvas, width, height)
    count = count or 1 + int(np.searchsorted(np.cumsum(PEOPLE_SHARES)[:-1], rng.random()))
    light = (float(rng.uniform(-0.7, 0.7)), float(rng.uniform(-1.0, -0.5)))
    placed = []
    for slot in range(count):
        figure = pose_figure(random_build(rng), random_pose(rng))
        placed.append((figure, *_place(rng, figure, slot, count, width, height)))
    # Whoever appears larger is nearer.
    placed.sort(key=lambda item: item[1])
    people = []
    for number, (figure, scale, x, y) in enumerate(placed, start=1):
        points, size = figure.project(scale, x, y)
        paint_figure(canvas, figure, points, size, random_dress(rng, mean), light, number)
        seen = canvas[::SUPERSAMPLE, ::SUPERSAMPLE, 3] // LIMBS == number
        silhouette = int(np.count_nonzero(seen))
        people.append(Person(figure, points, size, number, silhouette))
        if rng.random() < 0.2:
            _before(rng, canvas, points, scale, light)
    codes = canvas[::SUPERSAMPLE, ::SUPERSAMPLE, 3].copy()
    image = cv2.cvtColor(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_BGRA2BGR)
    return Scene(camera(rng, image), codes, people)


def _before(rng: np.random.Generator, canvas: np.ndarray, points: np.ndarray, scale: float,
            light: tuple[float, float]) -> None:
    """A thing before a person's body, away from the face."""
    layer = Layer(light)
    layer.element(0.0, THING)
    target = points[rng.choice([7, 8, 11, 12, 13, 14, 15, 16, PELVIS]), :2]
    thing(rng, layer, target + rng.normal(0, 0.04, 2) * scale, rng.uniform(0.14, 0.34) * scale)
    layer.paint(canvas)
