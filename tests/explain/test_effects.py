"""What settings would change: on the published example to its golden digits, and in general."""

from dataclasses import replace

import numpy as np
import pytest

from harness.errors import UserError
from harness.explain.effects import ALL_AS_B, explain
from harness.explain.rescoring import Conditions, Evidence, point_means
from harness.explain.settings import AFTERWARDS, NEW_RUN, NEW_TRAINING, OTHER_DATA, differences, say, what_it_takes
from harness.explain.subjects import PUBLISHED, RESULTS, Subject, open_subject
from harness.layout import load_layout
from harness.report.words import difference
from harness.scoring import Scored, score
from tests.helpers import ROOT
from tests.scoring.conftest import draw_case

DIGITS = 5.1e-5
"""Half of the last published digit."""


@pytest.fixture(scope="module")
def example(shared):
    folder = shared / "data" / "xtcocotools-example"
    return open_subject(str(folder / "example_wholebody_preds_part_scores.json"), folder / "example_wholebody_val.json")


@pytest.fixture(scope="module")
def explained(example):
    return explain(example)


def change(explanation, setting, value):
    found, = [c for c in explanation.changes if c.setting == setting and c.value == value]
    return found


@pytest.mark.shared
@pytest.mark.parametrize(("setting", "value", "name"), [
    ("score.offset", 0.5, "all predictions shifted +0.5 px in x and y"),
    ("score.offset", 1.0, "shifted +1 px"),
    ("score.area", "box", "box area x 0.53 instead of annotation area"),
])
def test_known_sensitivities_of_the_example(evaluator_golden, explained, setting, value, name):
    found = change(explained, setting, value)
    for part, expected in evaluator_golden["sensitivity_ap_ar"][name].items():
        before = evaluator_golden["part_scores_used"][part]
        assert list(found.figures[part].values()) == pytest.approx(expected, abs=DIGITS), part
        assert found.effect[part]["AP"] == pytest.approx(expected[0] - before[0], abs=2 * DIGITS), part
        assert found.effect[part]["AR"] == pytest.approx(expected[1] - before[5], abs=2 * DIGITS), part


@pytest.mark.shared
def test_known_effect_of_one_score_a_person_on_the_example(evaluator_golden, explained):
    found = change(explained, "score.key", "person")
    for part, expected in evaluator_golden["only_score_field"].items():
        before = evaluator_golden["part_scores_used"][part]
        assert found.figures[part]["AP"] == pytest.approx(expected[0], abs=DIGITS), part
        assert found.effect[part]["AP"] == pytest.approx(expected[0] - before[0], abs=2 * DIGITS), part
        assert found.effect[part]["AR"] == pytest.approx(0, abs=DIGITS)


@pytest.mark.shared
def test_known_definitions_of_the_hand_on_the_example(evaluator_golden, explained):
    known = evaluator_golden["hand_definitions"]
    found = change(explained, "score.hand", "joint")
    hand = explained.a.metrics["hand"]
    assert hand == pytest.approx({"AP": known["mean_left_right_ap"], "AR": known["mean_left_right_ar"]}, abs=2 * DIGITS)
    assert found.figures["hand"] == pytest.approx({"AP": known["single_42_point_part_ap"],
                                                   "AR": known["single_42_point_part_ar"]}, abs=DIGITS)
    assert all(effect == {"AP": 0, "AR": 0} for part, effect in found.effect.items() if part != "hand")


@pytest.mark.shared
def test_part_scores_of_the_example_are_means_of_point_scores(example, explained):
    scored = example.evidence.scored
    for part, values in point_means(scored, example.evidence.layout, None).items():
        np.testing.assert_allclose(values, scored.part_scores[part], atol=1e-6)
    made = change(explained, "score.key", "point mean")
    assert all(abs(value) < 1e-9 for effect in made.effect.values() for value in effect.values())


@pytest.mark.shared
def test_the_ranking_by_effect(example, explained):
    largest = [max(abs(effect["AP"]) for effect in c.effect.values()) for c in explained.changes]
    assert largest == sorted(largest, reverse=True)
    by_foot = [abs(c.effect["foot"]["AR"]) for c in explain(example, part="foot", metric="AR").changes]
    assert by_foot == sorted(by_foot, reverse=True)


@pytest.mark.shared
def test_a_file_of_five_images_is_not_held_against_a_table_of_five_thousand(example):
    found = explain(example, open_subject("seed_s2_hrnet_w48"))
    assert found.gap is None
    assert "images 5 and 5000" in found.refused
    boxes, = [d for d in found.out_of_reach if d.setting == "test.boxes"]
    assert (boxes.b, boxes.changeable, boxes.known) == ("detector", NEW_RUN, False)


@pytest.mark.shared
@pytest.mark.parametrize(("setting", "value", "row", "cells"), [
    ("score.offset", 0.5, "the predictions lie 0.5 px off", [("face", "AP"), ("wholebody", "AP"), ("body", "AP")]),
    ("score.offset", 1.0, "the predictions lie 0.5 px off", [("face", "AP"), ("wholebody", "AP"), ("body", "AP")]),
    ("score.hand", "joint", "hand as one part", [("hand", "AP"), ("hand", "AR")]),
    ("score.area", "box", "0.53 w h", [("face", "AP"), ("wholebody", "AP"), ("hand", "AP"), ("body", "AP")]),
    ("score.key", "person", "one score a person", [("righthand", "AP"), ("lefthand", "AP"), ("foot", "AP")]),
    ("score.mode", "corrected", "an evaluator that mends", [("body", "AP")])])
