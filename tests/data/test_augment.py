from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from harness.data.augment import Pose, augment, draw, half_body, mirror
from harness.layout import load_layout
from harness.protocol import Augment

LAYOUT = load_layout("coco-wholebody")
FLIP = np.array(LAYOUT.flip_index)
UPPER = np.isin(np.arange(133), LAYOUT.upper)
ASPECT = (192, 256)
WIDTH = 640
OFF = Augment(shift_probability=0, flip_probability=0, half_body_probability=0, scale=0, rotation_probability=0)


@pytest.fixture
def pose():
    rng = np.random.default_rng(5)
    return Pose(points=rng.uniform(100, 400, (133, 2)), labelled=np.ones(133, bool),
                center=np.array([250.0, 250.0]), size=np.array([300.0, 400.0]))


def many(pose, settings, count=4000):
    """The augmentation of `count` draws."""
    rng = np.random.default_rng(11)
    return [augment(pose, draw(rng), settings, WIDTH, FLIP, UPPER, ASPECT) for _ in range(count)]


def assert_share(flags, expected):
    """The share lies within four standard deviations of what is expected (by chance outside: 1 in 16,000)."""
    deviation = np.sqrt(expected * (1 - expected) / len(flags))
    assert abs(np.mean(flags) - expected) < 4 * deviation


def assert_moments(values, mean, variance):
    """Mean and variance about it lie within four standard deviations of what is expected."""
    for found, expected in ((values, mean), ((values - mean) ** 2, variance)):
        assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(len(found))


def variance_of_clipped(bound):
    """Of a standard normal clipped to -bound to bound."""
    inside = norm.cdf(bound) - norm.cdf(-bound)
    return inside - 2 * bound * norm.pdf(bound) + bound**2 * (1 - inside)


def test_nothing_happens_where_all_is_off(pose):
    for result in many(pose, OFF, 20):
        for name, value in vars(pose).items():
            np.testing.assert_array_equal(getattr(result, name), value)


def test_scale_is_a_clipped_normal(pose):
    factor = np.array([r.size[0] for r in many(pose, Augment(**{**OFF.model_dump(), "scale": 0.5}))]) / 300
    assert factor.min() == 0.5
    assert factor.max() == 1.5
    assert_share(factor == 1.5, norm.sf(1))
    assert_share(factor == 0.5, norm.sf(1))
    assert_share(factor < 0.75, norm.cdf(-0.5))
    assert_moments(factor, 1, 0.5**2 * variance_of_clipped(1))


def test_rotation_is_a_clipped_normal_for_three_in_five(pose):
    settings = Augment(**{**OFF.model_dump(), "rotation_probability": 0.6, "rotation": 40})
    degrees = np.array([r.rotation for r in many(pose, settings)])
    turned = degrees[degrees != 0]
    assert_share(degrees != 0, 0.6)
    assert turned.min() == -80
    assert turned.max() == 80
    assert_share(turned == 80, norm.sf(2))
    assert_share(np.abs(turned) < 40, norm.cdf(1) - norm.cdf(-1))
    assert_moments(turned, 0, 40**2 * variance_of_clipped(2))


def test_shift_is_uniform_in_the_padded_crop_for_three_in_ten(pose):
    settings = Augment(**{**OFF.model_dump(), "shift_probability": 0.3, "shift": 0.16})
    moved = np.array([(r.center - pose.center) / pose.size for r in many(pose, settings)])
    shifted = moved[(moved != 0).any(axis=1)]
    assert_share((moved != 0).any(axis=1), 0.3)
    assert np.abs(shifted).max() < 0.16
    assert np.abs(shifted).max() > 0.15
    for axis in range(2):
        assert_share(shifted[:, axis] < -0.08, 0.25)
        assert_moments(shifted[:, axis], 0, 0.16**2 / 3)
    assert abs(np.corrcoef(shifted.T)[0, 1]) < 0.15


def test_half_of_the_samples_are_mirrored(pose):
    results = many(pose, Augment(**{**OFF.model_dump(), "flip_probability": 0.5}))
    assert_share([r.mirrored for r in results], 0.5)


def test_half_body_for_three_in_ten_and_the_upper_for_sixty_nine_in_a_hundred_of_them(pose):
    results = many(pose, Augment(**{**OFF.model_dump(), "half_body_probability": 0.3}))
    centers = np.array([r.center for r in results])
    upper = (centers == pose.points[UPPER].mean(axis=0)).all(axis=1)
    lower = (centers == pose.points[~UPPER].mean(axis=0)).all(axis=1)
    assert_share(upper | lower, 0.3)
    assert_share(upper[upper | lower], norm.cdf(0.5))


