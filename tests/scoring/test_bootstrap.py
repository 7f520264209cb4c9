"""Resampling images: the same as scoring a data set in which images repeat."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.types import People
from harness.errors import UserError
from harness.scoring import METRICS, Scored, bootstrap, intervals, match_parts, paired, score
from harness.scoring.bootstrap import expanded_tail, interval
from harness.scoring.definition import RECALL_POINTS
from harness.scoring.resample import needed, resample


def resampled(made, draws):
    """The figures of each draw, by part and metric, None where nobody counts."""
    matches = match_parts(made.people, made.scored, made.layout, made.image_ids)
    samples = resample(matches, np.array(draws), METRICS)
    return [{part: {m: None if np.isnan(values[b]) else values[b] for m, values in by_metric.items()}
             for part, by_metric in samples.items()} for b in range(len(draws))]


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
    for copies, found in zip(draws, resampled(made, draws), strict=True):
        literal = repeated(made, copies)
        assert found == score(literal.people, literal.scored, literal.layout, literal.image_ids)


def test_every_image_once_is_the_score_itself(case):
    made = case(5, ties=True)
    once = np.ones(len(made.image_ids), int)
    assert resampled(made, [once]) == [score(made.people, made.scored, made.layout, made.image_ids)]


def run(made, seed=0, **options):
    return bootstrap(made.people, made.scored, made.layout, made.image_ids, rng=np.random.default_rng(seed),
                     **options)


def test_intervals_are_quantiles_of_the_resamples(case):
    made = case(7, images=12)
    found = run(made, resamples=60, level=0.9, metrics=("AP50", "ARl"))
    rng = np.random.default_rng(0)
    draws = [np.bincount(rng.integers(12, size=12), minlength=12) for _ in range(60)]
    samples = resampled(made, draws)
    for part in ("foot", "hand", "wholebody"):
        values = [sample[part]["AP50"] for sample in samples]
        tail = expanded_tail(0.9, found[part]["AP50"].images)
        expected = np.quantile([v for v in values if v is not None], [tail, 1 - tail])
        assert 2 <= found[part]["AP50"].images <= 12
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
    found = interval(np.array([np.nan, 0.25, np.nan, 0.75]), 0.5, 10**6)
    assert (found.low, found.high) == pytest.approx((0.375, 0.625), abs=1e-5)
    assert (found.resamples, found.level) == (2, 0.5)
    assert interval(np.array([np.nan]), 0.95, 10) is None
    assert interval(np.array([0.5]), 0.95, 1) is None


def test_few_images_reach_further_out():
    """Student's t at 95 %: 2.262 with 9 degrees of freedom, and the factor sqrt(10 / 9)."""
    assert expanded_tail(0.95, 10) == pytest.approx(NormalDist().cdf(-2.262 * (10 / 9) ** 0.5), rel=1e-3)
    assert expanded_tail(0.95, 10**6) == pytest.approx(0.025, rel=1e-4)
    assert 0 <= expanded_tail(0.95, 2) < expanded_tail(0.95, 3) < 0.025


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


@settings(max_examples=50, deadline=None)
@given(people=st.integers(1, 20_000))
def test_recall_points_are_reached_where_the_division_says_so(people):
    fewest = needed(np.array([people]))[0]
    assert (fewest / people >= RECALL_POINTS).all()
    beyond = fewest > 1  # at recall 0 the first right prediction is meant, whatever recall it has
    assert ((fewest - 1) / people < RECALL_POINTS)[beyond].all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_many_tied_predictions_repeat_copy_by_copy(case, seed):
    """Scores from three values: runs of one image and score are long, and partly right."""
    made = case(seed, images=3)
    rng = np.random.default_rng(seed)
    made = replace(made, scored=replace(made.scored, score=rng.integers(0, 3, len(made.scored)) / 2))
    copies = rng.integers(0, 4, 3)
    literal = repeated(made, copies) if copies.any() else replace(made, image_ids=made.image_ids[:0])
    assert resampled(made, [copies])[0] == score(literal.people, literal.scored, literal.layout, literal.image_ids)


def matched(made):
    return match_parts(made.people, made.scored, made.layout, made.image_ids)


def worse(made, seed, noise=4.0):
    """The case with every predicted point moved."""
    points = made.scored.keypoints.copy()
    points[..., :2] += np.random.default_rng(seed).normal(size=points[..., :2].shape) * noise
    return replace(made, scored=replace(made.scored, keypoints=points))


def generator(seed=0):
    return np.random.default_rng(seed)


def test_bootstrap_is_intervals_of_the_matches(case):
    made = case(7, images=12)
    assert run(made, 3, resamples=20) == intervals(matched(made), rng=generator(3), resamples=20)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_swapping_the_sides_changes_the_signs(case, seed):
    made = case(seed, images=8)
    one, other = matched(made), matched(worse(made, seed))
    forth, back = paired(one, other, rng=generator(), resamples=20), paired(other, one, rng=generator(), resamples=20)
    for part, by_metric in forth.items():
        for metric, found in by_metric.items():
            mirrored = back[part][metric]
            if found is None:
                assert mirrored is None
                continue
            assert (found.value, found.favours_first) == (-mirrored.value, mirrored.favours_second)
            assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-12)
            assert found.detectable == pytest.approx(mirrored.detectable)


def test_differences_are_those_of_the_same_draws(case):
    made = case(3, images=12)
    one, other = matched(made), matched(worse(made, 1))
    found = paired(one, other, rng=generator(5), resamples=40, level=0.9)["wholebody"]["AP"]
    draws = [np.bincount(draw, minlength=12) for draw in generator(5).integers(12, size=(40, 12))]
    samples = [a["wholebody"]["AP"] - b["wholebody"]["AP"]
               for a, b in zip(resampled(made, draws), resampled(worse(made, 1), draws), strict=True)]
    tail = expanded_tail(0.9, matched(made)["wholebody"].counted[0].astype(bool).sum())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(samples, [tail, 1 - tail])))
    assert found.favours_first == np.mean(np.array(samples) > 0)
    assert found.detectable == pytest.approx((1.6449 + 0.8416) * np.std(samples), rel=1e-3)


def test_a_set_does_not_differ_from_itself(case):
    made = case(2, images=8)
    for by_metric in paired(matched(made), matched(made), rng=generator(), resamples=10).values():
        for found in by_metric.values():
            assert found is None or (found.value, found.low, found.high, found.detectable, found.favours_first,
                                     found.favours_second, found.verdict) == (0, 0, 0, 0, 0, 0, "same")


def test_other_images_cannot_be_paired(case):
    with pytest.raises(UserError, match="not matched with the same people"):
        paired(matched(case(1, images=8)), matched(case(2, images=8)), rng=generator())


def test_no_predictions_score_nothing_in_every_resample(case):
    made = case(7)
    none = Scored(np.zeros(0, int), np.zeros((0, made.layout.size, 3)), np.zeros(0))
    found = run(replace(made, scored=none), resamples=10)["wholebody"]
    assert {(i.low, i.high) for i in found.values()} == {(0, 0)}
