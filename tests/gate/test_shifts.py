"""The shift of one level against another: its interval covers, and its ranks are those of Mann and Whitney's test."""

from itertools import combinations

import numpy as np
import pytest

from harness.gate.history.shifts import _rank, _shares, shift


@pytest.mark.parametrize(("m", "n"), [(1, 4), (3, 3), (3, 6), (6, 4), (7, 7)])
def test_the_distribution_of_u_is_that_of_all_orders(m, n):
    counts = np.zeros(m * n + 1)
    for places in combinations(range(m + n), m):
        counts[sum(place - i for i, place in enumerate(places))] += 1
    np.testing.assert_allclose(_shares(m, n), counts / counts.sum(), atol=1e-14)


@pytest.mark.parametrize(("m", "n", "critical"), [(5, 5, 2), (7, 7, 8), (8, 10, 17), (20, 20, 127)])
def test_ranks_are_the_critical_values_of_tables(m, n, critical):
    """Two-sided 5 %: the largest U that is significant (Mann and Whitney's table as textbooks print it)."""
    assert _rank(m, n) == _rank(n, m) == critical + 1


@pytest.mark.parametrize(("m", "n"), [(5, 6), (20, 8), (60, 60)])
def test_the_interval_covers_the_true_shift(m, n):
    rng = np.random.default_rng(m)
    covered, rounds = 0, 600
    for _ in range(rounds):
        _, low, high = shift(rng.standard_t(3, m), 2 + rng.standard_t(3, n))
        covered += low <= 2 <= high
    assert covered / rounds > 0.95 - 3 * np.sqrt(0.95 * 0.05 / rounds)
    assert covered / rounds < 0.995


def test_too_few_values_have_no_interval():
    assert shift([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]) == (3.0, None, None)
    with pytest.raises(ValueError, match="0 and 1"):
        shift([], [1.0])