def test_the_sizes_in_the_docs_are_those_measured(explained, setting, value, row, cells):
    line, = [line for line in (ROOT / "docs" / "scoring.md").read_text().splitlines() if line.startswith(f"| {row}")]
    found = change(explained, setting, value)
    for part, metric in cells:
        assert difference(found.effect[part][metric]) in line, (part, metric)


def evidence_of_case(seed=3, **conditions):
    made = draw_case(seed, images=20)
    return Evidence(made.people, made.image_ids, made.layout, Conditions(**conditions), scored=made.scored)


def subject(evidence=None, metrics=None, **settings):
    own = evidence.conditions.settings() if evidence else {}
    return Subject(RESULTS if evidence else PUBLISHED, "A", {**own, **settings}, metrics, evidence)


def test_the_gap_to_a_published_number_and_what_would_remain_of_it():
    a = subject(evidence_of_case(), **{"data.images": 20})
    published = subject(metrics={"body": {"AP": 0.9, "AR": 0.95}, "face": {"AP": 0.8}}, **{"data.images": 20})
    found = explain(a, published)
    assert set(found.gap) == {"body", "face"}
    assert found.gap["face"]["AR"] is None
    moved = change(found, "score.area", "box")
    left = found.remaining(moved, "body", "AP")
    assert left == pytest.approx(0.9 - moved.figures["body"]["AP"])
    assert found.remaining(moved, "foot", "AP") is None


def test_settings_of_b_are_tried_one_by_one_and_together_and_then_nothing_remains():
    a, b = subject(evidence_of_case()), subject(evidence_of_case(area="box", offset=0.25))
    found = explain(a, b)
    assert {(d.setting, d.a, d.b) for d in found.differences} == {("score.area", "person", "box"),
                                                                  ("score.offset", 0.0, 0.25)}
    assert {c.setting for c in found.changes if c.as_b} == {"score.area", "score.offset", ALL_AS_B}
    together, = [c for c in found.changes if c.setting == ALL_AS_B]
    assert together.value == {"score.area": "box", "score.offset": 0.25}
    assert max(abs(found.remaining(together, part, "AP")) for part in found.gap) < 1e-12


def test_conditions_as_they_are_give_what_score_gives():
    evidence = evidence_of_case()
    expected = score(evidence.people, evidence.scored, evidence.layout, evidence.image_ids)
    found = evidence.figures(evidence.conditions)
    assert found == {part: {m: of[m] for m in ("AP", "AR")} for part, of in expected.items()}


def test_part_scores_are_not_tried_where_there_are_none():
    values = {c.value for c in explain(subject(evidence_of_case())).changes if c.setting == "score.key"}
    assert values == {"point mean"}


def test_a_layout_of_one_part_has_no_joint_hand_and_no_part_scores():
    made = draw_case(1, layout="lsp")
    found = explain(subject(Evidence(made.people, made.image_ids, made.layout, Conditions(), scored=made.scored)))
    assert not {"score.hand", "score.key"} & {c.setting for c in found.changes}


def test_a_published_number_cannot_come_first():
    with pytest.raises(UserError, match="no stored predictions"):
        explain(open_subject("seed_s2_hrnet_w48"))


def test_the_mean_of_point_scores_leaves_body_and_whole_body_to_the_person():
    layout = load_layout("coco-wholebody")
    keypoints = np.zeros((1, 133, 3))
    keypoints[0, 17:23, 2] = [0, 0, 0, 1, 1, 1]
    means = point_means(Scored(np.array([1]), keypoints, np.array([0.3])), layout, np.array([0.5]))
    assert set(means) == {"foot", "face", "lefthand", "righthand"}
    assert means["foot"] == pytest.approx(0.25)


@pytest.mark.parametrize(("setting", "expected"), [
    ("score.key", AFTERWARDS), ("test.nms_oks", AFTERWARDS), ("test.visible_score", AFTERWARDS), ("test.flip", NEW_RUN),
    ("test.flip_shift", NEW_RUN), ("test.decode", NEW_RUN), ("test.boxes", NEW_RUN), ("test.precision", NEW_RUN),
    ("test.batch_size", NEW_RUN), ("crop.padding", NEW_RUN), ("crop.width", NEW_TRAINING), ("seed", NEW_TRAINING),
    ("train.lr", NEW_TRAINING), ("data.annotations", OTHER_DATA)])
def test_what_it_takes_to_change_a_setting(setting, expected):
    assert what_it_takes(setting) == expected


def test_known_differences_come_first_and_unknown_values_never_agree():
    found = differences({"test.flip": True, "seed": 1, "train.lr": 0.1, "only.here": 1},
                        {"test.flip": False, "train.lr": 0.2})
    assert [(d.setting, d.known) for d in found] == [("test.flip", True), ("train.lr", True), ("seed", False)]


def test_offsets_and_areas_change_the_metric_as_they_say():
    evidence = evidence_of_case()
    moved = replace(evidence.scored, keypoints=evidence.scored.keypoints + np.array([0.5, 0.5, 0]))
    expected = score(evidence.people, moved, evidence.layout, evidence.image_ids)["face"]["AP"]
    assert evidence.figures(Conditions(offset=0.5))["face"]["AP"] == expected


@pytest.mark.parametrize(("value", "text"), [
    (None, "not set"), ([], "none"), ([170, 200], "170, 200"), (False, "off"), (0.5, "0.5")])
def test_values_in_words(value, text):
    assert say("train.milestones", value) == text
