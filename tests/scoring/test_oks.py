"""The similarity, from its definition."""

import numpy as np
import pytest

from harness.data.types import People
from harness.layout import load_layout
from harness.scoring.oks import box_distance, mean_where, pair_oks
from harness.scoring.pairing import Pairs, group_by_image, pair_up

LAYOUT = load_layout("coco-wholebody")


def one_person(keypoints: np.ndarray, area: float = 5000.0) -> People:
    return People(np.array([1]), np.array([1]), np.array([[10.0, 20, 30, 40]]), np.array([area]),
                  np.zeros(1, bool), keypoints[None], np.zeros(1, int))


def oks_of(people: People, points: np.ndarray) -> dict[str, np.ndarray]:
    return pair_oks(Pairs(np.array([0]), np.array([0]), np.array([0])), people, points[None], LAYOUT)


def test_one_labelled_point_follows_the_formula():
    truth = np.zeros((133, 3))
    truth[5] = [100, 100, 0.3]  # left shoulder, sigma 0.079; a fraction counts as labelled
    points = np.full((133, 3), 1e6)
    points[5, :2] = [103, 96]
    found = oks_of(one_person(truth), points)
    expected = np.exp(-25 / (2 * 5000 * (2 * 0.079) ** 2))
    assert found["body"][0] == pytest.approx(expected, rel=1e-12)
    assert found["wholebody"][0] == pytest.approx(expected, rel=1e-12)


def test_parts_average_over_their_labelled_points_with_the_area_of_the_person():
    rng = np.random.default_rng(0)
    truth = np.concatenate([rng.uniform(0, 200, (133, 2)), np.ones((133, 1))], axis=1)
    truth[[3, 95, 130], 2] = 0
    points = truth.copy()
    points[:, :2] += rng.normal(0, 3, (133, 2))
    found = oks_of(one_person(truth), points)
    square = ((points - truth)[:, :2] ** 2).sum(axis=1)
    terms = np.exp(-square / (2 * 5000 * (2 * LAYOUT.sigmas) ** 2))
    for name, part in LAYOUT.parts.items():
        seen = truth[part.slice, 2] > 0
        assert found[name][0] == pytest.approx(terms[part.slice][seen].mean(), rel=1e-12)


def test_an_unlabelled_part_takes_whatever_lies_in_three_times_the_box():
    truth = np.zeros((133, 3))
    truth[0] = [20, 30, 2]
    inside = np.zeros((133, 3))
    inside[:, :2] = [-20, 100]  # the corner of the box grown by its own size on each side
    assert oks_of(one_person(truth), inside)["foot"][0] == 1
    outside = inside.copy()
    outside[17:23, 1] += 10
    expected = np.exp(-100 / (2 * 5000 * (2 * LAYOUT.sigmas[17:23]) ** 2)).mean()
    assert oks_of(one_person(truth), outside)["foot"][0] == pytest.approx(expected, rel=1e-12)


def test_box_distance_is_zero_inside_and_counted_by_axis_outside():
    x, y = np.array([[-20.0, 70, -21, 75]]), np.array([[-20.0, 100, 0, 103]])
    np.testing.assert_array_equal(box_distance(x, np.array([10.0]), np.array([30.0])), [[0, 0, 1, 5]])
    np.testing.assert_array_equal(box_distance(y, np.array([20.0]), np.array([40.0])), [[0, 0, 0, 3]])


def test_masked_mean_rounds_as_a_sum_of_the_entries_alone():
    rng = np.random.default_rng(1)
    values, mask = rng.random((50, 133)), rng.random((50, 133)) < rng.random((50, 1))
    mask[7], mask[8] = False, True
    means = mean_where(values, mask, mask.sum(axis=1))
    assert means[7] == 0
    assert all(means[i] == np.sum(values[i][mask[i]]) / mask[i].sum() for i in range(50) if i != 7)


def test_chunks_do_not_change_anything(case):
    made = case(3)
    by_image = group_by_image(made.people.image_id, made.image_ids)
    rows = np.arange(len(made.scored))
    image = np.searchsorted(made.image_ids, made.scored.image_id)
    pairs = pair_up(rows, image, by_image, len(rows))
    whole = pair_oks(pairs, made.people, made.scored.keypoints, made.layout)
    pieces = pair_oks(pairs, made.people, made.scored.keypoints, made.layout, chunk=3)
    assert len(pairs.person) > 3
    for part in whole:
        np.testing.assert_array_equal(whole[part], pieces[part])


@pytest.mark.parametrize("floor", [1e-3, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_pairs_out_of_reach_are_left_at_zero_and_no_others_change(case, seed, floor):
    made = case(seed, images=20)
    by_image = group_by_image(made.people.image_id, made.image_ids)
    rows = np.arange(len(made.scored))
    pairs = pair_up(rows, np.searchsorted(made.image_ids, made.scored.image_id), by_image, len(rows))
    exact = pair_oks(pairs, made.people, made.scored.keypoints, made.layout)
    quick = pair_oks(pairs, made.people, made.scored.keypoints, made.layout, floor=floor)
    left = np.all([values == 0 for values in quick.values()], axis=0)
    assert left.any()
    for part in exact:
        np.testing.assert_array_equal(quick[part][~left], exact[part][~left])
        assert (exact[part][left] < floor).all()
