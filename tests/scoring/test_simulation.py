"""Do intervals hold what they say? In short; `tests/nightly/intervals.py` is the same at full size."""

import numpy as np

from harness.scoring.bootstrap import draw
from harness.scoring.resample import resample
from tests.simulation import System, coverage, detections, draw_set, truth, values

BODY = ("body",)
SHORT = {"images": 500, "resamples": 200, "parts": BODY}


def test_intervals_of_95_percent_hold_the_truth_in_92_to_98_percent_of_sets():
    system = System()
    for rate in coverage(truth(system, images=50_000, parts=BODY), system, runs=120, seed=0, **SHORT).values():
        assert 0.92 - 2 * rate.error <= rate.share <= 0.98 + 2 * rate.error


def test_equal_systems_are_called_different_in_5_percent_of_sets_at_most():
    for rate in detections((System(), System()), runs=100, seed=0, **SHORT).values():
        assert rate.share <= 0.05 + 2 * rate.error


def test_a_clear_difference_is_found():
    for rate in detections((System(1.0), System(0.6)), runs=10, seed=0, **SHORT).values():
        assert rate.share == 1


def spreads(copies, matches):
    return {metric: np.std(found) for metric, found in resample(matches, copies, ("AP", "AR"))["body"].items()}


def test_drawing_without_repetition_would_be_a_quarter_too_narrow():
    """Each drawn image counted once: a set of 63 % of the images, whose figures spread by sqrt(0.368 / 0.632) = 0.76
    of what they should."""
    rng = np.random.default_rng(0)
    matches = draw_set(rng, 500, (System(),), BODY)[0]
    copies = draw(matches, rng, 1000, 0.95)
    right, once = spreads(copies, matches), spreads(np.minimum(copies, 1), matches)
    for metric in right:
        assert 0.70 < once[metric] / right[metric] < 0.82


def test_resamples_spread_as_new_sets_do():
    rng = np.random.default_rng(1)
    fresh = [values(draw_set(rng, 500, (System(),), BODY)[0])["body", "AP"] for _ in range(200)]
    matches = draw_set(rng, 500, (System(),), BODY)[0]
    resampled = spreads(draw(matches, rng, 300, 0.95), matches)["AP"]
    assert 0.8 < resampled / np.std(fresh) < 1.25
