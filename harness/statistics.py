"""How much repetitions of one number vary, and what that leaves of a difference. Pure functions.

Values are taken as normal, as seeds and repeated evaluations of AP are to a good approximation; the number of
repetitions is small, so Student's t and chi-square stand in place of the normal distribution.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev

LEVEL = 0.95
"""Of every interval here."""

MOST = 1000
"""Repetitions beyond which `repetitions_needed` does not look: nobody trains a thousand times."""


@dataclass(frozen=True)
class Spread:
    """The standard deviation of n repetitions."""

    sd: float
    low: float
    """Of the 95 % interval of the standard deviation, as `high`."""
    high: float
    n: int


NO_NOISE = Spread(0.0, 0.0, 0.0, 0)
"""Of what cannot vary; nothing needs to be repeated to know it."""


def spread(values: Sequence[float]) -> Spread | None:
    """The spread of repetitions; None for fewer than two, from which nothing can be said."""
    from scipy.special import chdtri

    n = len(values)
    if n < 2:
        return None
    sd = stdev(values)
    low, high = (sd * math.sqrt((n - 1) / float(chdtri(n - 1, tail))) for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Spread(sd, low, high, n)


def proportion_interval(successes: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a share of successes (E. B. Wilson, JASA 22, 1927).

    Its coverage is near the level on average, with few trials and near 0 and 1, too, where the normal approximation
    falls short and Clopper and Pearson's is too wide (Brown, Cai and DasGupta, Statistical Science 16, 2001).
    """
    from scipy.stats import binomtest

    found = binomtest(successes, trials).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)


def reach(noise: Spread, averaged: int = 1) -> float:
    """Half the 95 % interval of (mean of so many repetitions - one other repetition), from a measured spread."""
    from scipy.special import stdtrit

    if noise.sd == 0:
        return 0.0
    return float(stdtrit(noise.n - 1, (1 + LEVEL) / 2)) * noise.sd * math.sqrt(1 + 1 / averaged)


def difference_reach(first: Spread, second: Spread, level: float = LEVEL) -> float:
    """Half the interval of the difference of two means, each over the repetitions of its spread (Welch's t)."""
    from scipy.special import stdtrit

    one, other = first.sd**2 / first.n, second.sd**2 / second.n
    if one + other == 0:
        return 0.0
    freedom = (one + other) ** 2 / (one**2 / (first.n - 1) + other**2 / (second.n - 1))
    return float(stdtrit(freedom, (1 + level) / 2)) * math.sqrt(one + other)


def repetitions_to_differ(difference: float, sd: float, other_sd: float, beside: float = 0.0, level: float = LEVEL
                          ) -> int | None:
    """How many repetitions of each of two means tell their difference from 0, spreads and difference staying so.

    `beside` is half the interval of another noise, added in squares. None where no number up to `MOST` is enough.
    """
    def decides(n: int) -> bool:
        seeds = difference_reach(Spread(sd, sd, sd, n), Spread(other_sd, other_sd, other_sd, n), level)
        return abs(difference) > math.hypot(seeds, beside)

    tried = range(2, MOST + 1)
    first = bisect_left(tried, True, key=decides)  # intervals shrink with n
    return tried[first] if first < len(tried) else None


def repetitions_needed(difference: float, sd: float, margin: float, *, rounding: float = 0.0, other: float = 0.0
                       ) -> int | None:
    """How many repetitions put the interval of a difference wholly inside ±margin, or wholly outside.

    The mean of the repetitions is held against one other; their spread is taken to be `sd` and the difference to
    stay what it is. `other` is half the interval of another noise, added in squares; `rounding` is added as it is.
    None where no number up to `MOST` is enough: the one other repetition varies, too.
    """
    def decides(n: int) -> bool:
        half = rounding + math.hypot(reach(Spread(sd, sd, sd, n), n), other)
        return abs(difference) + half <= margin or abs(difference) - half > margin

    tried = range(2, MOST + 1)
    first = bisect_left(tried, True, key=decides)  # intervals shrink with n: once decided, always decided
    return tried[first] if first < len(tried) else None
