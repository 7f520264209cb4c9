"""What times say: quantiles where the number of samples supports them, ratios with their spread. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

BEYOND = 10
"""Samples that must lie beyond a quantile for it to be given: with fewer, a handful of outliers decides it."""


@dataclass(frozen=True)
class Ratio:
    """Median and quartiles of per-round ratios."""

    median: float
    low: float
    high: float
    rounds: int


def samples_needed(percent: int) -> int:
    """Samples that a percentile above the median needs: 100 for the 90th, 1000 for the 99th."""
    return -(-100 * BEYOND // (100 - percent))


def percentile(samples: Sequence[float], percent: int) -> float | None:
    """A percentile above the median, or None where the samples are too few for it."""
    if len(samples) < samples_needed(percent):
        return None
    return float(np.percentile(np.asarray(samples), percent))


def ratio(times: Sequence[Sequence[float]], base: Sequence[Sequence[float]]) -> Ratio | None:
    """How many times the base's time a subject takes, from samples by round.

    None without a round that both have samples of.

    Both were timed in every round, shortly after each other, so what slows the machine for a while slows both.
    """
    ratios = [median(mine) / median(theirs) for mine, theirs in zip(times, base, strict=False) if mine and theirs]
    if not ratios:
        return None
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    return Ratio(float(middle), float(low), float(high), len(ratios))
