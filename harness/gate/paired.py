"""What pairs of times say: estimate, interval, test, and the verdict of each row. Pure functions.

A pair is one block of either side, measured shortly after each other; its figure is the logarithm of candidate over
base. Pairs come in the order A B B A, so that a steady drift of the machine raises one pair's figure and lowers the
next one's by as much. Times of shared machines have heavy tails and flip between two levels, so nothing here is taken
as normal: the test is Wilcoxon's signed-rank test, the estimate its Hodges-Lehmann estimate (the median of all means
of two pairs), and the interval is made of the same means (Hollander, Wolfe and Chicken, Nonparametric Statistical
Methods, 2014, sections 3.1 to 3.3). All that is assumed is that a difference is as likely above the true one as below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from harness.gate.findings import BETTER, CANNOT_TELL, SAME, WORSE
from harness.statistics import LEVEL

ALPHA = 0.02
"""Of the tests, after adjusting for the number of rows: a gate with nothing to find raises an alarm at most so often,
however noisy the machine and however many its rows."""
BAND = 0.03
"""A change of up to 3 % counts as the same, whatever the noise."""
STANDARD_ERRORS = 2.0
"""So many standard errors of an A/A run widen the band on a machine where they are more than BAND."""
LEAST_PAIRS = 12
"""With fewer pairs no row is called same, better or worse."""
MOST_PAIRS = 1000
"""More pairs than this are no advice."""


@dataclass(frozen=True)
class Estimate:
    """What the pairs of one row say of the change, candidate / base - 1."""

    change: float
    low: float
    """Of the 95 % interval, as `high`; -1 and infinity where the pairs are too few for one."""
    high: float
    error: float
    """Standard error of the logarithm of the ratio."""
    p_slower: float
    """One-sided: how often equal sides would seem so much slower."""
    p_faster: float
    pairs: int


@dataclass(frozen=True)
class Decision:
    """The verdict of one row."""

    verdict: str
    estimate: Estimate
    band: float
    """Changes up to this size count as the same."""
    p: float
    """In the direction of the change, adjusted for the number of rows."""
    needed: int | None
    """Pairs in all that would tell, where they cannot; None where no number would."""


def estimate(log_ratios: Sequence[float] | np.ndarray) -> Estimate:
    """The change that pairs show. Raises ValueError for none, or for values that are not finite."""
    values = np.asarray(log_ratios, float)
    if len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"{len(values)} pairs, all of which must be finite")
    means = walsh_means(values)
    rank = quantile_rank(len(values), (1 - LEVEL) / 2)
    low, high = (means[rank - 1], means[-rank]) if rank else (-math.inf, math.inf)
    slower, faster = (signed_rank_p(sign * values) for sign in (1, -1))
    return Estimate(math.expm1(np.median(means)), math.expm1(low), math.expm1(high), standard_error(values), slower,
                    faster, len(values))


def walsh_means(values: np.ndarray) -> np.ndarray:
    """The means of every two values, and of each with itself, in ascending order: n (n + 1) / 2 of them."""
    first, second = np.triu_indices(len(values))
    return np.sort((values[first] + values[second]) / 2)


def standard_error(values: np.ndarray) -> float:
    """Of the Hodges-Lehmann estimate, from the interval of 68 %: heavy tails count as far as they move the estimate.

    Infinite for fewer than three pairs.
    """
    rank = quantile_rank(len(values), 0.16)
    if rank == 0 or len(values) < 3:
        return math.inf
    means = walsh_means(values)
    return float(means[-rank] - means[rank - 1]) / 2


def signed_rank_p(values: np.ndarray) -> float:
    """One-sided p of Wilcoxon's signed-rank test: how often a rank sum so high comes from values symmetric around 0.

    Exact. Zeros are left out (Wilcoxon's rule), tied sizes share their mean rank, rounded down: p is then, if
    anything, too large.
    """
    values = values[values != 0]
    if len(values) == 0:
        return 1.0
    size = np.abs(values)
    below, upto = (np.searchsorted(np.sort(size), size, side) for side in ("left", "right"))
    rank_sum = math.floor(float(((below + 1 + upto) / 2)[values > 0].sum()))
    counts = signed_rank_counts(len(values))
    return sum(counts[rank_sum:]) / 2 ** len(values)


@cache
def signed_rank_counts(n: int) -> list[int]:
    """How many of the 2^n sign patterns of the ranks 1 to n have each rank sum, 0 to n (n + 1) / 2."""
    counts = [1]
    for rank in range(1, n + 1):
        longer = counts + [0] * rank
        for total, count in enumerate(counts):
            longer[total + rank] += count
        counts = longer
    return counts


@cache
def quantile_rank(n: int, tail: float) -> int:
    """The largest r such that the r-th smallest Walsh mean exceeds the centre with a chance of at most `tail`; 0: none.

    The r-th smallest Walsh mean lies above the centre where the rank sum of values below it is less than r.
    """
    total, rank = 0, 0
    most = tail * 2**n
    for count in signed_rank_counts(n):
        total += count
        if total > most:
            return rank
        rank += 1
    return rank


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Adjusted p values: those up to a level are a set with at most that expected share of false alarms.

    Benjamini and Hochberg, Journal of the Royal Statistical Society B 57, 1995.
    """
    n = len(p)
    adjusted = [0.0] * n
    least = 1.0
    for place, i in reversed(list(enumerate(sorted(range(n), key=lambda i: p[i]), start=1))):
        least = min(least, p[i] * n / place)
        adjusted[i] = least
    return adjusted


def decide(log_ratios: Mapping[str, Sequence[float] | np.ndarray], bands: Mapping[str, float]) -> dict[str, Decision]:
    """The verdict of every row, from its pairs (logarithms of candidate over base) and its band.

    worse: significantly slower after adjusting for the number of rows, and the estimate lies beyond the band. better:
    the same in the other direction. same: the whole interval lies within the band. Otherwise nobody can tell, nor
    with fewer than LEAST_PAIRS pairs.
    """
    found = {row: estimate(values) for row, values in log_ratios.items()}
    adjusted = {"slower": benjamini_hochberg([one.p_slower for one in found.values()]),
                "faster": benjamini_hochberg([one.p_faster for one in found.values()])}
    decisions = {}
    for i, (row, one) in enumerate(found.items()):
        p = adjusted["slower" if one.change >= 0 else "faster"][i]
        decisions[row] = _decide(one, bands[row], p)
    return decisions


def _decide(one: Estimate, band: float, p: float) -> Decision:
    verdict = CANNOT_TELL
    if one.pairs >= LEAST_PAIRS:
        if p <= ALPHA and abs(one.change) > band:
            verdict = WORSE if one.change > 0 else BETTER
        elif -band <= one.low and one.high <= band:
            verdict = SAME
    return Decision(verdict, one, band, p, pairs_needed(one, band) if verdict == CANNOT_TELL else None)


def pairs_needed(one: Estimate, band: float) -> int | None:
    """Pairs in all that would tell if the change stays what it is, from the width of the interval; None: too many.

    The interval shrinks with the square root of the number of pairs. It has to fit into what lies between the change
    and the edge of the band.
    """
    if one.pairs < LEAST_PAIRS or not math.isfinite(one.high - one.low):
        return LEAST_PAIRS
    room = abs(band - abs(one.change))
    half = (one.high - one.low) / 2
    if room == 0:
        return None
    needed = max(LEAST_PAIRS, one.pairs + 1, math.ceil(one.pairs * (half / room) ** 2))
    return needed if needed <= MOST_PAIRS else None


def why(found: Decision) -> str:
    """Why a row has its verdict."""
    one, band = found.estimate, f"{found.band:.1%}"
    if found.verdict in (WORSE, BETTER):
        slower = "slower" if one.change > 0 else "faster"
        return f"{abs(one.change):.1%} {slower}: more than {band}, and significant over {one.pairs} pairs"
    if found.verdict == SAME:
        return f"the 95 % interval lies within ±{band}"
    if one.pairs < LEAST_PAIRS:
        return f"{one.pairs} pair(s); {LEAST_PAIRS} are the least that tell"
    more = f"about {found.needed} pairs would tell" if found.needed else "no reasonable number of pairs would tell"
    return f"the 95 % interval [{one.low:+.1%}, {one.high:+.1%}] is neither within ±{band} nor clear of it; {more}"
