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
    ROUNDING,
    VERDICTS,
    Noise,
    verdict,
)
from harness.statistics import NO_NOISE, Spread, spread

fractions = st.floats(0, 1)
margins = st.floats(0.001, 0.05)
spreads = st.builds(lambda sd, n: Spread(sd, sd / 2, sd * 2, n), st.floats(0, 0.01), st.integers(2, 10))
noises = st.builds(Noise, st.booleans(), spreads, st.booleans(), st.just(NO_NOISE) | spreads)
seeds = st.lists(fractions, min_size=1, max_size=4)

GIVEN = Noise(trained=False, evaluation=NO_NOISE)
"""Of published weights in a network without noise."""


def seeded(*values):
    """The noise of a row with these seeds, in a network that draws none itself."""
    return Noise(True, spread(values), False, NO_NOISE)


# ---- the published weights

@pytest.mark.parametrize(("measured", "expected"), [
    (0.610, REPRODUCED), (0.6145, REPRODUCED), (0.6055, REPRODUCED), (0.6147, CANNOT_TELL), (0.6154, CANNOT_TELL),
    (0.6156, NOT_REPRODUCED), (0.590, NOT_REPRODUCED)])
def test_published_weights_may_differ_by_rounding_only(measured, expected):
    judged = verdict(0.610, [measured], noise=GIVEN)
    assert judged.verdict == expected
    assert judged.difference == pytest.approx(measured - 0.610)
    assert (judged.low, judged.high) == pytest.approx((measured - 0.6105, measured - 0.6095))
    assert "published weights; rounding" in judged.reason


def test_evaluation_noise_widens_the_interval_of_given_weights():
    """Five repeats: t with 4 degrees of freedom is 2.776; their mean against one evaluation: sqrt(6/5)."""
    repeated = spread([0.6120, 0.6121, 0.6119, 0.6122, 0.6118])
    judged = verdict(0.610, [0.612], noise=Noise(False, evaluation=repeated))
    assert judged.high - judged.difference == pytest.approx(0.0005 + 2.776 * repeated.sd * 1.2**0.5, rel=1e-3)
    assert judged.verdict == REPRODUCED
    assert f"evaluation noise of {repeated.sd:.4f}" in judged.reason


def test_given_weights_at_the_edge_say_what_it_takes():
    assert "more digits" in verdict(0.610, [0.615], noise=GIVEN).reason
    repeated = Spread(0.0005, 0.0003, 0.001, 5)
    assert "more than 5 repeated evaluations" in verdict(0.610, [0.614], noise=Noise(False, evaluation=repeated)).reason


def test_unknown_evaluation_noise_says_how_to_measure_it():
    judged = verdict(0.610, [0.610], noise=Noise(False))
    assert (judged.verdict, judged.low) == (CANNOT_TELL, None)
    assert "--set test.noise_repeats=5" in judged.reason


# ---- trainings

def test_one_seed_without_a_known_spread_says_how_many_it_takes():
    judged = verdict(0.610, [0.610], noise=Noise(True, None, False, NO_NOISE))
    assert (judged.verdict, judged.difference, judged.low) == (CANNOT_TELL, 0, None)
    # Room of 0.0045 over t * sqrt(1 + 1/n): 4.303 * 1.155 for 3 seeds, 2.776 * 1.095 for 5, 2.262 * 1.049 for 10.
    assert judged.reason == ("one seed without a known spread: it takes 3 seeds if their standard deviation is below "
                             "0.0009, 5 seeds if their standard deviation is below 0.0015, 10 seeds if their standard "
                             "deviation is below 0.0019")
    near = verdict(0.610, [0.6151], noise=Noise(True, None, False, NO_NOISE))
    assert "too near ±0.005" in near.reason


@pytest.mark.parametrize(("values", "expected"), [
    ((0.6100, 0.6101, 0.6102), REPRODUCED),
    ((0.609, 0.610, 0.611), CANNOT_TELL),
    ((0.600, 0.6001, 0.6002), NOT_REPRODUCED),
    ((0.620, 0.630, 0.640), CANNOT_TELL),
    ((0.610, 0.611), CANNOT_TELL),
])
def test_seeds_are_judged_by_their_mean_and_spread(values, expected):
    judged = verdict(0.610, values, noise=seeded(*values))
    assert judged.verdict == expected
    assert judged.difference == pytest.approx(np.mean(values) - 0.610)
    assert judged.seeds == len(values)
    assert f"from {len(values)} seeds" in judged.reason


def test_a_borrowed_spread_is_named_as_such_and_gives_the_number_of_seeds():
    noise = Noise(True, Spread(0.001, 0.0005, 0.006, 3), True, NO_NOISE)
    judged = verdict(0.610, [0.610], noise=noise)
    assert judged.verdict == CANNOT_TELL
    assert judged.high == pytest.approx(0.0005 + 4.303 * 0.001 * 2**0.5, rel=1e-3)
    assert "from 3 published trainings; 1 seed" in judged.reason
    assert "it takes 4 seeds at this spread" in judged.reason


