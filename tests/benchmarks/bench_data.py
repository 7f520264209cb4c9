"""The training data's way from a JPEG to a batch, on drawn people in pictures of COCO's size."""

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from harness.data.augment import Pose, augment, draw
from harness.data.coco import trainable
from harness.data.crops import TrainCrops, warp
from harness.data.geometry import apply_affine, crop_affine, crop_of_box
from harness.data.images import read_image
from harness.data.synthetic import SPLIT_START, draw_image
from harness.data.targets import msra_targets, normalise
from harness.protocol import make_protocol
from harness.training.batches import EpochBatches
from tests.benchmarks.inputs import HEIGHT, LAYOUT, PICTURE, SEED, STEADY, WIDTH, drawn_split, timed

pytestmark = [pytest.mark.benchmark(group="data", **STEADY), pytest.mark.usefixtures("one_thread")]

PICTURES = 12
BATCH = 16
UNCHANGED = {name: 0 for name in ("shift_probability", "flip_probability", "half_body_probability", "scale",
                                  "rotation_probability")}
PROTOCOL = make_protocol({"crop": {"width": WIDTH, "height": HEIGHT},
                          "train": {"batch_size": BATCH, "steps_per_epoch": 1}}, "benchmark")


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return drawn_split(tmp_path_factory.mktemp("drawn"), PICTURES)


@pytest.fixture(scope="module")
def people(split):
    """Rows of the people that are trained on."""
    return np.flatnonzero(trainable(split.people, split.images))


def test_decode(benchmark, split):
    """Four files, in the system's cache."""
    paths = split.images.path[:4]
    found = timed(benchmark, lambda: [read_image(path, PICTURE) for path in paths])
    for i, image in enumerate(found):
        original = draw_image(SEED, SPLIT_START["train"] + i, *PICTURE)[0]
        assert np.abs(image.astype(int) - original).mean() < 4


def test_crop(benchmark, split, people):
    """Sixteen crops of the people in four pictures."""
    pictures = {i: cv2.imread(str(path)) for i, path in zip(split.images.id[:4], split.images.path[:4], strict=True)}
    people = np.resize(people[np.isin(split.people.image_id[people], list(pictures))], BATCH)
    images = [pictures[i] for i in split.people.image_id[people]]
    center, size = crop_of_box(split.people.box[people], WIDTH, HEIGHT, PROTOCOL.crop.padding)
    matrices = [crop_affine(c, s, 0.0, WIDTH, HEIGHT) for c, s in zip(center, size, strict=True)]

    found = timed(benchmark, lambda: [warp(image, m, WIDTH, HEIGHT) for image, m in zip(images, matrices, strict=True)])
    for crop, image, matrix in zip(found, images, matrices, strict=True):
        assert crop.shape == (HEIGHT, WIDTH, 3)
        inverse = cv2.invertAffineTransform(matrix)
        for x, y in ((WIDTH // 2, HEIGHT // 2), (WIDTH // 3, HEIGHT // 2), (WIDTH // 2, HEIGHT // 3)):
            place = apply_affine(inverse, np.array([x, y], dtype=np.float64)).astype(np.float32)
            pixel = cv2.getRectSubPix(image, (1, 1), place.tolist())[0, 0, ::-1]
            assert np.abs(crop[y, x].astype(int) - pixel).max() <= 12  # places are rounded to 1/32 pixel


def test_augmentation(benchmark, split, people):
    """The geometry of 20 epochs of the first sixteen people."""
    people = people[:BATCH]
    points, labelled = split.people.keypoints[people, :, :2], split.people.keypoints[people, :, 2] > 0
    center, size = crop_of_box(split.people.box[people], WIDTH, HEIGHT, PROTOCOL.crop.padding)
    flip_index, upper = np.array(LAYOUT.flip_index), np.isin(np.arange(LAYOUT.size), LAYOUT.upper)

    def augmented():
        return [augment(Pose(points[i], labelled[i], center[i], size[i]), draw(np.random.default_rng((0, epoch, i))),
                        PROTOCOL.augment, PICTURE[0], flip_index, upper, (WIDTH, HEIGHT))
                for epoch in range(20) for i in range(len(people))]

    found = timed(benchmark, augmented)
    mirrored = np.array([pose.mirrored for pose in found])
    turned = np.array([pose.rotation != 0 for pose in found])
    assert 0.4 < mirrored.mean() < 0.6
    assert 0.5 < turned.mean() < 0.7
    for i, pose in enumerate(found):
        own = points[i % len(people)]
        if pose.mirrored:
            own = np.stack([PICTURE[0] - 1 - own[flip_index, 0], own[flip_index, 1]], axis=1)
        assert np.array_equal(pose.points, own)


def test_targets(benchmark, split, people):
    """Gaussian heat maps of four people in the middle of a crop each, and their normalised pictures."""
    sample = TrainCrops(split, people[:4], make_protocol({"augment": UNCHANGED}, "benchmark"))
    images, points, visible = (torch.from_numpy(np.stack([sample[i][name] for i in range(len(sample))]))
                               for name in ("image", "points", "visible"))

    def prepared():
        return normalise(images), *msra_targets(points, visible, WIDTH // 4, HEIGHT // 4)

    pictures, maps, weight = timed(benchmark, prepared)
    check(pictures, maps, weight, points)
    assert torch.allclose(pictures[:, 0] * 0.229 * 255 + 0.485 * 255, images[..., 0].float(), atol=1e-3)


def test_a_training_batch(benchmark, split, people):
    """Sixteen people from their files to what the network and the loss get, without loader processes."""
    crops = TrainCrops(split, people, PROTOCOL)
    loader = DataLoader(crops, batch_sampler=EpochBatches(len(crops), PROTOCOL.train, seed=0))

    def batch():
        (found,) = loader
        maps, weight = msra_targets(found["points"], found["visible"], WIDTH // 4, HEIGHT // 4)
        return normalise(found["image"]), maps, weight, found["points"]

    found = timed(benchmark, batch)
    assert len(found[0]) == BATCH
    check(*found)


def check(pictures, maps, weight, points):
    """Pictures that show something, and peaks of 1 at the points."""
    assert pictures.shape == (len(points), 3, HEIGHT, WIDTH)
    assert (pictures.std(dim=(2, 3)) > 0.1).all()
    assert maps.shape == (len(points), LAYOUT.size, HEIGHT // 4, WIDTH // 4)
    height, width = maps.shape[2:]
    at = (points / 4 + 0.5).long()
    inside = (weight > 0) & (at >= 0).all(dim=-1) & (at[..., 0] < width) & (at[..., 1] < height)
    assert inside.sum() > len(points) * LAYOUT.size // 4
    peak = maps.flatten(2).max(dim=2)
    assert (peak.values[inside] == 1).all()
    assert peak.indices[inside].equal((at[..., 1] * width + at[..., 0])[inside])
