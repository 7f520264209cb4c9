"""The gate on simulated machines: how often it cries wolf, and how often it hears one.

A short version of tests/nightly/gates.py, which has the rates of every model of noise from 1,000 gates each.
"""

import numpy as np
import pytest

from harness.gate.findings import SAME, WORSE
from harness.gate.speed import Machine, Timing, measure
from tests.gate.noise import MODELS, ROWS, sides

GATES = 125
"""Of each model of noise: 1,000 in all."""


def gate(model, seed, tmp_path, slower=None, calibrated=True):
    """The verdict of every row of one gate with 12 pairs, A/A run included."""
    stream = MODELS[model](np.random.default_rng(seed))
    timing = Timing(ROWS)
    file = tmp_path / "calibration.json"
    file.unlink(missing_ok=True)
    measure(timing, *sides(stream, slower or {}), Machine({}, "simulated", file if calibrated else None), pairs=12)
    return {finding.row: finding.verdict for finding in timing.findings()}


def test_equal_sides_seldom_raise_an_alarm(tmp_path):
    """At most 2 % of the gates of 12 rows, over all models of noise."""
    alarms = [WORSE in gate(model, seed, tmp_path).values() for model in MODELS for seed in range(GATES)]
    assert len(alarms) == 1000
    assert np.mean(alarms) <= 0.02


def test_without_a_calibration_alarms_are_as_seldom(tmp_path):
    alarms = [WORSE in gate(model, seed, tmp_path, calibrated=False).values() for model in MODELS for seed in range(60)]
    assert np.mean(alarms) <= 0.02


@pytest.mark.parametrize("model", ["quiet", "together", "drift", "wander"])
def test_five_percent_are_found_with_twelve_pairs_and_two_percent_noise(model, tmp_path):
    found = [gate(model, seed, tmp_path, {"row 3": 1.05})["row 3"] == WORSE for seed in range(100)]
    assert np.mean(found) >= 0.9


def test_drift_alone_is_never_a_regression(tmp_path):
    assert not any(WORSE in gate("drift", seed, tmp_path).values() for seed in range(100))


def test_quiet_rows_are_the_same(tmp_path):
    same = [verdict == SAME for seed in range(30) for verdict in gate("quiet", seed, tmp_path).values()]
    assert np.mean(same) >= 0.6


@pytest.mark.parametrize("model", ["two levels", "coin", "heavy tails"])
def test_fifteen_percent_are_found_even_on_a_restless_machine(model, tmp_path):
    found = [gate(model, seed, tmp_path, {"row 3": 1.15})["row 3"] == WORSE for seed in range(40)]
    assert np.mean(found) >= 0.9
