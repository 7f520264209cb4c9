"""How far a score moved and how surely: from images that were resampled on both sides, or from several seeds.

Pure functions; scores are fractions 0 to 1, a change is candidate - base.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance

import numpy as np

from harness.scoring.bootstrap import interval
from harness.statistics import LEVEL, MOST

COUNTED = 10
"""A share of resamples is counted where so many lie beyond; with fewer, the tail of the normal distribution with their
mean and spread stands for it: a thousand resamples know nothing of one in ten thousand, as many cells ask for."""
LEAST_P = 1e-6
"""That tail is not trusted further out. Of a hundred cells, one that stands out alone is still found."""
MOST_IMAGES = 10_000_000
"""More images than this are no advice."""


@dataclass(frozen=True)
class Change:
    """What is known of the change of one score."""

    value: float
    low: float
    """Of the 95 % interval, as `high`."""
    high: float
    p_worse: float
    """One-sided: how often equal sides would seem so much worse."""
    p_better: float
    samples: int
    """Images, or seeds of the side that has fewer."""
    of: str
    """"images" or "seeds"."""
    needed: int | None
    """So many would tell if the change stays what it is; None where none would."""


def over_images(base: float, candidate: float, samples_base: np.ndarray, samples_candidate: np.ndarray, images: int,
                margin: float) -> Change | None:
    """The change on the same resamples (B,) of the same images, of which `images` inform the score.

    Resamples in which a side has no score (NaN) are left out; None where too few images inform it for any interval.
    """
    differences = samples_candidate - samples_base
    differences = differences[~np.isnan(differences)]
    found = interval(differences, LEVEL, images)
    value = candidate - base
    if value == 0 and len(differences) and not differences.any():  # the same, however few images there are
        return Change(0.0, 0.0, 0.0, 1.0, 1.0, images, "images", None)
    if found is None:
        return None
    needed = images_needed(value, float(np.std(differences)), images, margin)
    return Change(value, found.low, found.high, one_sided_p(differences, images), one_sided_p(-differences, images),
                  images, "images", needed)


def one_sided_p(differences: np.ndarray, images: int) -> float:
    """How often equal sides would seem so much lower, from resampled differences (B,) of a number of images.

    The level at which the expanded percentile interval of `harness.scoring.bootstrap` ends at 0: the share of
    resamples (1 + k) / (B + 1) that are not below 0, through Student's t in place of the normal distribution. n images
    can never be surer than 2^-n: so often, all of them err to one side.
    """
    from scipy.special import stdtr

    beyond = int(np.count_nonzero(differences >= 0))
    share = (1 + beyond) / (1 + len(differences))
    normal = NormalDist()
    if beyond < COUNTED:
        spread = float(np.std(differences))
        score = float(np.mean(differences)) / spread if spread > 0 else -math.inf
    else:
        score = normal.inv_cdf(share) if share < 1 else math.inf
    tail = float(stdtr(images - 1, score * math.sqrt((images - 1) / images)))
    return max(tail, 0.5**images, LEAST_P)


def images_needed(value: float, spread: float, images: int, margin: float) -> int | None:
    """Images in all that put the interval of a change wholly inside or outside of ±margin, if it stays what it is.

    `spread` is the standard deviation of the resampled change with `images`; it shrinks with the square root of their
    number. None where more than MOST_IMAGES were needed.
    """
    room = abs(margin - abs(value))
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * spread
    if room == 0 or images * (half / room) ** 2 > MOST_IMAGES:
        return None
    return max(images + 1, math.ceil(images * (half / room) ** 2))


def over_seeds(base: Sequence[float], candidate: Sequence[float], margin: float) -> Change | None:
    """The change of the mean over training seeds.

    Welch's interval and test; where a side has one seed, its spread is taken to be the other's. None for one seed on
    each side, from which nothing can be said.
    """
    from scipy.special import stdtr, stdtrit

    counts = (len(base), len(candidate))
    if min(counts) < 1 or sum(counts) < 3:
        return None
    variances = [variance(values) if len(values) > 1 else None for values in (base, candidate)]
    own = [one for one in variances if one is not None]
    first, second = (one if one is not None else own[0] for one in variances)
    error = math.sqrt(first / counts[0] + second / counts[1])
    freedom = sum(counts) - 2.0  # also of Welch's approximation where both sides are alike
    if None not in variances and error > 0:
        shares = [one / n for one, n in zip((first, second), counts, strict=True)]
        freedom = error**4 / sum(share**2 / (n - 1) for share, n in zip(shares, counts, strict=True))
    value = fmean(candidate) - fmean(base)
    half = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    score = value / error if error > 0 else math.copysign(math.inf, value) if value else 0.0
    needed = seeds_needed(value, math.sqrt(first + second), min(counts), margin)
    return Change(value, value - half, value + half, float(stdtr(freedom, score)), float(stdtr(freedom, -score)),
                  min(counts), "seeds", needed)


def seeds_needed(value: float, spread: float, seeds: int, margin: float) -> int | None:
    """Seeds on each side that put the interval wholly inside or outside of ±margin, if change and spread stay.

    `spread` is the root of the sum of both sides' variances. None where `harness.statistics.MOST` are too few.
    """
    from scipy.special import stdtrit

    room = abs(margin - abs(value))
    for n in range(max(2, seeds + 1), MOST + 1):
        if float(stdtrit(2 * n - 2, (1 + LEVEL) / 2)) * spread / math.sqrt(n) <= room:
            return n
    return None
