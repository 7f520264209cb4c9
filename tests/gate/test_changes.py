"""How far a score moved and how surely: against other forms of the same statistics, and by simulation."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.gate.changes import (
    COUNTED,
    images_needed,
    one_sided_p,
    over_images,
    over_seeds,
    seeds_needed,
)
from harness.scoring.bootstrap import draw, expanded_tail
from harness.scoring.resample import resample
from tests.gate.results_on_disk import outcomes

values = st.lists(st.floats(0, 1), min_size=2, max_size=8)
seeds_of_numbers = st.integers(0, 10**6)


def differences(seed, mean=0.0, resamples=1000):
    return np.random.default_rng(seed).normal(mean, 0.01, resamples)


@given(seeds_of_numbers, st.integers(3, 5000), st.floats(-0.02, 0.02))
def test_p_is_the_level_at_which_the_expanded_interval_ends_at_zero(seed, images, mean):
    drawn = differences(seed, mean)
    beyond = np.count_nonzero(drawn >= 0)
    p = one_sided_p(drawn, images)
    if beyond >= COUNTED and 0.5**images < p < 0.5:
        assert expanded_tail(1 - 2 * p, images) == pytest.approx((1 + beyond) / 1001, rel=1e-6)


@given(seeds_of_numbers, st.integers(2, 5000), st.floats(-0.05, 0.05))
def test_p_is_a_probability_and_falls_with_the_differences(seed, images, mean):
    p, lower = (one_sided_p(differences(seed, at), images) for at in (mean, mean - 0.001))
    assert 0.5**images <= lower <= p * 1.5  # the tail takes over from the count with a small step
    assert p <= 1


def test_few_resamples_beyond_zero_are_not_counted_but_estimated():
    """Of a million normal numbers, as many lie beyond 3.5 standard deviations as the tail of a thousand says."""
    p = one_sided_p(differences(0, -0.035), 10**6)
    assert p == pytest.approx(stats.norm.sf(3.5), rel=0.5)
    assert p < 1 / 1001


def test_a_few_images_are_never_sure():
    assert one_sided_p(np.full(1000, -0.1), 4) == 1 / 16
    assert one_sided_p(differences(0, -1.0), 5) >= 1 / 32


@given(seeds_of_numbers)
def test_swapped_sides_swap_the_answer(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.5, 0.01, (2, 200))
    one, other = over_images(0.5, 0.51, a, b, 50, 0.005), over_images(0.51, 0.5, b, a, 50, 0.005)
    assert (one.value, one.p_worse, one.p_better) == (-other.value, other.p_better, other.p_worse)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.needed == other.needed


def test_equal_resamples_are_the_same_however_few_images():
    samples = np.linspace(0.4, 0.6, 100)
    found = over_images(0.5, 0.5, samples, samples, 1, 0.005)
    assert (found.value, found.low, found.high, found.p_worse) == (0, 0, 0, 1)
    assert over_images(0.5, 0.6, samples, samples + 0.1, 1, 0.005) is None


def test_resamples_without_anybody_are_left_out():
    samples = np.array([0.4, np.nan, 0.5, 0.45])
    assert over_images(0.5, 0.4, samples, samples - 0.1, 300, 0.005).high == pytest.approx(-0.1)
    assert over_images(0.5, 0.4, np.full(5, np.nan), np.ones(5), 300, 0.005) is None


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.03, 0.03), st.floats(0.001, 0.02), st.integers(20, 500))
def test_needed_images_tell(value, spread, images):
    assume(abs(value) != 0.005)  # at the edge no number tells
    needed = images_needed(value, spread, images, 0.005)
    if needed is None:
        assert images * (1.96 * spread / (0.005 - abs(value))) ** 2 > 9.9e6
    else:
        half = 1.96 * spread * (images / needed) ** 0.5
        assert needed > images
        assert abs(value) + half <= 0.005 + 1e-6 or abs(value) - half >= 0.005 - 1e-6


def test_a_change_at_the_margin_is_told_by_no_number_of_images():
    assert images_needed(-0.005, 0.01, 300, 0.005) is None


def test_equal_systems_are_rarely_called_worse():
    """At a level of 5 %, by at most 18 of 120 simulated sets: 5 standard errors more than 6."""
    alarms = {"body": 0, "foot": 0}
    for run in range(120):
        base, candidate = outcomes(0, 0, images=100, seed=run)
        copies = draw(base, np.random.default_rng(0), 100, 0.95)
        first, second = (resample({part: side[part] for part in alarms}, copies, ("AP",)) for side in (base, candidate))
        for part in alarms:  # everybody has a body, and a tenth of the people feet
            informed = int(np.count_nonzero(base[part].counted[0]))
            moved = second[part]["AP"] - first[part]["AP"]
            alarms[part] += one_sided_p(moved[~np.isnan(moved)], informed) <= 0.05
    assert alarms["body"] <= 18
    assert alarms["foot"] <= 18


@given(values, values)
def test_several_seeds_are_compared_as_welch_does(base, candidate):
    if min(np.std(base), np.std(candidate)) < 1e-6:  # SciPy warns of lost precision
        return
    found = over_seeds(base, candidate, 0.005)
    expected = stats.ttest_ind(candidate, base, equal_var=False, alternative="less")
    both = stats.ttest_ind(candidate, base, equal_var=False).confidence_interval(0.95)
    assert found.p_worse == pytest.approx(expected.pvalue, abs=1e-9)
    assert found.p_better == pytest.approx(1 - expected.pvalue, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((both.low, both.high), abs=1e-9)
    assert (found.samples, found.of) == (min(len(base), len(candidate)), "seeds")


@given(values, st.floats(0, 1))
def test_one_seed_borrows_the_spread_of_the_others(base, candidate):
    if np.std(base) < 1e-6:
        return
    found = over_seeds(base, [candidate], 0.005)
    expected = stats.ttest_ind([candidate], base, alternative="less")  # pooled variance
    assert found.p_worse == pytest.approx(expected.pvalue, abs=1e-9)


def test_one_seed_a_side_says_nothing():
    assert over_seeds([0.5], [0.4], 0.005) is None


def test_equal_trainings_without_any_spread():
    assert over_seeds([0.5, 0.5], [0.5, 0.5], 0.005).p_worse == 0.5
    found = over_seeds([0.5, 0.5], [0.4, 0.4], 0.005)
    assert (found.low, found.p_worse, found.p_better) == (pytest.approx(-0.1), 0, 1)


def test_needed_seeds_tell():
    base, candidate = [0.50, 0.52], [0.51, 0.52]
    found = over_seeds(base, candidate, 0.02)
    needed = found.needed
    assert needed > 2
    many = [np.tile(side, needed)[:needed] for side in ((-1, 1), (-1, 1))]
    scale = [np.std(side, ddof=1) / np.std(of, ddof=1) for side, of in zip((base, candidate), many, strict=True)]
    more = over_seeds(many[0] * scale[0], found.value + many[1] * scale[1], 0.02)
    assert more.low >= -0.021
    assert more.high <= 0.021
    assert seeds_needed(0.01, 0.05, 2, 0.01) is None
