"""The evaluator on a set of val2017's proportions, a twentieth of its size; at full size: bench_scoring.py."""

import numpy as np
import pytest

from harness.data.types import Predictions
from harness.inference.nms import select
from harness.protocol import make_protocol
from harness.scoring import intervals, match_parts, score
from tests.benchmarks.inputs import STEADY, timed
from tests.benchmarks.large import draw_large

pytestmark = [pytest.mark.benchmark(group="evaluator", **STEADY), pytest.mark.usefixtures("one_thread")]

RESAMPLES = 200
COPIES = 3
"""Predictions of a person before suppression."""


@pytest.fixture(scope="module")
def drawn():
    return draw_large(images=250, people=550, predictions=2_750)


def arguments(drawn):
    return drawn.people, drawn.scored, drawn.layout, drawn.image_ids, "auto"


def test_six_parts(benchmark, drawn):
    found = timed(benchmark, score, *arguments(drawn))
    assert set(found) == {*drawn.layout.parts, "hand"}
    for figures in found.values():
        assert 0 < figures["AP"] < figures["AP50"] < figures["AR50"] < 1
        assert 0 < figures["AR75"] < figures["AR50"]
    assert found["hand"]["AR"] == (found["lefthand"]["AR"] + found["righthand"]["AR"]) / 2


def test_200_resamples_of_six_parts(benchmark, drawn):
    matches = match_parts(*arguments(drawn))
    found = timed(benchmark, lambda: intervals(matches, rng=np.random.default_rng(0), resamples=RESAMPLES))
    for part, figures in score(*arguments(drawn)).items():
        for metric in ("AP", "AR"):
            interval = found[part][metric]
            assert interval.resamples == RESAMPLES
            assert interval.low < figures[metric] < interval.high


def test_suppression(benchmark, drawn):
    """OKS-NMS and rescoring of 1,200 predictions, three a person, a third of them nearly the same as another."""
    people = drawn.people
    rng = np.random.default_rng(0)
    person = rng.permutation(np.repeat(np.flatnonzero(~people.crowd)[:400], COPIES))
    side = people.box[person, 2]
    # Points as they lie within a box, the same for all copies, with an error of 0.1 to 10 % of the person's size.
    pose = np.random.default_rng(1).random((len(people), drawn.layout.size, 2))[person]
    error = np.exp(rng.uniform(np.log(0.001), np.log(0.1), len(person)))
    points = people.box[person, None, :2] + side[:, None, None] * (
        pose + error[:, None, None] * rng.normal(size=pose.shape))
    keypoints = np.concatenate([points, rng.random((*pose.shape[:2], 1))], axis=2)
    predictions = Predictions(people.image_id[person], people.box[person], rng.random(len(person)), keypoints)
    protocol = make_protocol({}, "benchmark")

    kept, scores = timed(benchmark, select, predictions, drawn.layout, protocol)
    assert 0.4 * len(person) < len(kept) < 0.8 * len(person)
    assert (np.diff(kept) > 0).all()
    assert len(scores) == len(kept)
    best = np.full(len(people), -1)
    order = np.argsort(predictions.box_score * np.nanmean(np.where(
        keypoints[..., 2] > protocol.test.visible_score, keypoints[..., 2], np.nan), axis=1))
    best[person[order]] = order
    assert set(best[best >= 0]) <= set(kept)  # nobody has a better one to be suppressed by
