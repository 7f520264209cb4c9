"""The rules of the metric that small examples can show."""

from dataclasses import replace

import numpy as np
import pytest

from harness.data.types import People
from harness.errors import UserError
from harness.layout import load_layout
from harness.scoring import METRICS, Scored, score
from harness.scoring.score import with_hand

LAYOUT = load_layout("coco-wholebody")
RNG = np.random.default_rng(0)
SHAPE = RNG.uniform(0, 90, (133, 2))


def people_at(offsets: list[float], image: int = 1, **changes) -> People:
    """People of one shape, shifted to the right, fully labelled, of 10,000 square pixels."""
    n = len(offsets)
    keypoints = np.full((n, 133, 3), 2.0)
    keypoints[:, :, :2] = SHAPE + np.stack([offsets, np.zeros(n)], axis=1)[:, None]
    box = np.stack([np.array(offsets), np.zeros(n), np.full(n, 100.0), np.full(n, 100.0)], axis=1)
    people = People(np.arange(n) + 1, np.full(n, image), box, np.full(n, 1e4), np.zeros(n, bool), keypoints,
                    np.full(n, 17))
    return replace(people, **changes)


def predictions_at(offsets: list[float], scores: list[float], image: int = 1) -> Scored:
    keypoints = np.full((len(offsets), 133, 3), 1.0)
    keypoints[:, :, :2] = SHAPE + np.stack([offsets, np.zeros(len(offsets))], axis=1)[:, None]
    return Scored(np.full(len(offsets), image), keypoints, np.array(scores))


def test_parts_and_metrics_come_in_the_order_of_the_tables():
    found = score(people_at([0]), predictions_at([0], [1]), LAYOUT, [1])
    assert list(found) == ["body", "foot", "face", "lefthand", "righthand", "hand", "wholebody"]
    assert all(tuple(figures) == METRICS for figures in found.values())


def test_a_false_prediction_above_a_right_one_halves_precision():
    found = score(people_at([0]), predictions_at([1000, 0], [0.9, 0.8]), LAYOUT, [1])["wholebody"]
    assert found["AP"] == pytest.approx(0.5)
    assert found["AR"] == 1


def test_a_person_counts_once():
    found = score(people_at([0, 1000]), predictions_at([0, 0], [0.9, 0.8]), LAYOUT, [1])["body"]
    assert found["AR"] == 0.5
    assert found["AP"] == pytest.approx(51 / 101)  # precision 1 up to recall 0.5, nothing beyond


def test_a_crowd_takes_any_number_of_predictions():
    people = people_at([0, 1000], crowd=np.array([False, True]))
    found = score(people, predictions_at([1000, 1000, 1000, 0], [0.9, 0.8, 0.7, 0.6]), LAYOUT, [1])["body"]
    assert found["AP"] == pytest.approx(1)
    ordinary = score(replace(people, crowd=np.zeros(2, bool)),
                     predictions_at([1000, 1000, 1000, 0], [0.9, 0.8, 0.7, 0.6]), LAYOUT, [1])["body"]
    assert ordinary["AP"] < 0.8


def test_an_unlabelled_person_takes_one_prediction():
    people = people_at([0, 1000])
    people.keypoints[1] = 0
    once = score(people, predictions_at([1010, 0], [0.9, 0.8]), LAYOUT, [1])["body"]
    twice = score(people, predictions_at([1010, 1010, 0], [0.9, 0.85, 0.8]), LAYOUT, [1])["body"]
    assert once["AP"] == pytest.approx(1)
    assert twice["AP"] == pytest.approx(0.5)


def test_a_prediction_without_any_positive_point_score_is_no_prediction_in_that_part():
    scored = predictions_at([1000, 0], [0.9, 0.8])
    scored.keypoints[0, 17:23, 2] = 0
    found = score(people_at([0]), scored, LAYOUT, [1])
    assert found["foot"]["AP"] == pytest.approx(1)
    assert found["face"]["AP"] == pytest.approx(0.5)


def test_twenty_predictions_an_image_at_most():
    places = [float(1000 * i) for i in range(1, 21)] + [0.0]
    scores = [1 - i / 100 for i in range(21)]
    assert score(people_at([0]), predictions_at(places, scores), LAYOUT, [1])["body"]["AR"] == 0
    assert score(people_at([0]), predictions_at(places[1:], scores[1:]), LAYOUT, [1])["body"]["AR"] == 1


def test_borders_of_the_area_ranges_belong_to_both():
    found = score(people_at([0], area=np.array([96.0**2])), predictions_at([0], [1]), LAYOUT, [1])["body"]
    assert found["APm"] == found["APl"] == pytest.approx(1)
    small = score(people_at([0], area=np.array([32.0**2 - 1])), predictions_at([0], [1]), LAYOUT, [1])["body"]
    assert small["APm"] is None
    assert small["APl"] is None
    assert small["AP"] == pytest.approx(1)


