"""Small folders of images, and a network that is quick."""

import cv2
import numpy as np
import pytest

from harness.classification.pictures import PictureRef
from harness.classification.protocol import Recipe
from harness.classification.samples import read_listing

QUICK = {"crop": {"width": 32, "height": 32}, "train": {"batch_size": 4, "processes": 1, "epochs": 2},
         "test": {"batch_size": 3}}


def write_images(folder, counts, side=40):
    """`counts` images of noise in each class folder."""
    for seed, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        rng = np.random.default_rng(seed)
        for number in range(count):
            image = rng.integers(0, 256, (side, side + 8, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / name / f"{number}.JPEG"), image)


@pytest.fixture
def folder(tmp_path):
    """train/ with 3, 2 and 4 images of three classes, val/ with 2 of each."""
    root = tmp_path / "images"
    write_images(root / "train", {"cat": 3, "ant": 2, "bee": 4})
    write_images(root / "val", {"cat": 2, "ant": 2, "bee": 2})
    return root


@pytest.fixture
def train_ref(folder):
    return PictureRef("image-folder", str(folder), "train")


@pytest.fixture
def val_ref(folder):
    return PictureRef("image-folder", str(folder), "val")


@pytest.fixture
def listing(val_ref):
    return read_listing(val_ref)


@pytest.fixture
def recipe():
    return Recipe.model_validate(QUICK)
