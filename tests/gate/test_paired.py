"""Pairs of times: estimate, interval, test, verdict. How often they are right is test_gate_simulated.py's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.gate.findings import BETTER, CANNOT_TELL, SAME, WORSE
from harness.gate.paired import (
    LEAST_PAIRS,
    benjamini_hochberg,
    decide,
    estimate,
    pairs_needed,
    quantile_rank,
    signed_rank_counts,
    signed_rank_p,
)

distinct = st.lists(st.floats(-1, 1).filter(lambda x: abs(x) > 1e-6), min_size=1, max_size=20, unique_by=abs)


def noise(seed, pairs=12, sd=0.02):
    return np.random.default_rng(seed).normal(0, sd, pairs)


@given(distinct)
def test_p_is_that_of_scipy(values):
    expected = stats.wilcoxon(values, alternative="greater", method="exact").pvalue
    assert signed_rank_p(np.array(values)) == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 25))
def test_all_sign_patterns_are_counted(n):
    counts = signed_rank_counts(n)
    assert sum(counts) == 2**n
    assert counts == counts[::-1]


def test_ties_and_zeros_make_p_no_smaller():
    exact = stats.wilcoxon([1, 2, 3, 4.5, 4.6, 6], alternative="greater", method="exact").pvalue
    assert signed_rank_p(np.array([1, 2, 3, 4.5, 4.5, 6])) >= exact
    assert signed_rank_p(np.array([0.0, 0.0])) == 1
    assert signed_rank_p(np.array([0.0, 0.5])) == 0.5


def test_the_rank_of_the_interval_is_that_of_the_tables():
    """Hollander, Wolfe and Chicken, table of signed-rank test: for n = 12, P(T <= 13) = 0.0212, P(T <= 14) 0.0261."""
    assert quantile_rank(12, 0.025) == 14
    assert quantile_rank(5, 0.025) == 0


@given(st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=30), st.floats(-0.5, 0.5))
def test_a_common_factor_moves_the_estimate_and_nothing_else(values, shift):
    before, after = estimate(values), estimate(np.array(values) + shift)
    assert math.log1p(after.change) == pytest.approx(math.log1p(before.change) + shift, abs=1e-9)
    assert after.error == pytest.approx(before.error, abs=1e-9) or math.isinf(after.error)


@given(st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=30))
def test_swapped_sides_swap_the_answer(values):
    one, other = estimate(values), estimate(-np.array(values))
    assert (1 + one.change) * (1 + other.change) == pytest.approx(1)
    assert (one.p_slower, one.p_faster) == (other.p_faster, other.p_slower)


def test_one_wild_pair_hardly_moves_the_estimate():
    values = noise(0)
    wild = values.copy()
    wild[3] = 2.0
    assert abs(estimate(wild).change - estimate(values).change) < 0.01


def test_the_interval_covers_the_truth_as_often_as_it_says():
    covered = [one.low <= math.expm1(0.01) <= one.high
               for one in (estimate(noise(seed) + 0.01) for seed in range(1000))]
    assert 0.93 <= np.mean(covered) <= 0.975


def test_the_standard_error_is_the_spread_of_estimates():
    found = [estimate(noise(seed)) for seed in range(1000)]
    assert np.median([one.error for one in found]) == pytest.approx(np.std([one.change for one in found]), rel=0.15)


@pytest.mark.parametrize(("values", "verdict"), [
    (noise(1) + math.log(1.08), WORSE), (noise(1) - math.log(1.08), BETTER), (noise(1, sd=0.01), SAME),
    (noise(1, sd=0.2), CANNOT_TELL), (noise(1, pairs=11) + math.log(1.5), CANNOT_TELL),
    (np.full(12, math.log(1.029)), SAME), (np.full(12, math.log(1.031)), WORSE), (np.zeros(12), SAME),
])
def test_verdicts(values, verdict):
    assert decide({"row": values}, {"row": 0.03})["row"].verdict == verdict


def test_a_significant_change_within_the_band_is_the_same():
    found = decide({"row": noise(2, sd=0.002) + 0.015}, {"row": 0.03})["row"]
    assert found.p < 0.01
    assert found.verdict == SAME


def test_a_wider_band_forgives_more():
    values = noise(3) + math.log(1.08)
    assert decide({"row": values}, {"row": 0.03})["row"].verdict == WORSE
    assert decide({"row": values}, {"row": 0.1})["row"].verdict != WORSE


def test_few_pairs_ask_for_as_many_as_it_takes():
    assert decide({"row": noise(0, pairs=3)}, {"row": 0.03})["row"].needed == LEAST_PAIRS


def test_needed_pairs_tell_when_they_are_there():
    values = noise(4, pairs=12, sd=0.05)
    needed = pairs_needed(estimate(values), 0.03)
    assert needed > 12
    more = noise(5, pairs=needed, sd=values.std())
    found = decide({"row": more - np.median(more) + math.log1p(estimate(values).change)}, {"row": 0.03})["row"]
    assert found.verdict != CANNOT_TELL


def test_a_change_at_the_edge_of_the_band_is_told_by_no_number_of_pairs():
    values = noise(6, sd=0.05)
    one = estimate(values - math.log1p(estimate(values).change) + math.log(1.03))
    assert pairs_needed(one, 0.03) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_are_those_of_scipy(p):
    assert benjamini_hochberg(p) == pytest.approx(list(stats.false_discovery_control(p, method="bh")))


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, 0.0]])
def test_no_pairs_and_broken_ones_are_refused(values):
    with pytest.raises(ValueError, match="pairs"):
        estimate(values)
