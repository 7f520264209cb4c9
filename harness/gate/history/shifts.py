"""How far one level lies from another: the Hodges-Lehmann shift of two samples, with its interval. Pure functions.

The median of all differences, and the differences whose rank Mann and Whitney's test leaves at 95 % (Hollander, Wolfe
and Chicken, Nonparametric Statistical Methods, 2014, sections 4.2 and 4.3): nothing is taken as normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from harness.statistics import LEVEL

MOST = 200
"""Values of a level that count, its nearest to the step: exact counts take time with the square of their number."""


def shift(before: Sequence[float], after: Sequence[float]) -> tuple[float, float | None, float | None]:
    """The shift of `after` against `before`, and the ends of its 95 % interval; None where there are too few values.

    Where the step was found by looking for it, the interval is a little too far from 0. Raises ValueError for none.
    """
    one, other = np.asarray(before, float)[-MOST:], np.asarray(after, float)[:MOST]
    if len(one) == 0 or len(other) == 0:
        raise ValueError(f"{len(one)} and {len(other)} values")
    differences = np.sort((other[:, None] - one[None, :]).ravel())
    rank = _rank(len(one), len(other))
    ends = (float(differences[rank - 1]), float(differences[-rank])) if rank else (None, None)
    return (float(np.median(differences)), *ends)


@lru_cache(maxsize=256)
def _rank(m: int, n: int) -> int:
    """The largest r such that the r-th smallest difference exceeds the shift with a chance of at most 2.5 %; 0: none.

    That is P(U < r), with U the number of pairs in which the second sample's value is the smaller one.
    """
    shares = _shares(m, n)
    below = np.cumsum(shares)  # below[r - 1] is P(U < r)
    return int((below <= (1 - LEVEL) / 2).sum())


def _shares(m: int, n: int) -> np.ndarray:
    """(m n + 1,) how likely each U is where both samples are of one distribution.

    Gaussian binomial coefficients: the product of (1 - q^(n+i)) / (1 - q^i) for i from 1 to m, multiplied out one
    factor at a time, each scaled to a sum of 1.
    """
    counts = np.zeros(m * n + 1)
    counts[0] = 1.0
    for i in range(1, m + 1):
        if n + i <= m * n:
            counts[n + i:] -= counts[:-(n + i)].copy()
        for start in range(i):  # divided by 1 - q^i: sums along every i-th
            counts[start::i] = np.cumsum(counts[start::i])
        counts /= max(1.0, np.abs(counts).max())
    counts = np.maximum(counts, 0.0)
    return counts / counts.sum()
