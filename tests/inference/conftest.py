"""A split of two pictures with six boxes, and a network that needs no training."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from harness.data.types import Boxes, Images, People, Split
from harness.layout import load_layout
from harness.protocol import make_protocol

LAYOUT = load_layout("lsp")


@pytest.fixture
def layout():
    return LAYOUT


@pytest.fixture
def make_settings():
    """Protocol of 64 x 64 crops; keyword arguments are settings of `test`."""

    def make(train=None, target=None, **test):
        return make_protocol({"crop": {"width": 64, "height": 64}, "train": train or {}, "target": target or {},
                              "test": {"batch_size": 2, **test}}, "test")

    return make


@pytest.fixture
def make_split(tmp_path):
    """A split of `images` noise pictures with three people and three detections each."""

    def make(images=2, detections=True):
        rng = np.random.default_rng(2)
        paths = tuple(tmp_path / f"{i}.png" for i in range(images))
        for path in paths:
            small = rng.integers(0, 256, (12, 16, 3), np.uint8)
            cv2.imwrite(str(path), cv2.resize(small, (160, 120), interpolation=cv2.INTER_CUBIC))
        n = 3 * images
        image_id = np.repeat(np.arange(images) + 10, 3)
        box = np.column_stack([rng.uniform(0, 60, (n, 2)), rng.uniform(30, 60, (n, 2))])
        keypoints = np.concatenate([rng.uniform(10, 90, (n, LAYOUT.size, 2)), np.full((n, LAYOUT.size, 1), 2.0)], 2)
        people = People(np.arange(n), image_id, box, box[:, 2] * box[:, 3], np.zeros(n, bool), keypoints,
                        np.full(n, LAYOUT.size))
        found = Boxes(image_id, box + rng.uniform(-2, 2, (n, 4)), rng.uniform(0.1, 1, n))
        pictures = Images(np.arange(images) + 10, paths, np.tile([160, 120], (images, 1)))
        return Split("noise", "val", LAYOUT, pictures, people, found if detections else None)

    return make


class Blobs(nn.Module):
    """Heat maps a quarter of the input: random smooth filters, so that maps differ and have clear maxima.

    `noise` is added as some networks do it at test.
    """

    def __init__(self, channels, noise=0.0):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(channels, 3, 9, 9, generator=generator) / 15)
        self.dropout = nn.Dropout(0.5)  # would show if the network were not put to evaluation
        self.noise = noise

    def forward(self, images):
        maps = nn.functional.conv2d(images, self.weight, stride=4, padding=4)
        return self.dropout(maps) + self.noise * torch.randn_like(maps)


@pytest.fixture
def make_network():
    return lambda channels=LAYOUT.size, noise=0.0: Blobs(channels, noise)
