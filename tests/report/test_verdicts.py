"""Verdicts: what each demands, that they are cautious, and how often they are wrong by chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.verdicts import (
    CANNOT_TELL,
    NOT_COMPARABLE,
    NOT_REPRODUCED,
    REPRODUCED,
    VERDICTS,
    verdict,
)

fractions = st.floats(0, 1)
margins = st.floats(0.0005, 0.05)
intervals = st.tuples(fractions, fractions).map(sorted).map(tuple)


@pytest.mark.parametrize(("measured", "interval", "expected"), [
    (0.610, (0.607, 0.613), REPRODUCED),
    (0.610, (0.605, 0.615), REPRODUCED),
    (0.610, (0.601, 0.619), CANNOT_TELL),
    (0.614, (0.611, 0.617), CANNOT_TELL),
    (0.600, (0.598, 0.602), NOT_REPRODUCED),
    (0.630, (0.620, 0.640), NOT_REPRODUCED),
    (0.610, None, CANNOT_TELL),
    (None, None, NOT_COMPARABLE),
])
def test_examples_at_the_tolerance_of_half_a_point(measured, interval, expected):
    assert verdict(0.610, measured, interval, margin=0.005).verdict == expected


@pytest.mark.parametrize(("measured", "expected"), [
    (0.610, REPRODUCED), (0.613, REPRODUCED), (0.607, REPRODUCED), (0.6135, NOT_REPRODUCED), (0.590, NOT_REPRODUCED)])
def test_published_weights_need_no_interval(measured, expected):
    judged = verdict(0.610, measured, (0.5, 0.7), margin=0.003, same_weights=True)
    assert judged.verdict == expected
    assert judged.difference == pytest.approx(measured - 0.610)


@given(fractions, fractions, st.none() | intervals, st.lists(st.text(min_size=1), min_size=1, max_size=3),
       st.booleans())
def test_any_reason_refuses_and_hides_the_difference(published, measured, interval, reasons, same):
    judged = verdict(published, measured, interval, reasons, same_weights=same)
    assert judged.verdict == NOT_COMPARABLE
    assert judged.difference is None
    assert judged.reason == "; ".join(reasons)


@given(fractions, fractions, intervals, margins)
def test_each_verdict_means_what_it_says(published, measured, interval, margin):
    judged = verdict(published, measured, interval, margin=margin)
    low, high = interval
    assert judged.verdict in VERDICTS
    assert judged.reason
    if judged.verdict == REPRODUCED:
        assert max(abs(low - published), abs(high - published)) <= margin + 1e-8
    elif judged.verdict == NOT_REPRODUCED:
        assert low > published + margin or high < published - margin
    else:
        assert judged.verdict == CANNOT_TELL
        assert low <= published + margin + 1e-8
        assert high >= published - margin - 1e-8


@given(fractions, fractions, intervals, margins, st.floats(1, 3))
def test_a_wider_tolerance_never_takes_a_reproduction_away(published, measured, interval, margin, factor):
    narrow = verdict(published, measured, interval, margin=margin).verdict
    wide = verdict(published, measured, interval, margin=margin * factor).verdict
    order = [NOT_REPRODUCED, CANNOT_TELL, REPRODUCED]
    assert order.index(wide) >= order.index(narrow)


@given(fractions, fractions, st.floats(0, 0.05), st.floats(0, 1), margins)
def test_a_shorter_interval_never_turns_yes_into_no(published, middle, half, share, margin):
    def judge(reach):
        return verdict(published, middle, (middle - reach, middle + reach), margin=margin).verdict

    decided = judge(half)
    if decided != CANNOT_TELL:
        assert judge(half * share) == decided


@given(st.floats(-0.05, 0.05), st.floats(0, 0.02), margins)
def test_too_high_and_too_low_are_judged_alike(difference, half, margin):
    def judge(d):
        return verdict(0.5, 0.5 + d, (0.5 + d - half, 0.5 + d + half), margin=margin)

    above, below = judge(difference), judge(-difference)
    assert above.verdict == below.verdict
    assert above.difference == pytest.approx(-below.difference, abs=1e-12)


def test_an_interval_too_wide_says_what_it_would_take():
    reason = verdict(0.610, 0.610, (0.600, 0.620), margin=0.005).reason
    assert "±0.010" in reason
    assert "4.0 times the images" in reason


def test_a_swapped_interval_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="interval"):
        verdict(0.5, 0.5, (0.6, 0.4))
    with pytest.raises(ValueError, match="interval"):
        verdict(0.5, 0.5, (float("nan"), 0.4))


def simulate(true_difference, spread, margin, trials=4000):
    """Verdicts on normal measurements with honest 95 % intervals."""
    rng = np.random.default_rng(7)
    measured = 0.6 + true_difference + spread * rng.standard_normal(trials)
    half = 1.959964 * spread
    given = [verdict(0.6, m, (m - half, m + half), margin=margin).verdict for m in measured]
    return {name: given.count(name) / trials for name in VERDICTS}


@pytest.mark.parametrize("spread", [0.0005, 0.001, 0.002, 0.005])
def test_a_system_at_the_edge_is_rarely_called_either(spread):
    """Off by exactly the tolerance, one 95 % interval errs to each side in at most 2.5 % of cases (and 4 sigma)."""
    rates = simulate(0.005, spread, 0.005)
    allowed = 0.025 + 4 * (0.025 * 0.975 / 4000) ** 0.5
    assert rates[REPRODUCED] <= allowed
    assert rates[NOT_REPRODUCED] <= allowed


def test_power_a_true_reproduction_is_found_with_a_narrow_interval_and_not_with_a_wide_one():
    assert simulate(0.0, 0.001, 0.005)[REPRODUCED] > 0.95
    assert simulate(0.0, 0.0045, 0.005)[CANNOT_TELL] > 0.95
    assert simulate(0.02, 0.0025, 0.005)[NOT_REPRODUCED] > 0.95
