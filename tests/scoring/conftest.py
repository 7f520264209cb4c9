"""People and predictions to score, made up."""

from dataclasses import dataclass

import numpy as np
import pytest

from harness.data.types import People
from harness.layout import Layout, load_layout
from harness.scoring import Scored


@dataclass(frozen=True)
class Case:
    people: People
    scored: Scored
    layout: Layout
    image_ids: np.ndarray


def draw_case(seed: int, layout: str = "coco-wholebody", images: int = 6, ties: bool = False,
              crowds: float = 0.1) -> Case:
    """Images with 0 to 5 people and 0 to 3 predictions for each; whole coordinates.

    Scores are distinct, or on a grid of 0.1 with `ties`. Parts are labelled or not; areas span the ranges.
    """
    rng = np.random.default_rng(seed)
    spec = load_layout(layout)
    image_ids = np.sort(rng.choice(1000, images, replace=False))
    image = np.repeat(image_ids, rng.integers(0, 6, images))
    p = len(image)
    side = rng.choice([20.0, 60.0, 150.0], p)
    corner = rng.integers(0, 500, (p, 1, 2))
    keypoints = np.zeros((p, spec.size, 3))
    keypoints[:, :, :2] = corner + np.round(rng.random((p, spec.size, 2)) * side[:, None, None])
    keypoints[:, :, 2] = rng.choice([0, 1, 2, 0.5], (p, spec.size))
    for part in spec.parts.values():
        if part.points is not None:
            keypoints[rng.random(p) < 0.2, part.slice] = 0
    keypoints[keypoints[:, :, 2] == 0] = 0
    box = np.concatenate([corner[:, 0], np.stack([side, side], axis=1)], axis=1)
    people = People(rng.permutation(p) + 1, image, box, 0.6 * side**2, rng.random(p) < crowds, keypoints,
                    np.count_nonzero(keypoints[:, spec.parts["body"].slice, 2], axis=1))
    source = np.repeat(np.arange(p), rng.integers(0, 4, p))
    points = keypoints[source]
    spread = side[source, None, None] * rng.choice([0.0, 0.01, 0.05], (len(source), 1, 1))
    points[:, :, :2] += np.round(rng.normal(size=(*points.shape[:2], 2)) * spread)
    points[:, :, 2] = rng.random(points.shape[:2])
    score = rng.integers(0, 10, len(source)) / 10 if ties else rng.permutation(len(source)) / 1000
    return Case(people, Scored(image[source], points, score), spec, image_ids)


@pytest.fixture(scope="session")
def case():
    """The function `draw_case`."""
    return draw_case
