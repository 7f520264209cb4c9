import numpy as np
import pytest

from harness.data.types import Predictions
from harness.inference.nms import oks_nms, oks_to_others, rescore, select
from harness.layout import load_layout

LAYOUT = load_layout("coco-wholebody")


def predictions(count, images=1, spread=2.0, seed=0):
    """`count` people, all near to each other, dealt out to the images in turn."""
    rng = np.random.default_rng(seed)
    pose = rng.uniform(50, 150, (133, 2))
    xy = pose + rng.normal(0, spread, (count, 1, 2)) + rng.normal(0, spread / 4, (count, 133, 2))
    keypoints = np.concatenate([xy, rng.uniform(0, 1, (count, 133, 1))], axis=2)
    return Predictions(np.arange(count) % images, np.tile([40.0, 40, 120, 120], (count, 1)),
                       rng.uniform(0.2, 1, count), keypoints)


def test_rescoring_by_hand():
    found = predictions(3)
    found.keypoints[..., 2] = 0.0
    found.keypoints[0, :4, 2] = [0.9, 0.5, 0.2, 0.1]  # 0.2 itself does not count
    found.keypoints[1, :, 2] = 0.2
    found.keypoints[2, 100, 2] = 1.1
    np.testing.assert_allclose(rescore(found, 0.2), found.box_score * [0.7, 0, 1.1])


def test_oks_by_hand():
    points = np.zeros((2, 2))
    sigmas = np.array([0.05, 0.1])
    others = np.array([[[0, 0], [0, 0]], [[3, 4], [0, 0]], [[3, 4], [6, 8]]], float)
    expected = [1, (np.exp(-25 / (2 * 0.01 * 150)) + 1) / 2,
                (np.exp(-25 / (2 * 0.01 * 150)) + np.exp(-100 / (2 * 0.04 * 150))) / 2]
    areas = np.array([200.0, 200, 200])
    np.testing.assert_allclose(oks_to_others(points, 100.0, others, areas, sigmas), expected)


def test_suppression_is_by_the_best_of_those_that_stay():
    """B falls to A; C, too near only to B, stays since B is gone."""
    points = np.zeros((3, 1, 2))
    points[:, 0, 0] = [0, 3, 6]
    sigmas, areas = np.array([0.05]), np.full(3, 2000.0)  # OKS exp(-d^2 / 40): 0.80 at 3, 0.41 at 6
    assert oks_nms(points, np.array([0.9, 0.8, 0.7]), areas, sigmas, 0.5).tolist() == [0, 2]
    assert oks_nms(points, np.array([0.8, 0.9, 0.7]), areas, sigmas, 0.5).tolist() == [1]
    assert oks_nms(points, np.array([0.7, 0.8, 0.9]), areas, sigmas, 0.5).tolist() == [2, 0]


def test_an_oks_of_exactly_the_threshold_stays_and_ties_go_to_the_earlier():
    points, areas, sigmas = np.zeros((2, 1, 2)), np.full(2, 100.0), np.array([0.1])
    assert oks_nms(points, np.array([0.5, 0.5]), areas, sigmas, 1.0).tolist() == [0, 1]
    assert oks_nms(points, np.array([0.5, 0.5]), areas, sigmas, 0.99).tolist() == [0]


@pytest.mark.parametrize(("threshold", "spread"), [(0.5, 6.0), (0.9, 1.5)])
def test_who_is_kept_and_who_is_not(threshold, spread):
    """By definition: no two kept are too near, and whoever is gone was too near to a better one that was kept."""
    found = predictions(40, spread=spread)
    scores = rescore(found, 0.2)
    areas = np.linspace(5000, 30000, 40)
    kept = oks_nms(found.keypoints, scores, areas, LAYOUT.sigmas, threshold)
    assert (np.diff(scores[kept]) <= 0).all()
    points = found.keypoints[..., :2]
    oks = np.array([oks_to_others(points[i], areas[i], points, areas, LAYOUT.sigmas) for i in range(40)])
    np.testing.assert_allclose(oks, oks.T)
    near = oks > threshold
    assert near[np.ix_(kept, kept)].sum() == len(kept)
    gone = sorted(set(range(40)) - set(kept))
    assert 0 < len(gone) < 40
    for i in gone:
        assert any(near[i, j] and scores[j] > scores[i] for j in kept)


def test_select_runs_image_by_image(make_settings):
    settings = make_settings(nms_oks=0.5)
    together = predictions(30, images=3, spread=6.0)
    index, scores = select(together, LAYOUT, settings)
    assert (np.diff(index) > 0).all()
    np.testing.assert_array_equal(scores, rescore(together, 0.2)[index])
    expected = []
    for image in range(3):
        rows = np.flatnonzero(together.image_id == image)
        alone = Predictions(*(getattr(together, name)[rows] for name in together.__dataclass_fields__))
        expected += rows[select(alone, LAYOUT, settings)[0]].tolist()
    assert index.tolist() == sorted(expected)
    assert 3 <= len(index) < 30


def test_the_area_is_that_of_the_padded_crop(make_settings):
    """A box of 40 x 80 in a square crop has 100 x 100 pixels: two people with an OKS just on either side of 0.9."""
    found = predictions(2)
    found.keypoints[1] = found.keypoints[0]
    found.box[:] = [0, 0, 40, 80]
    layout = load_layout("lsp")
    one = Predictions(found.image_id, found.box, found.box_score, found.keypoints[:, :14])
    for factor, expected in ((0.99, 1), (1.01, 2)):
        distance = np.sqrt(-np.log(0.9) * 2 * 100 * 100) * factor
        one.keypoints[1, :, 0] = one.keypoints[0, :, 0] + distance * 2 * layout.sigmas
        assert len(select(one, layout, make_settings(nms_oks=0.9))[0]) == expected


def test_no_predictions_are_no_people(make_settings):
    index, scores = select(predictions(0), LAYOUT, make_settings())
    assert len(index) == len(scores) == 0
