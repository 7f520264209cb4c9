"""Resampling images: the same as scoring a data set in which images repeat."""

from dataclasses import replace

import numpy as np
import pytest

from harness.data.types import People
from harness.errors import UserError
from harness.scoring import METRICS, Scored, bootstrap, match_parts, score
from harness.scoring.bootstrap import interval, resampled_figures


def repeated(made, copies):
    """The case with image i standing copies[i] times in a row, each copy an image of its own."""
    sources = np.repeat(made.image_ids, copies)
    people = [np.flatnonzero(made.people.image_id == image) for image in sources]
    predictions = [np.flatnonzero(made.scored.image_id == image) for image in sources]
    person, prediction = np.concatenate(people), np.concatenate(predictions)
    columns = {name: getattr(made.people, name)[person] for name in People.__dataclass_fields__}
    columns["image_id"] = np.repeat(np.arange(len(sources)), [len(rows) for rows in people])
    image = np.repeat(np.arange(len(sources)), [len(rows) for rows in predictions])
    return replace(made, people=People(**columns), image_ids=np.arange(len(sources)),
                   scored=Scored(image, made.scored.keypoints[prediction], made.scored.score[prediction]))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_equal_to_literal_repetition(case, seed, ties):
    made = case(seed, ties=ties, images=8)
    rng = np.random.default_rng(seed)
    draws = [np.bincount(rng.integers(8, size=8), minlength=8) for _ in range(5)] + [np.full(8, 3)]
    matches = match_parts(made.people, made.scored, made.layout, made.image_ids)
    for copies, found in zip(draws, resampled_figures(matches, draws, METRICS), strict=True):
        literal = repeated(made, copies)
        assert found == score(literal.people, literal.scored, literal.layout, literal.image_ids)


def test_every_image_once_is_the_score_itself(case):
    made = case(5, ties=True)
    matches = match_parts(made.people, made.scored, made.layout, made.image_ids)
    once = np.ones(len(made.image_ids), int)
    assert resampled_figures(matches, [once], METRICS) == [score(made.people, made.scored, made.layout,
                                                                 made.image_ids)]


def run(made, seed=0, **options):
    return bootstrap(made.people, made.scored, made.layout, made.image_ids, rng=np.random.default_rng(seed),
                     **options)


def test_intervals_are_quantiles_of_the_resamples(case):
    made = case(7, images=12)
    found = run(made, resamples=60, level=0.9, metrics=("AP50", "ARl"))
    rng = np.random.default_rng(0)
    draws = [np.bincount(rng.integers(12, size=12), minlength=12) for _ in range(60)]
    samples = resampled_figures(match_parts(made.people, made.scored, made.layout, made.image_ids), draws, METRICS)
    for part in ("foot", "hand", "wholebody"):
        values = [sample[part]["AP50"] for sample in samples]
        expected = np.quantile([v for v in values if v is not None], [0.05, 0.95])
        assert [found[part]["AP50"].low, found[part]["AP50"].high] == pytest.approx(expected)
        assert found[part]["AP50"].low < found[part]["AP50"].high
        assert found[part]["AP50"].resamples == sum(v is not None for v in values)


def test_the_seed_decides(case):
    made = case(7, images=12)
    assert run(made, 1, resamples=20) == run(made, 1, resamples=20)
    assert run(made, 1, resamples=20) != run(made, 2, resamples=20)


def test_a_higher_level_gives_a_wider_interval(case):
    made = case(7, images=12)
    narrow, wide = (run(made, resamples=100, level=level)["wholebody"]["AP"] for level in (0.5, 0.95))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_part_that_nobody_has_gives_none(case):
    made = case(7)
    made.people.keypoints[:, 91:112] = 0
    found = run(made, resamples=10)
    assert found["lefthand"] == found["hand"] == {"AP": None, "AR": None}
    assert found["righthand"]["AP"] is not None


def test_resamples_without_anybody_are_left_out():
    found = interval([None, 0.25, None, 0.75], 0.5)
    assert (found.low, found.high, found.resamples, found.level) == (0.375, 0.625, 2, 0.5)
    assert interval([None], 0.95) is None


@pytest.mark.parametrize(("options", "message"), [
    ({"resamples": 0}, "0 resamples; at least 1"),
    ({"level": 95}, "level 95 must lie between 0 and 1"),
])
def test_wrong_options(case, options, message):
    with pytest.raises(UserError, match=message):
        run(case(0), **options)


def test_no_images(case):
    with pytest.raises(UserError, match="no images"):
        run(replace(case(0), image_ids=np.zeros(0, int)))