def test_the_whole_augmentation_with_its_defaults(pose):
    results = many(pose, Augment())
    assert_share([r.mirrored for r in results], 0.5)
    assert_share([r.rotation != 0 for r in results], 0.6)
    ratio = np.array([r.size[0] / r.size[1] for r in results])
    np.testing.assert_allclose(ratio, 0.75)


def test_few_labelled_points_keep_the_whole_body(pose):
    settings = Augment(**{**OFF.model_dump(), "half_body_probability": 1.0})
    eight = replace(pose, labelled=np.arange(133) < 8)
    nine = replace(pose, labelled=np.arange(133) < 9)
    assert all((r.center == pose.center).all() for r in many(eight, settings, 50))
    assert all((r.center != pose.center).any() for r in many(nine, settings, 50))


def test_mirror_swaps_sides_and_moves_points_and_crop(pose):
    labelled = np.zeros(133, bool)
    labelled[[0, 5, 91]] = True  # nose, left shoulder, left hand's root
    flipped = mirror(replace(pose, labelled=labelled), WIDTH, FLIP)
    assert set(np.flatnonzero(flipped.labelled)) == {0, 6, 112}
    np.testing.assert_allclose(flipped.points[6], [WIDTH - 1 - pose.points[5, 0], pose.points[5, 1]])
    np.testing.assert_allclose(flipped.center, [WIDTH - 1 - 250, 250])
    again = mirror(flipped, WIDTH, FLIP)
    np.testing.assert_allclose(again.points, pose.points)
    np.testing.assert_array_equal(again.labelled, labelled)
    assert not again.mirrored


def test_half_body_by_hand(pose):
    points = np.zeros((133, 2))
    points[[0, 5, 6]] = [[100, 50], [80, 90], [120, 100]]
    points[[30, 11, 17, 120]] = [[10, 10], [20, 40], [30, 70], [40, 200]]  # a face point is "lower" in mmpose 0.x
    labelled = np.zeros(133, bool)
    labelled[[0, 5, 6, 30, 11, 17, 120]] = True
    person = replace(pose, points=points, labelled=labelled)
    upper = half_body(person, UPPER, True, 1.5, ASPECT)
    np.testing.assert_allclose(upper.center, [100, 80])  # the mean, not the middle of the extent
    np.testing.assert_allclose(upper.size, np.array([40, 160 / 3]) * 1.5)  # 40 wide, 50 high at 3:4
    lower = half_body(person, UPPER, False, 1.5, ASPECT)
    np.testing.assert_allclose(lower.center, [25, 80])
    np.testing.assert_allclose(lower.size, np.array([142.5, 190]) * 1.5)


@pytest.mark.parametrize(("upper", "lower", "prefer_upper", "chosen"), [
    (3, 3, True, "upper"), (3, 3, False, "lower"),
    (2, 3, True, "lower"),  # two points are not enough to prefer
    (3, 2, False, "upper"), (2, 2, True, "upper"), (2, 2, False, "upper"),
    (1, 2, True, "whole"), (0, 2, False, "whole"), (0, 3, True, "lower"),
])
def test_which_half_is_chosen(pose, upper, lower, prefer_upper, chosen):
    labelled = np.zeros(133, bool)
    labelled[:upper] = True
    labelled[20:20 + lower] = True
    expected = {"upper": pose.points[:upper].mean(axis=0) if upper else None,
                "lower": pose.points[20:20 + lower].mean(axis=0), "whole": pose.center}[chosen]
    result = half_body(replace(pose, labelled=labelled), UPPER, prefer_upper, 1.5, ASPECT)
    np.testing.assert_allclose(result.center, expected)


def test_half_body_of_points_on_one_spot_keeps_the_crop(pose):
    same = replace(pose, points=np.full((133, 2), 50.0))
    assert half_body(same, UPPER, True, 1.5, ASPECT) is same


def test_every_number_is_drawn_whatever_is_used():
    """The same stream gives the same numbers, so that changing one probability changes nothing else."""
    first, second = draw(np.random.default_rng(3)), draw(np.random.default_rng(3))
    assert first.rotation_chance == second.rotation_chance
    np.testing.assert_array_equal(first.shift, second.shift)
    assert draw(np.random.default_rng(4)).rotation_chance != first.rotation_chance
