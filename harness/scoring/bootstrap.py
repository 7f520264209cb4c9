"""How far a figure, or the difference of two, could move with other images: resampling of whole images.

Images are drawn with repetition, as many as there are. The matches within an image stay, so matching is done once
and a replicate only counts each image as often as it was drawn (see `resample`).

Intervals are expanded percentile intervals (Hesterberg, What teachers should know about the bootstrap, The American
Statistician 69, 2015, section 3.3): a resample varies less than a new set of images would, by the factor
sqrt((n - 1) / n), and nobody knows by how much; quantiles further out make up for both, as Student's t does for a
mean. n are the images that inform a part, so it matters where few people have it. Measured by simulation (see
tests/nightly/intervals.py), against plain percentile, basic, bias-corrected and BCa intervals: as good or better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness.data.types import People
from harness.errors import UserError
from harness.layout import Layout
from harness.scoring.accumulate import figures
from harness.scoring.matching import Matches
from harness.scoring.resample import Samples, informing_images, resample
from harness.scoring.score import match_parts, with_hand
from harness.scoring.scored import Scored, ScoreKey

POWER = 0.8
"""Of `Difference.detectable`: the chance to see such a difference, by convention."""


@dataclass(frozen=True)
class Interval:
    """An expanded percentile interval of one figure."""

    low: float
    high: float
    level: float
    """How often such intervals hold the true value, for example 0.95."""
    resamples: int
    """Resamples that inform the figure; fewer than were drawn where nobody counted in some."""
    images: int
    """Images that inform it: those with people that count."""


@dataclass(frozen=True)
class Difference:
    """First minus second, two sets of predictions scored on the same images and resampled together."""

    value: float
    """On the images as they are."""
    low: float
    """Of the expanded percentile interval, as `high`."""
    high: float
    level: float
    resamples: int
    """Resamples in which both have the figure."""
    favours_first: float
    """The share of resamples in which the first is higher; the rest to 1 are ties."""
    favours_second: float
    detectable: float
    """The smallest true difference that this set of images could show: with a test at 1 - level (two-sided) it would
    be seen in 80 % of sets of this size. (z of the level + z of 0.8) times the standard deviation of the resampled
    differences; for 95 %, 2.80 times."""

    @property
    def verdict(self) -> str:
        """better or worse (the first, beyond the interval); same where no resample differs; else cannot tell."""
        if self.value == self.low == self.high == 0:
            return "same"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "cannot tell"


def bootstrap(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray, *,
              rng: np.random.Generator, resamples: int = 1000, level: float = 0.95,
              metrics: tuple[str, ...] = ("AP", "AR"),
              score_key: ScoreKey = "person") -> dict[str, dict[str, Interval | None]]:
    """`intervals` of predictions that are not matched yet; raises what `intervals` and `score` raise."""
    return intervals(match_parts(people, scored, layout, image_ids, score_key), rng=rng, resamples=resamples,
                     level=level, metrics=metrics)


def intervals(matches: Mapping[str, Matches], *, rng: np.random.Generator, resamples: int = 1000, level: float = 0.95,
              metrics: tuple[str, ...] = ("AP", "AR")) -> dict[str, dict[str, Interval | None]]:
    """Intervals by part (also `hand`) and metric; None where fewer than two images inform the figure.

    `matches` are those of `match_parts`. All parts and metrics see the same draws; equal seeds of `rng` give equal
    intervals. Raises UserError for no images, fewer than one resample, or a level outside 0 to 1.
    """
    return intervals_of_samples(matches, resample(matches, draw(matches, rng, resamples, level), metrics), level)


def intervals_of_samples(matches: Mapping[str, Matches], samples: Samples, level: float = 0.95
                         ) -> dict[str, dict[str, Interval | None]]:
    """The intervals that resampled figures of these matches give."""
    images = {metric: informing_images(matches, metric) for by_metric in samples.values() for metric in by_metric}
    return {part: {m: interval(values, level, images[m][part]) for m, values in by_metric.items()}
            for part, by_metric in samples.items()}


def paired(matches_a: Mapping[str, Matches], matches_b: Mapping[str, Matches], *, rng: np.random.Generator,
           resamples: int = 1000, level: float = 0.95, metrics: tuple[str, ...] = ("AP", "AR")
           ) -> dict[str, dict[str, Difference | None]]:
    """Differences a - b by part (also `hand`) and metric, both sides on the same draws of the same images.

    None where either side has no such figure, or fewer than two images inform it. Equal seeds of `rng` give equal
    results; with the sides swapped, the same with signs changed. Raises UserError where the two were not matched on
    the same images and people, and what `intervals` raises.
    """
    if list(matches_a) != list(matches_b) or not all(
            np.array_equal(found.counted, matches_b[part].counted) for part, found in matches_a.items()):
        raise UserError("paired bootstrap: the two sets of predictions were not matched with the same people, images "
                        "and parts")
    copies = draw(matches_a, rng, resamples, level)
    samples_a, samples_b = (resample(matches, copies, metrics) for matches in (matches_a, matches_b))
    images = {metric: informing_images(matches_a, metric) for metric in metrics}
    values_a, values_b = (with_hand({part: figures(found, metrics) for part, found in matches.items()})
                          for matches in (matches_a, matches_b))
    return {part: {m: difference(values_a[part][m], values_b[part][m], samples_a[part][m] - samples_b[part][m], level,
                                 images[m][part]) for m in metrics} for part in samples_a}


def draw(matches: Mapping[str, Matches], rng: np.random.Generator, resamples: int, level: float) -> np.ndarray:
    """(B, I) how often each image was drawn in each resample."""
    count = next((found.counted.shape[1] for found in matches.values()), 0)
    if count == 0:
        raise UserError("bootstrap: there are no images to resample")
    if resamples < 1:
        raise UserError(f"bootstrap: {resamples} resamples; at least 1 is needed")
    if not 0 < level < 1:
        raise UserError(f"bootstrap: level {level} must lie between 0 and 1, for example 0.95")
    return np.stack([np.bincount(rng.integers(count, size=count), minlength=count).astype(np.int32)
                     for _ in range(resamples)])


def interval(values: np.ndarray, level: float, images: int) -> Interval | None:
    """The interval of the values (B,) that are not NaN, informed by so many images; quantiles are interpolated."""
    informed = values[~np.isnan(values)]
    if len(informed) == 0 or images < 2:
        return None
    tail = expanded_tail(level, images)
    low, high = np.quantile(informed, [tail, 1 - tail])
    return Interval(float(low), float(high), level, len(informed), images)


def expanded_tail(level: float, images: int) -> float:
    """The share of resamples to leave out at each end: (1 - level) / 2 for many images, less for few."""
    from scipy.special import stdtrit

    return NormalDist().cdf(float(stdtrit(images - 1, (1 - level) / 2)) * math.sqrt(images / (images - 1)))


def difference(first: float | None, second: float | None, samples: np.ndarray, level: float, images: int
               ) -> Difference | None:
    """What two figures and the (B,) differences of their resamples say; None where there is nothing to compare."""
    found = interval(samples, level, images)
    if first is None or second is None or found is None:
        return None
    informed = samples[~np.isnan(samples)]
    normal = NormalDist()
    reach = normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(POWER)
    return Difference(first - second, found.low, found.high, level, found.resamples,
                      float(np.mean(informed > 0)), float(np.mean(informed < 0)), reach * float(np.std(informed)))
