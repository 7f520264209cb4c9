"""Step detection on simulated series: a short version of tests/nightly/steps.py, and what holds exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gate.scans import step, stretch
from harness.gate.steps import ENOUGH, Levels, Step, exact_steps, find_steps, ranked
from tests.gate.series import DRIFTING, LEVEL, coin, heavy_tails, normal, stepped
from tests.nightly.steps import FALSE_ALARM, FOUND, LENGTHS, LOCATED, alarms, detections

SERIES = 40
"""Of each noise and length: 1,000 in all."""


def test_level_series_seldom_show_a_step():
    """At most 2 % over all kinds of noise and lengths from 11 to 200."""
    found = [alarms(noise, n, SERIES, seed=n)[0] for noise in LEVEL.values() for n in LENGTHS]
    assert np.size(found) == 1000
    assert np.mean(found) <= FALSE_ALARM


def test_a_step_of_three_deviations_between_ten_and_ten_is_found_and_located():
    any_found, _, near, too_many = detections(normal, (10, 10), (3,), series=300, seed=1).mean(axis=1)
    assert any_found >= FOUND
    assert near >= LOCATED
    assert too_many <= FALSE_ALARM


def test_small_steps_are_found_where_there_are_many_values():
    assert detections(normal, (100, 100), (1.5,), series=40, seed=1)[0].mean() >= 0.9


@pytest.mark.parametrize("noise", [coin(), heavy_tails])
def test_restless_noise_hides_no_large_step(noise):
    found = detections(noise, (20, 20), (5,), series=60, seed=1).mean(axis=1)
    assert found[0] >= 0.9
    assert found[2] >= 0.8


@pytest.mark.parametrize(("lengths", "sizes"), [((20, 20, 20), (3, 3)), ((20, 20, 20), (4, -4)),
                                                ((20, 20, 20), (4, -2))])
def test_two_steps(lengths, sizes):
    _, all_found, near, too_many = detections(normal, lengths, sizes, series=60, seed=1).mean(axis=1)
    assert all_found >= 0.8
    assert near >= 0.7
    assert too_many <= 0.1


@pytest.mark.parametrize("kind", ["rises by 8", "wanders by 1"])
def test_long_drift_is_drift(kind):
    steps, drifts = alarms(DRIFTING[kind], 100, series=50, seed=1).mean(axis=1)
    assert steps <= 0.1
    assert drifts >= 0.9


def test_a_machine_that_stays_in_its_mode_makes_no_steps_in_a_long_series():
    assert alarms(DRIFTING["stays in its mode, 8 of 10"], 200, series=25, seed=1)[0].mean() <= 0.05


def test_a_step_says_where_from_where_to_and_how_sure():
    values = [10.0, 10.1, 9.9, 10.0, 10.2, 9.8, 10.1, 10.0, 12.0, 12.1, 11.9, 12.0, 12.1, 11.9, 12.0, 12.2]
    found = find_steps(values)
    (one,) = found.steps
    assert (one.index, one.before, one.after) == (8, 10.0, 12.0)
    assert 0 < one.p <= 0.015
    assert found.starts == (0, 8)
    assert found.medians == (10.0, 12.0)
    assert not found.drifts


def test_the_same_values_always_give_the_same():
    values = stepped(np.random.default_rng(3), normal, (30, 30), (2,))
    assert find_steps(values) == find_steps(values) == find_steps(list(values))


@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-1000, 1000))
def test_units_do_not_matter_and_signs_only_turn_it_over(seed, scale, shift):
    values = stepped(np.random.default_rng(seed), normal, (12, 12), (3,))
    at = [one.index for one in find_steps(values).steps]
    assert [one.index for one in find_steps(scale * values + shift).steps] == at
    assert [one.index for one in find_steps(-values).steps] == at


def test_levels_change_between_groups_only():
    """Four values of every commit. Where the step lies inside of one, it is seen beside it or not at all."""
    rng = np.random.default_rng(0)
    commits = np.repeat(np.arange(10), 4)
    for _ in range(20):
        found = find_steps(stepped(rng, normal, (20, 20), (6,)), commits)
        assert 20 in [one.index for one in found.steps]
        found = find_steps(stepped(rng, normal, (21, 19), (6,)), commits)
        assert all(one.index % 4 == 0 for one in found.steps)


def test_few_values_show_nothing_and_say_so():
    assert find_steps([1.0] * 5 + [2.0] * 5) == Levels((0,), (1.5,), (), enough=False)
    values = [1.1, 1.0, 1.3, 1.2, 1.1, 2.2, 2.0, 2.3, 2.1, 2.4, 2.1]
    assert len(values) == ENOUGH
    assert [one.index for one in find_steps(values).steps] == [5]


def test_equal_values_are_level():
    assert find_steps([5.0] * 30) == Levels((0,), (5.0,), ())
    assert [one.index for one in find_steps([5.0] * 15 + [6.0] * 15).steps] == [15]
    assert find_steps([5.0] * 15 + [9.0] + [5.0] * 15).steps == ()


@pytest.mark.parametrize("values", [[], [1.0] * 20 + [float("nan")], [1.0] * 20 + [float("inf")]])
def test_what_is_no_series(values):
    with pytest.raises(ValueError):
        find_steps(values)


def test_without_noise_any_change_is_a_step():
    found = exact_steps([4.0, 4.0, 5.0, 5.0, 4.0], [0, 0, 1, 2, 3])
    assert found == Levels((0, 2, 4), (4.0, 5.0, 4.0), (Step(2, 4.0, 5.0, 0.0), Step(4, 5.0, 4.0, 0.0)))
    assert exact_steps([4.0], [0]) == Levels((0,), (4.0,), ())


def test_a_tolerance_is_for_last_bits():
    assert exact_steps([0.5, 0.5 + 1e-12, 0.5], [0, 1, 2], tolerance=1e-9).steps == ()
    assert len(exact_steps([0.5, 0.5 + 1e-6], [0, 1], tolerance=1e-9).steps) == 1


def test_values_of_one_commit_that_differ_are_noise():
    assert exact_steps([4.0, 5.0, 5.0], [0, 0, 1]) is None


def test_ranks_share_ties():
    assert ranked(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1, 3.5, 2]


@pytest.mark.parametrize(("scan", "n"), [(step, 15), (step, 60), (stretch, 15), (stretch, 60)])
def test_p_is_the_chance_of_an_alarm(scan, n):
    """At most 10 % of level series have p up to 0.1, and not many fewer."""
    rng = np.random.default_rng(n)
    p = [scan(ranked(rng.normal(size=n)), np.arange(1, n))[0] for _ in range(400)]
    assert 0.05 <= np.mean(np.array(p) <= 0.1) <= 0.15


def test_scans_without_a_place_for_a_level():
    ranks = ranked(np.random.default_rng(0).normal(size=20))
    assert step(ranks, np.array([1, 2, 18, 19])) == (1.0, ())
    assert stretch(ranks, np.array([10])) == (1.0, ())
