"""What must hold for any people and predictions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.scoring import Scored, score
from harness.scoring.scored import check_scored

SEEDS = st.integers(0, 2**32 - 1)
BRIEF = settings(max_examples=25, deadline=None)


def rows(scored: Scored, index: np.ndarray) -> Scored:
    return Scored(scored.image_id[index], scored.keypoints[index], scored.score[index])


def evaluate(made, **changes):
    made = replace(made, **changes)
    check_scored(made.scored, made.layout)
    return score(made.people, made.scored, made.layout, made.image_ids)


@BRIEF
@given(seed=SEEDS)
def test_figures_lie_between_zero_and_one(case, seed):
    for figures in evaluate(case(seed, ties=True)).values():
        assert all(value is None or 0 <= value <= 1 for value in figures.values())


@BRIEF
@given(seed=SEEDS)
def test_perfect_predictions_score_one(case, seed):
    made = case(seed)
    keypoints = made.people.keypoints.copy()
    keypoints[:, :, 2] = keypoints[:, :, 2] > 0
    perfect = Scored(made.people.image_id, keypoints, np.arange(len(keypoints)) / 100)
    for figures in evaluate(made, scored=perfect).values():
        assert all(value is None or value == pytest.approx(1, abs=1e-12) for value in figures.values())


@BRIEF
@given(seed=SEEDS)
def test_the_order_of_predictions_with_distinct_scores_does_not_matter(case, seed):
    made = case(seed)
    shuffled = rows(made.scored, np.random.default_rng(seed).permutation(len(made.scored)))
    assert evaluate(made) == evaluate(made, scored=shuffled)


@BRIEF
@given(seed=SEEDS)
def test_one_more_false_prediction_at_the_end_never_helps(case, seed):
    made = case(seed)
    away = np.full((1, made.layout.size, 3), 1e6)
    away[..., 0] += np.arange(made.layout.size)  # of some extent, so that it is judged in the ranges
    away[..., 1] += np.arange(made.layout.size) ** 2
    more = Scored(np.append(made.scored.image_id, made.image_ids[:1]),
                  np.concatenate([made.scored.keypoints, away]), np.append(made.scored.score, -1.0))
    before, after = evaluate(made), evaluate(made, scored=more)
    for part, figures in before.items():
        for metric, value in figures.items():
            assert after[part][metric] == value if value is None else after[part][metric] <= value


@BRIEF
@given(seed=SEEDS, power=st.integers(-3, 5))
def test_the_unit_of_length_does_not_matter(case, seed, power):
    made, factor = case(seed), 2.0**power
    unit = np.array([factor, factor, 1])
    people = replace(made.people, keypoints=made.people.keypoints * unit, box=made.people.box * factor,
                     area=made.people.area * factor**2)
    scored = replace(made.scored, keypoints=made.scored.keypoints * unit)
    before, after = evaluate(made), evaluate(made, people=people, scored=scored)
    for part, figures in before.items():
        for metric in ("AP", "AP50", "AP75", "AR", "AR50", "AR75"):  # ranges have a unit
            assert after[part][metric] == pytest.approx(figures[metric], abs=1e-12)


@BRIEF
@given(seed=SEEDS, layout=st.sampled_from(["coco-wholebody", "lsp"]))
def test_mirroring_everything_swaps_the_hands(case, seed, layout):
    """Not so for feet and face, whose sigmas are not symmetric in COCO-WholeBody."""
    made = case(seed, layout=layout)
    flip = np.array(made.layout.flip_index)
    box = made.people.box.copy()
    box[:, 0] = 639 - box[:, 0] - box[:, 2]
    before = evaluate(made)
    after = evaluate(made, people=replace(made.people, keypoints=mirrored(made.people.keypoints, flip), box=box),
                     scored=replace(made.scored, keypoints=mirrored(made.scored.keypoints, flip)))
    assert after["body"] == before["body"]
    if layout == "coco-wholebody":
        assert after["lefthand"] == before["righthand"]
        assert after["righthand"] == before["lefthand"]
        assert after["hand"] == before["hand"]


def mirrored(keypoints: np.ndarray, flip: np.ndarray) -> np.ndarray:
    """Points in an image of 640 pixels seen in a mirror; unlabelled truths stay unlabelled."""
    keypoints = keypoints[:, flip].copy()
    keypoints[:, :, 0] = 639 - keypoints[:, :, 0]
    return keypoints


@BRIEF
@given(seed=SEEDS)
def test_images_in_any_order(case, seed):
    made = case(seed, ties=True)
    shuffled = np.random.default_rng(seed).permutation(made.image_ids)
    assert evaluate(made, image_ids=shuffled) == evaluate(made)
