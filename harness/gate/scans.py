"""Is a series level? Scans for where it is not, with the chance that noise alone would seem so. Pure functions.

Both scans ask a question of ranks and judge the answer by permutations: if every order of the values were as likely,
how often would the largest of all such differences be as large? That holds whatever the distribution of the noise,
outliers and two-level noise included, as long as values do not depend on their neighbours, and it needs no further
correction for the number of places that were tried. `step` asks for one place where the level changes (the statistic
of Pettitt, Applied Statistics 28, 1979, standardised as by Worsley, Biometrika 70, 1983); `stretch` for a part whose
level differs from what lies before and after it, which a step there and back leaves and `step` is blind to (circular
binary segmentation, Olshen et al., Biostatistics 5, 2004).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

PERMUTATIONS = 999
HOPELESS = 20
"""So many permutations that exceed the data decide that it is level (p is then at least 0.02); the rest are spared."""
LEAST = 3
"""Values that a level consists of: fewer would let outliers be levels."""
MOST_ENDS = 300
"""Ends of stretches that are tried; more are thinned out evenly. (Their squared number costs time.)"""
AT_ONCE = 50_000
"""Numbers in a block of permuted statistics: what a processor's cache holds."""

Statistic = Callable[[np.ndarray], np.ndarray]


def step(ranks: np.ndarray, places: np.ndarray) -> tuple[float, tuple[int, ...]]:
    """The most likely place of one change of level, and p.

    `ranks` (n,) of the values in order; `places` are the indices before which a new level may begin. Without any place
    that leaves `LEAST` values on both sides, p is 1.
    """
    n = len(ranks)
    at = places[(places >= LEAST) & (places <= n - LEAST)]
    if len(at) == 0:
        return 1.0, ()
    scale = np.sqrt(n / (at * (n - at)))

    def differences(orders: np.ndarray) -> np.ndarray:
        sums = np.cumsum(orders, axis=1)
        return np.abs(sums[:, at - 1] - sums[:, -1:] * (at / n)) * scale

    p, best = _judge(ranks, differences, len(at))
    return p, (int(at[best]),)


def stretch(ranks: np.ndarray, places: np.ndarray) -> tuple[float, tuple[int, ...]]:
    """The stretch whose level most likely differs from the rest's, as its start and end, and p; otherwise as `step`."""
    n = len(ranks)
    at = places[(places >= LEAST) & (places <= n - LEAST)]
    if len(at) > MOST_ENDS:
        at = at[np.linspace(0, len(at) - 1, MOST_ENDS).round().astype(int)]
    first, second = np.triu_indices(len(at), 1)
    start, end = at[first], at[second]
    start, end = start[end - start >= LEAST], end[end - start >= LEAST]
    if len(start) == 0:
        return 1.0, ()
    length = end - start
    scale, share = np.sqrt(n / (length * (n - length))), length / n

    def differences(orders: np.ndarray) -> np.ndarray:
        sums = np.concatenate([np.zeros((len(orders), 1)), np.cumsum(orders, axis=1)], axis=1)
        return np.abs(sums[:, end] - sums[:, start] - sums[:, -1:] * share) * scale

    p, best = _judge(ranks, differences, len(start))
    return p, (int(start[best]), int(end[best]))


def _judge(ranks: np.ndarray, differences: Statistic, size: int) -> tuple[float, int]:
    """p of the largest difference, and which it is."""
    found = differences(ranks[None])[0]
    best = int(found.argmax())
    largest = found[best] * (1 - 1e-9)  # a permutation that only sums in another order is as large
    orders = _permutations(len(ranks))
    many = max(10, AT_ONCE // size)
    beyond, done = 0, 0
    while done < PERMUTATIONS and beyond < HOPELESS:
        block = ranks[orders[done:done + many]]
        beyond += int((differences(block).max(axis=1) >= largest).sum())
        done += len(block)
    return (1 + beyond) / (1 + done), best


@lru_cache(maxsize=64)
def _permutations(n: int) -> np.ndarray:
    """(PERMUTATIONS, n) orders of n values, always the same ones."""
    return np.random.default_rng(n).permuted(np.tile(np.arange(n), (PERMUTATIONS, 1)), axis=1)