def test_where_the_printed_training_itself_varies_too_much_no_seeds_help():
    noise = Noise(True, Spread(0.004, 0.002, 0.02, 3), True, NO_NOISE)
    reason = verdict(0.610, [0.610], noise=noise).reason
    assert "no number of seeds decides, as the printed number is one training, good to ±0.008 alone" in reason


# ---- properties

@given(fractions, seeds, st.lists(st.text(min_size=1), min_size=1, max_size=3), noises)
def test_any_reason_refuses_and_hides_the_difference(published, measured, reasons, noise):
    judged = verdict(published, measured, reasons, noise=noise)
    assert judged.verdict == NOT_COMPARABLE
    assert judged.difference is judged.low is judged.high is None
    assert judged.reason == "; ".join(reasons)


@pytest.mark.parametrize(("published", "measured", "words"), [
    (None, [0.5], "prints no value"), (0.5, [], "no labelled person")])
def test_missing_numbers_are_not_comparable(published, measured, words):
    judged = verdict(published, measured, noise=GIVEN)
    assert judged.verdict == NOT_COMPARABLE
    assert words in judged.reason


@given(fractions, seeds, noises, margins)
def test_each_verdict_means_what_it_says(published, measured, noise, margin):
    judged = verdict(published, measured, noise=noise, margin=margin)
    assert judged.verdict in VERDICTS
    assert judged.reason
    assert judged.low <= judged.difference - ROUNDING + 1e-12
    assert judged.high >= judged.difference + ROUNDING - 1e-12
    if judged.verdict == REPRODUCED:
        assert max(abs(judged.low), abs(judged.high)) <= margin + 1e-8
    elif judged.verdict == NOT_REPRODUCED:
        assert judged.low > margin or judged.high < -margin
    else:
        assert judged.verdict == CANNOT_TELL
        assert judged.low <= margin + 1e-8
        assert judged.high >= -margin - 1e-8


@given(fractions, seeds, noises, margins, st.floats(1, 3))
def test_a_wider_margin_never_takes_a_reproduction_away(published, measured, noise, margin, factor):
    narrow = verdict(published, measured, noise=noise, margin=margin).verdict
    wide = verdict(published, measured, noise=noise, margin=margin * factor).verdict
    order = [NOT_REPRODUCED, CANNOT_TELL, REPRODUCED]
    assert order.index(wide) >= order.index(narrow)


@given(fractions, seeds, spreads, st.floats(0, 1), margins)
def test_less_noise_never_turns_yes_into_no(published, measured, training, share, margin):
    def judge(factor):
        less = Spread(training.sd * factor, 0, 1, training.n)
        return verdict(published, measured, noise=Noise(True, less, False, NO_NOISE), margin=margin).verdict

    decided = judge(1)
    if decided != CANNOT_TELL:
        assert judge(share) == decided


@given(st.floats(-0.05, 0.05), spreads, margins)
def test_too_high_and_too_low_are_judged_alike(difference, training, margin):
    def judge(d):
        return verdict(0.5, [0.5 + d], noise=Noise(True, training, False, NO_NOISE), margin=margin)

    above, below = judge(difference), judge(-difference)
    assert above.verdict == below.verdict
    assert above.difference == pytest.approx(-below.difference, abs=1e-12)
    assert above.low == pytest.approx(-below.high, abs=1e-12)


def test_a_negative_margin_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="margin"):
        verdict(0.5, [0.5], margin=-0.1)


# ---- how often they err

def simulate(true_difference, sd, seeds, trials=1500):
    """Verdicts on seeds of a system that is off by `true_difference`, against one printed training of the other."""
    rng = np.random.default_rng(7)
    given = []
    for _ in range(trials):
        printed = round(0.6 + sd * rng.standard_normal(), 3)
        found = list(0.6 + true_difference + sd * rng.standard_normal(seeds))
        given.append(verdict(printed, found, noise=seeded(*found)).verdict)
    return {name: given.count(name) / trials for name in VERDICTS}


@pytest.mark.parametrize("sd", [0.0005, 0.001, 0.002])
def test_a_system_at_the_edge_is_rarely_called_either(sd):
    """Off by exactly the margin, one 95 % interval errs to each side in at most 2.5 % of cases (and 4 sigma)."""
    rates = simulate(0.005, sd, 5)
    allowed = 0.025 + 4 * (0.025 * 0.975 / 1500) ** 0.5
    assert rates[REPRODUCED] <= allowed
    assert rates[NOT_REPRODUCED] <= allowed


def test_power_a_true_reproduction_is_found_with_little_spread_and_not_with_much():
    assert simulate(0.0, 0.0007, 5)[REPRODUCED] > 0.9
    assert simulate(0.0, 0.004, 5)[CANNOT_TELL] > 0.95
    assert simulate(0.02, 0.002, 5)[NOT_REPRODUCED] > 0.95
