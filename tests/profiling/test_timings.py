import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.profiling.timings import Ratio, percentile, ratio, samples_needed


def test_samples_needed_leave_ten_beyond():
    assert samples_needed(90) == 100
    assert samples_needed(99) == 1000
    assert samples_needed(75) == 40


def test_percentiles_only_where_the_samples_support_them():
    assert percentile(range(99), 90) is None
    assert percentile(range(101), 90) == pytest.approx(90)
    assert percentile(range(999), 99) is None
    assert percentile(range(1001), 99) == pytest.approx(990)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=20), st.floats(0.2, 5))
def test_drift_does_not_reach_the_ratio(drift, factor):
    """The machine's speed changes from round to round; both were timed in each."""
    base = [[d, d, 7 * d] for d in drift]
    mine = [[factor * d] * 2 for d in drift]
    found = ratio(mine, base)
    assert found.rounds == len(drift)
    assert [found.low, found.median, found.high] == pytest.approx([factor] * 3)


def test_ratio_gives_median_and_quartiles_of_the_rounds():
    found = ratio([[1.0], [2.0], [3.0], [4.0], [5.0]], [[1.0]] * 5)
    assert found == Ratio(3.0, 2.0, 4.0, 5)
    assert ratio([], [[1.0]]) is None


def test_rounds_that_one_side_lost_are_left_out():
    assert ratio([[2.0]], [[1.0], [100.0]]).rounds == 1
    assert np.isfinite(ratio([[2.0]], [[1.0], [100.0]]).median)
