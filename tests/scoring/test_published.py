"""The published figures of the example files of COCO-WholeBody, four digits each."""

from dataclasses import replace

import pytest

from harness.data.coco import read_coco_split
from harness.layout import load_layout
from harness.scoring import load_results, score

LAYOUT = load_layout("coco-wholebody")
DIGITS = 5.1e-5
"""Half of the last published digit."""

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def example(shared):
    """The annotations, and the predictions with and without part scores."""
    folder = shared / "data" / "xtcocotools-example"
    split = read_coco_split(folder / "example_wholebody_val.json", folder, LAYOUT, "example", "val", None)
    files = {"only_score_field": "example_wholebody_preds.json",
             "part_scores_used": "example_wholebody_preds_part_scores.json"}
    return split, {name: load_results(folder / file, LAYOUT) for name, file in files.items()}


@pytest.mark.parametrize(("name", "key"), [("only_score_field", "person"), ("only_score_field", "auto"),
                                           ("part_scores_used", "auto"), ("part_scores_used", "part")])
def test_figures_of_the_six_parts(evaluator_golden, example, name, key):
    split, results = example
    found = score(split.people, results[name], LAYOUT, split.images.id, key)
    assert set(evaluator_golden[name]) == set(LAYOUT.parts)
    for part, figures in evaluator_golden[name].items():
        assert list(found[part]) == evaluator_golden["stats_order"]
        assert list(found[part].values()) == pytest.approx(figures, abs=DIGITS), part


def test_person_scores_rank_all_parts_unless_asked_otherwise(evaluator_golden, example):
    split, results = example
    found = score(split.people, results["part_scores_used"], LAYOUT, split.images.id)
    assert list(found["foot"].values()) == pytest.approx(evaluator_golden["only_score_field"]["foot"], abs=DIGITS)


def test_hand_is_the_mean_and_not_a_part_of_42_points(evaluator_golden, example):
    split, results = example
    found = score(split.people, results["part_scores_used"], LAYOUT, split.images.id, "auto")["hand"]
    definitions = evaluator_golden["hand_definitions"]  # means of rounded figures: one more rounding
    assert found["AP"] == pytest.approx(definitions["mean_left_right_ap"], abs=2 * DIGITS)
    assert found["AR"] == pytest.approx(definitions["mean_left_right_ar"], abs=2 * DIGITS)


@pytest.mark.parametrize(("name", "shift"), [("all predictions shifted +0.5 px in x and y", 0.5),
                                             ("shifted +1 px", 1.0)])
def test_sensitivity_to_a_shift(evaluator_golden, example, name, shift):
    split, results = example
    scored = results["part_scores_used"]
    keypoints = scored.keypoints.copy()
    keypoints[:, :, :2] += shift
    found = score(split.people, replace(scored, keypoints=keypoints), LAYOUT, split.images.id, "auto")
    for part, expected in evaluator_golden["sensitivity_ap_ar"][name].items():
        assert [found[part]["AP"], found[part]["AR"]] == pytest.approx(expected, abs=DIGITS), part


def test_sensitivity_to_the_area(evaluator_golden, example):
    split, results = example
    people = replace(split.people, area=split.people.box[:, 2] * split.people.box[:, 3] * 0.53)
    found = score(people, results["part_scores_used"], LAYOUT, split.images.id, "auto")
    for part, expected in evaluator_golden["sensitivity_ap_ar"]["box area x 0.53 instead of annotation area"].items():
        assert [found[part]["AP"], found[part]["AR"]] == pytest.approx(expected, abs=DIGITS), part
