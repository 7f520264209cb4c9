"""Real pictures for measurements: crops of a user's images, or of people that the project draws."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from harness.data.crops import warp
from harness.data.geometry import crop_affine, crop_of_box
from harness.data.synthetic import SPLIT_START, draw_image
from harness.protocol import Crop

PADDING = Crop().padding
SEED = 0
"""Of the drawn people."""


def crops(folder: Path | None, count: int, height: int, width: int) -> np.ndarray:
    """So many crops, (count, height, width, 3) uint8 RGB, as a network of that input size gets them.

    Of a folder, whole images by name; without one, drawn people. Begins again where there are fewer.
    Raises UserError for a folder without images, or with one that cannot be read.
    """
    people = _of_folder(folder, count) if folder else _drawn(count)
    found = []
    for i in range(count):
        image, box = people[i % len(people)]
        center, size = crop_of_box(box, width, height, PADDING)
        found.append(warp(image, crop_affine(center, size, 0.0, width, height), width, height))
    return np.stack(found)


def _of_folder(folder: Path, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    from harness.data.folder import list_images

    images = list_images(folder)
    return [(np.asarray(cv2.imread(str(path))), np.array([0.0, 0.0, *size]))
            for path, size in zip(images.path[:count], images.size[:count], strict=True)]


@cache
def _drawn(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures of drawn people with a person's box, one for each person."""
    found: list[tuple[np.ndarray, np.ndarray]] = []
    index = SPLIT_START["val"]
    while len(found) < count:
        image, people = draw_image(SEED, index)
        found += [(image, np.array(person["bbox"], dtype=np.float64)) for person in people]
        index += 1
    return found
