"""How long intervals take at the size of val2017: `pytest tests/benchmarks/test_intervals.py`. Nothing is asserted of
time; the aim is 20 s for 1,000 resamples of all six parts on two cores."""

import numpy as np
import pytest

from harness.scoring import intervals, paired
from tests.simulation import System, draw_set

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def large():
    """Two systems on 5,000 images with 11,000 people and 55,000 predictions, six parts."""
    sets = draw_set(np.random.default_rng(0), 5000, (System(), System(0.9)), false=9.0)
    return [{**found, "face": found["lefthand"], "wholebody": found["body"]} for found in sets]


def test_a_thousand_resamples_of_six_parts(benchmark, large):
    found = benchmark.pedantic(lambda: intervals(large[0], rng=np.random.default_rng(0)), rounds=1)
    assert found["hand"]["AP"].resamples == 1000


def test_a_thousand_paired_resamples_of_six_parts(benchmark, large):
    found = benchmark.pedantic(lambda: paired(*large, rng=np.random.default_rng(0)), rounds=1)
    assert found["body"]["AP"].verdict == "better"
