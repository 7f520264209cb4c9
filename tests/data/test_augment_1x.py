from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, truncnorm

from harness.data.augment import Pose
from harness.data.augment_1x import augment, draw, half_body
from harness.data.geometry import fix_aspect
from harness.layout import load_layout
from harness.protocol import Augment
from tests.data.test_augment import assert_moments, assert_share

LAYOUT = load_layout("coco-wholebody")
FLIP = np.array(LAYOUT.flip_index)
UPPER, LOWER = (np.isin(np.arange(133), half) for half in (LAYOUT.upper, LAYOUT.lower))
ASPECT = (192, 256)
WIDTH = 640
OFF = {"shift_probability": 0, "flip_probability": 0, "half_body_probability": 0, "scale": 0,
       "rotation_probability": 0}
TRUNCATED = truncnorm(-1, 1)
COUNT = 6000


@pytest.fixture
def pose():
    rng = np.random.default_rng(5)
    return Pose(points=rng.uniform(100, 400, (133, 2)), labelled=np.ones(133, bool),
                center=np.array([250.0, 250.0]), size=np.array([100.0, 400.0]))


def many(pose, count=COUNT, **settings):
    """The augmentation of `count` draws, with everything off but `settings`."""
    rng, all_settings = np.random.default_rng(12), Augment(version="1.x", **{**OFF, **settings})
    return [augment(pose, draw(rng), all_settings, WIDTH, FLIP, UPPER, LOWER, ASPECT) for _ in range(count)]


def test_the_variance_of_a_normal_truncated_to_one():
    assert TRUNCATED.var() == pytest.approx(1 - 2 * norm.pdf(1) / (norm.cdf(1) - norm.cdf(-1)))


def test_where_all_is_off_the_aspect_is_fixed_and_nothing_else(pose):
    for result in many(pose, 20):
        np.testing.assert_allclose(result.size, [300, 400])
        np.testing.assert_array_equal(result.center, pose.center)
        assert (result.rotation, result.mirrored) == (0, False)


def test_scale_is_a_truncated_normal(pose):
    factor = np.array([r.size[1] for r in many(pose, scale=0.5)]) / 400
    assert_moments(factor, 1, 0.5**2 * TRUNCATED.var())
    assert 0.5 <= factor.min() < 0.51
    assert 1.49 < factor.max() <= 1.5
    assert_share(factor < 0.75, TRUNCATED.cdf(-0.5))


def test_rotation_is_a_truncated_normal_for_three_in_five(pose):
    degrees = np.array([r.rotation for r in many(pose, rotation_probability=0.6)])
    turned = degrees[degrees != 0]
    assert_share(degrees != 0, 0.6)
    assert_moments(turned, 0, 80**2 * TRUNCATED.var())
    assert -80 <= turned.min() < -79
    assert 79 < turned.max() <= 80
    assert_share(np.abs(turned) < 40, TRUNCATED.cdf(0.5) - TRUNCATED.cdf(-0.5))


def test_shift_is_a_truncated_normal_in_the_padded_box_for_three_in_ten(pose):
    """The box is 100 wide here, the crop 300."""
    moved = np.array([(r.center - pose.center) / pose.size for r in many(pose, shift_probability=0.3)])
    shifted = moved[(moved != 0).any(axis=1)]
    assert_share((moved != 0).any(axis=1), 0.3)
    assert 0.155 < np.abs(shifted).max() <= 0.16
    for axis in range(2):
        assert_moments(shifted[:, axis], 0, 0.16**2 * TRUNCATED.var())
    assert abs(np.corrcoef(shifted.T)[0, 1]) < 0.1


def test_the_numbers_do_not_hang_together(pose):
    normals = np.array([draw(rng).normals for rng in [np.random.default_rng(3)] for _ in range(COUNT)])
    assert np.abs(np.corrcoef(normals.T) - np.eye(4)).max() < 4 / np.sqrt(COUNT)


def test_half_body_for_three_in_ten_and_the_upper_for_seven_in_ten_of_them(pose):
    results = many(pose, half_body_probability=0.3)
    upper = np.array([(r.center == pose.points[UPPER].mean(axis=0)).all() for r in results])
    lower = np.array([(r.center == pose.points[LOWER].mean(axis=0)).all() for r in results])
    assert_share(upper | lower, 0.3)
    assert_share(upper[upper | lower], 0.7)
    assert_share([r.mirrored for r in many(pose, flip_probability=0.5)], 0.5)


def test_face_and_hands_are_in_neither_half(pose):
    assert (UPPER | LOWER).sum() == 23
    crop = half_body(pose, UPPER, LOWER, False, 1.5)
    np.testing.assert_allclose(crop.center, pose.points[11:23].mean(axis=0))
    np.testing.assert_allclose(crop.size, 1.5 * np.ptp(pose.points[11:23], axis=0))


@pytest.mark.parametrize(("upper", "lower", "prefer_upper", "chosen"), [
    (2, 3, True, "upper"), (2, 3, False, "lower"), (1, 3, True, "lower"), (2, 2, False, "upper"),
    (1, 2, True, "whole"), (0, 0, False, "whole"), (0, 3, True, "lower"),
])
def test_which_half_is_chosen(pose, upper, lower, prefer_upper, chosen):
    labelled = np.zeros(133, bool)
    labelled[:upper] = True
    labelled[11:11 + lower] = True
    labelled[30:50] = True  # the face
    expected = {"upper": pose.points[:upper].mean(axis=0) if upper else None,
                "lower": pose.points[11:11 + lower].mean(axis=0) if lower else None, "whole": pose.center}[chosen]
    result = half_body(replace(pose, labelled=labelled), UPPER, LOWER, prefer_upper, 1.5)
    np.testing.assert_allclose(result.center, expected)


def test_eight_points_are_not_enough_for_a_half_body_nine_are(pose):
    eight, nine = (replace(pose, labelled=np.arange(133) < n) for n in (8, 9))
    assert all((r.center == pose.center).all() for r in many(eight, 50, half_body_probability=1))
    assert all((r.center != pose.center).any() for r in many(nine, 50, half_body_probability=1))


def test_points_on_one_spot_keep_the_crop(pose):
    same = replace(pose, points=np.full((133, 2), 50.0))
    assert half_body(same, UPPER, LOWER, True, 1.5) is same


def test_the_aspect_is_fixed_last(pose):
    for result in many(pose, 100, **{name: value for name, value in Augment().model_dump().items() if name in OFF}):
        np.testing.assert_allclose(result.size, fix_aspect(result.size, *ASPECT))


def test_a_layout_that_names_no_lower_points_counts_all_others():
    lsp = load_layout("lsp")
    assert sorted((*lsp.upper, *lsp.lower)) == list(range(14))
