"""Spreads of few repetitions: equal to the textbook's, and honest in simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.statistics import NO_NOISE, Spread, proportion_interval, reach, repetitions_needed, spread

values = st.lists(st.floats(0, 1), min_size=2, max_size=8)


@given(values)
def test_a_spread_is_the_standard_deviation_with_its_chi_square_interval(found):
    made = spread(found)
    assert made.n == len(found)
    assert made.sd == pytest.approx(np.std(found, ddof=1), abs=1e-12)
    assert made.low <= made.sd <= made.high
    low, high = (made.sd * np.sqrt((made.n - 1) / stats.chi2.ppf(q, made.n - 1)) for q in (0.975, 0.025))
    assert (made.low, made.high) == pytest.approx((low, high), rel=1e-9)


@given(values, st.floats(-1, 1))
def test_a_shift_of_all_values_changes_nothing(found, shift):
    assert spread([value + shift for value in found]).sd == pytest.approx(spread(found).sd, abs=1e-9)


@pytest.mark.parametrize("found", [[], [0.6]])
def test_one_value_has_no_spread(found):
    assert spread(found) is None


def test_reach_of_three_seeds_against_one_printed_training():
    """t with 2 degrees of freedom is 4.3027; the mean of three and one other: sqrt(4/3)."""
    assert reach(spread([0.60, 0.61, 0.62]), 3) == pytest.approx(4.3027 * 0.01 * (4 / 3) ** 0.5, rel=1e-4)
    assert reach(NO_NOISE) == reach(spread([0.6, 0.6])) == 0


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_of_a_mean_minus_one_other_holds_the_truth_in_95_percent(seeds):
    rng = np.random.default_rng(0)
    drawn = rng.normal(0.6, 0.002, (4000, seeds + 1))
    held = [abs(row[1:].mean() - row[0]) <= reach(spread(list(row[1:])), seeds) for row in drawn]
    assert np.mean(held) == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / 4000) ** 0.5)


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.02, 0.02), st.floats(0.0001, 0.004))
def test_the_repetitions_needed_are_the_fewest_that_decide(difference, sd):
    def decides(n):
        half = 0.0005 + reach(Spread(sd, sd, sd, n), n)
        return abs(difference) + half <= 0.005 or abs(difference) - half > 0.005

    needed = repetitions_needed(difference, sd, 0.005, rounding=0.0005)
    if needed is None:
        assert not decides(1000)
    else:
        assert decides(needed)
        assert needed == 2 or not decides(needed - 1)


def test_no_number_of_repetitions_beats_the_spread_of_the_one_printed():
    assert repetitions_needed(0.0, 0.003, 0.005) is None  # 1.96 * 0.003 > 0.005
    assert repetitions_needed(0.0, 0.001, 0.005, rounding=0.0005) == 4
    assert repetitions_needed(0.0, 0.001, 0.005, rounding=0.0005, other=0.003) == 5
    assert repetitions_needed(0.0, 0.001, 0.005, rounding=0.0005, other=0.005) is None


@pytest.mark.parametrize("trials", [24, 300])
def test_wilsons_interval_covers_the_true_share_about_as_often_as_it_says(trials):
    """Exactly, by summing over all outcomes: near the level on average, and never far below it."""
    intervals = np.array([proportion_interval(successes, trials) for successes in range(trials + 1)])
    coverage = []
    for share in np.linspace(0.02, 0.98, 97):
        inside = (intervals[:, 0] <= share) & (share <= intervals[:, 1])
        coverage.append(stats.binom.pmf(np.arange(trials + 1), trials, share)[inside].sum())
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.01)
    assert min(coverage) > 0.85


def test_a_share_of_all_or_nothing_has_an_interval_too():
    assert proportion_interval(0, 10)[0] == 0
    assert proportion_interval(10, 10)[1] == 1
    assert 0 < proportion_interval(0, 10)[1] < 0.4