def test_missed_predictions_outside_a_range_are_judged_by_their_box_if_they_have_one():
    people = people_at([0], area=np.array([5000.0]))  # medium
    scored = predictions_at([1000, 0], [0.9, 0.8])  # the extent of these bodies is below 96^2
    assert np.ptp(SHAPE[:17], axis=0).prod() < 96**2
    assert score(people, scored, LAYOUT, [1])["body"]["APm"] == pytest.approx(0.5)
    boxed = replace(scored, box=np.array([[1000, 0, 100, 100.0], [0, 0, 100, 100]]))
    assert score(people, boxed, LAYOUT, [1])["body"]["APm"] == pytest.approx(1)


def test_nobody_to_find_gives_none_and_nothing_found_gives_zero():
    people = people_at([0])
    people.keypoints[:, 91:112] = 0
    found = score(people, predictions_at([], []), LAYOUT, [1])
    assert found["lefthand"]["AP"] is None
    assert found["hand"]["AP"] is None
    assert found["righthand"]["AP"] == found["righthand"]["AR"] == 0


def test_no_people_no_images():
    nobody = people_at([])
    empty = score(nobody, predictions_at([], []), LAYOUT, [])
    assert all(value is None for figures in empty.values() for value in figures.values())
    alone = score(nobody, predictions_at([0], [1]), LAYOUT, [1])
    assert alone["body"]["AP"] is None


def test_only_the_images_asked_for():
    people = people_at([0])
    scored = predictions_at([0, 1000], [0.5, 0.9])
    elsewhere = replace(scored, image_id=np.array([1, 2]))
    assert score(people, elsewhere, LAYOUT, [1])["body"]["AP"] == pytest.approx(1)
    assert score(people, elsewhere, LAYOUT, [2, 1, 1])["body"]["AP"] == pytest.approx(0.5)
    assert score(people, elsewhere, LAYOUT, [2])["body"]["AP"] is None


def test_score_keys():
    scored = replace(predictions_at([1000, 0], [0.9, 0.8]), part_scores={"foot": np.array([0.1, 0.2])})
    foot = {key: score(people_at([0]), scored, LAYOUT, [1], key)["foot"]["AP"] for key in ("person", "part", "auto")}
    assert foot["person"] == pytest.approx(0.5)
    assert foot["part"] == foot["auto"] == pytest.approx(1)
    assert score(people_at([0]), scored, LAYOUT, [1], "part")["face"]["AP"] == pytest.approx(0.5)
    with pytest.raises(UserError, match="person, auto"):
        score(people_at([0]), predictions_at([0], [1]), LAYOUT, [1], "part")
    with pytest.raises(UserError, match="unknown score key 'parts'; did you mean part"):
        score(people_at([0]), scored, LAYOUT, [1], "parts")


def test_the_body_always_ranks_by_the_person_score():
    scored = replace(predictions_at([1000, 0], [0.9, 0.8]), part_scores={"body": np.array([0.1, 0.2])})
    assert score(people_at([0]), scored, LAYOUT, [1], "auto")["body"]["AP"] == pytest.approx(0.5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(value):
    scored = predictions_at([0, 0], [0.9, 0.8])
    scored.keypoints[1, 5, 0] = value
    with pytest.raises(UserError, match=r"keypoints of prediction 1 \(image 1\)"):
        score(people_at([0]), scored, LAYOUT, [1])


def test_wrong_shapes_are_refused():
    scored = predictions_at([0], [0.9])
    with pytest.raises(UserError, match=r"shape \(1, 133, 3\), expected \(1, 14, 3\)"):
        score(people_at([0]), scored, load_layout("lsp"), [1])
    with pytest.raises(UserError, match="score of foot has shape"):
        score(people_at([0]), replace(scored, part_scores={"foot": np.zeros(2)}), LAYOUT, [1])
    with pytest.raises(UserError, match="unknown part 'feet'; did you mean foot"):
        score(people_at([0]), replace(scored, part_scores={"feet": np.zeros(1)}), LAYOUT, [1])


def test_a_layout_with_a_body_only(case):
    made = case(1, layout="lsp")
    found = score(made.people, made.scored, made.layout, made.image_ids)
    assert list(found) == ["body"]
    assert 0 < found["body"]["AP"] < 1


def test_hand_is_the_mean_of_both_hands_figure_by_figure():
    found = with_hand({"righthand": {"AP": 0.25, "AR": None}, "lefthand": {"AP": 0.75, "AR": 0.5}})
    assert found["hand"] == {"AP": 0.5, "AR": None}
    assert list(found) == ["lefthand", "righthand", "hand"]
