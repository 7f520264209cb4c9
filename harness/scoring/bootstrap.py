"""How far a figure could move with other images: percentile intervals from resampling images.

Images are drawn with repetition. The matches within an image stay; only the ranking is walked again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.data.types import People
from harness.errors import UserError
from harness.layout import Layout
from harness.scoring.accumulate import Figures, figures, rank
from harness.scoring.matching import Matches
from harness.scoring.score import match_parts, with_hand
from harness.scoring.scored import Scored, ScoreKey


@dataclass(frozen=True)
class Interval:
    """A percentile interval of one figure."""

    low: float
    high: float
    level: float
    """The share of resamples between low and high, for example 0.95."""
    resamples: int
    """Resamples that inform the figure; fewer than were drawn where nobody counted in some."""


def bootstrap(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray, *,
              rng: np.random.Generator, resamples: int = 1000, level: float = 0.95,
              metrics: tuple[str, ...] = ("AP", "AR"),
              score_key: ScoreKey = "person") -> dict[str, dict[str, Interval | None]]:
    """Intervals by part (also `hand`) and metric; None where no resample informs the figure.

    Every resample draws as many images as there are; all parts and metrics see the same draws. Equal seeds of
    `rng` give equal intervals. Raises UserError for no images, fewer than one resample, a level outside 0 to
    1, and whatever `score` raises.
    """
    count = len(np.unique(image_ids))
    if count == 0:
        raise UserError("bootstrap: there are no images to resample")
    if resamples < 1:
        raise UserError(f"bootstrap: {resamples} resamples; at least 1 is needed")
    if not 0 < level < 1:
        raise UserError(f"bootstrap: level {level} must lie between 0 and 1, for example 0.95")
    matches = match_parts(people, scored, layout, image_ids, score_key)
    draws = (np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(resamples))
    samples = resampled_figures(matches, draws, metrics)
    return {part: {m: interval([s[part][m] for s in samples], level) for m in metrics} for part in samples[0]}


def resampled_figures(matches: dict[str, Matches], draws: Iterable[np.ndarray],
                      metrics: tuple[str, ...]) -> list[dict[str, Figures]]:
    """For every draw (copies of each image, (I,)) the figures by part, `hand` included.

    Equal to scoring a data set in which each image stands that many times in a row, ties included.
    """
    runs = {part: Runs.of(found) for part, found in matches.items()}
    return [with_hand({part: figures(found, metrics, runs[part].repeat(copies), copies)
                       for part, found in matches.items()}) for copies in draws]


@dataclass(frozen=True)
class Runs:
    """The ranking cut into runs: neighbours of the same image and score, which repeat as a block.

    Two predictions a, b of one image with equal scores rank a b a b when the image stands twice, not a a b b.
    """

    order: np.ndarray
    """(D,) the ranking."""
    start: np.ndarray
    """(J,) where each run begins in it."""
    length: np.ndarray
    """(J,)."""
    image: np.ndarray
    """(J,) image position."""

    @classmethod
    def of(cls, matches: Matches) -> Runs:
        """The runs of a part's ranking."""
        order = rank(matches)
        image, score = matches.image[order], matches.score[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (image[1:] != image[:-1]) | (score[1:] != score[:-1])
        start = np.flatnonzero(new)
        return cls(order, start, np.diff(start, append=len(order)), image[start])

    def repeat(self, copies: np.ndarray) -> np.ndarray:
        """The ranking in which image i stands copies[i] times: indices of predictions."""
        run = np.repeat(np.arange(len(self.start)), copies[self.image])
        length = self.length[run]
        before = np.cumsum(length) - length
        return self.order[np.repeat(self.start[run] - before, length) + np.arange(length.sum())]


def interval(values: list[float | None], level: float) -> Interval | None:
    """The percentile interval of the values that are not None, with linear interpolation."""
    informed = np.array([v for v in values if v is not None])
    if len(informed) == 0:
        return None
    low, high = np.quantile(informed, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level, len(informed))
