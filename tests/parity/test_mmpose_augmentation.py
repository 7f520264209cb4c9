"""Augmentation "1.x" beside the transforms of the installed mmpose 1.x: equal distributions, not equal numbers."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from harness.data.augment import Pose
from harness.data.augment_1x import augment, draw
from harness.layout import load_layout
from harness.protocol import Augment

pytestmark = pytest.mark.parity
LAYOUT = load_layout("coco-wholebody")
UPPER, LOWER = (np.isin(np.arange(133), half) for half in (LAYOUT.upper, LAYOUT.lower))
COUNT = 3000
WIDTH, HEIGHT = 640, 8
BOX = np.array([200.0, 100.0, 90.0, 260.0])


@pytest.fixture(scope="module")
def transforms():
    """The training pipeline of mmpose's whole-body configurations, from the box to the crop."""
    pytest.importorskip("mmpose", reason="mmpose is not installed (tests/install_oracles.py)")
    from baselines.mmcv_ops import ensure_mmcv_ops

    ensure_mmcv_ops()
    from mmpose.datasets import transforms as theirs

    return lambda probability: [
        theirs.GetBBoxCenterScale(), theirs.RandomFlip(direction="horizontal"),
        theirs.RandomHalfBody(prob=probability), theirs.RandomBBoxTransform(), theirs.TopdownAffine((192, 256))]


def points_of(labelled):
    """(133, 2) points in the box, those of each half apart, and which of them are labelled."""
    rng = np.random.default_rng(2)
    points = rng.uniform(BOX[:2], BOX[:2] + BOX[2:] / 2, (133, 2))
    points[11:23] += (0, 120)
    return points, np.isin(np.arange(133), labelled)


def crops_of_theirs(transforms, points, labelled):
    """(N, 6): centre, size, rotation and whether mirrored, of so many draws of mmpose's."""
    found = []
    np.random.seed(0)  # noqa: NPY002 - mmpose and scipy draw from the global state
    for _ in range(COUNT):
        results = {"img": np.zeros((HEIGHT, WIDTH, 3), np.uint8), "img_shape": (HEIGHT, WIDTH),
                   "bbox": np.concatenate([BOX[:2], BOX[:2] + BOX[2:]])[None], "keypoints": points[None].copy(),
                   "keypoints_visible": labelled[None].astype(np.float32), "flip_indices": list(LAYOUT.flip_index),
                   "upper_body_ids": list(LAYOUT.upper), "lower_body_ids": list(LAYOUT.lower)}
        for transform in transforms:
            results = transform(results)
        found.append([*results["input_center"], *results["input_scale"], results["bbox_rotation"][0],
                      results["flip"]])
    return np.array(found, dtype=float)


def crops_of_ours(probability, points, labelled):
    pose = Pose(points, labelled, BOX[:2] + BOX[2:] / 2, BOX[2:] * 1.25)
    settings, rng = Augment(version="1.x", half_body_probability=probability), np.random.default_rng(1)
    found = [augment(pose, draw(rng), settings, WIDTH, np.array(LAYOUT.flip_index), UPPER, LOWER, (192, 256))
             for _ in range(COUNT)]
    return np.array([[*crop.center, *crop.size, crop.rotation, crop.mirrored] for crop in found])


@pytest.mark.parametrize(("probability", "labelled"), [
    (0.3, range(133)),  # as configured
    (1.0, [*range(9), *range(11, 14)]),
    (1.0, [0, 1, *range(11, 19)]),  # two upper points are enough
    (1.0, [*range(9), 11, 12]),  # two lower ones are not
    (1.0, [0, *range(11, 20)]),  # one upper point is not
    (1.0, range(8)),  # too few in all
    (1.0, [0, 11, 12, *range(30, 60)]),  # many, but on the face
])
def test_crops_are_equally_distributed(transforms, probability, labelled):
    points, labelled = points_of(list(labelled))
    theirs = crops_of_theirs(transforms(probability), points, labelled)
    ours = crops_of_ours(probability, points, labelled)
    for name, mine, other in zip(("x", "y", "width", "height", "rotation", "mirrored"), ours.T, theirs.T, strict=True):
        assert ks_2samp(mine, other).pvalue > 1e-3, name
        # mmpose's single precision aside, they reach equally far
        for end in (np.min, np.max):
            assert end(mine) == pytest.approx(end(other), abs=0.02 * max(np.ptp(other), 1)), name
    # Together, too: what belongs to mirrored crops, and to turned ones.
    for column in (5, 4):
        for i in range(4):
            mine, other = (crops[crops[:, column] != 0, i] for crops in (ours, theirs))
            assert ks_2samp(mine, other).pvalue > 1e-3
