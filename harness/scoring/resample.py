"""Figures of a data set in which images repeat, from matches made once.

Precision as COCO reads it at a recall is the highest precision anywhere further down the ranking. It can only
rise at a right prediction, so right predictions are all that is looked at: with the number of times that each
image stands in a replicate as weights, three running sums along the fixed ranking give how many right and how
many counted predictions there are up to each of them. All thresholds lie one behind the other in one array.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import UserError
from harness.files import atomic_write
from harness.layout import HAND, REPORTED_PARTS
from harness.scoring.accumulate import Curves, area_of, averaged, rank
from harness.scoring.definition import AREA_RANGES, RECALL_POINTS
from harness.scoring.matching import Matches

CELLS = 2**14
"""Items times replicates worked on at a time: a few arrays of this size stay in the cache."""

Samples = dict[str, dict[str, np.ndarray]]
"""Part -> metric -> (B,) a figure of every replicate; NaN where nobody counted in it."""


def resample(matches: Mapping[str, Matches], copies: np.ndarray, metrics: tuple[str, ...]) -> Samples:
    """Figures by part, `hand` included, of B replicates; `copies` (B, I) says how often each image stands in each.

    Equal to scoring a data set in which each image stands that many times in a row, ties included.
    """
    found = {part: resample_part(of_part, copies, metrics) for part, of_part in matches.items()}
    if "lefthand" in found and "righthand" in found:
        found[HAND] = {m: (found["lefthand"][m] + found["righthand"][m]) / 2 for m in metrics}
    known = [part for part in REPORTED_PARTS if part in found]
    return {part: found[part] for part in [*known, *(part for part in found if part not in known)]}


def informing_images(matches: Mapping[str, Matches], metric: str) -> dict[str, int]:
    """How many images have people that count for a metric, by part; for `hand`, those of the hand that has fewer."""
    area = list(AREA_RANGES).index(area_of(metric))
    images = {part: int(np.count_nonzero(found.counted[area])) for part, found in matches.items()}
    if "lefthand" in images and "righthand" in images:
        images[HAND] = min(images["lefthand"], images["righthand"])
    return images


def resample_part(matches: Matches, copies: np.ndarray, metrics: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Metric -> (B,) of one part."""
    result = {metric: np.full(len(copies), np.nan) for metric in metrics}
    for name in {area_of(metric): None for metric in metrics}:
        area = list(AREA_RANGES).index(name)
        people = copies @ matches.counted[area]
        informed = np.flatnonzero(people)
        walk = Walk.of(matches, area, int(copies.max(initial=0)))
        block = max(1, CELLS // len(walk.image))
        for begin in range(0, len(informed), block):
            rows = informed[begin:begin + block]
            curves = walk.curves(copies[rows], people[rows])
            for metric in metrics:
                if area_of(metric) == name:
                    values = averaged(metric, curves).swapaxes(0, 1)
                    result[metric][rows] = values.reshape(len(rows), -1).mean(axis=1)
    return result


@dataclass(frozen=True)
class Walk:
    """One ranking of M items, cut at its right predictions: N of them over all T thresholds, with an end to each.

    An item is a prediction. It counts as often as its image stands in the replicate, except where neighbours of
    one image and score are partly right and partly wrong: two such, a and b, rank a b a b when the image stands
    twice, not a a b b. Those are laid out copy by copy, and each of their items counts once or not at all.
    """

    image: np.ndarray
    """(M + 1,) image position; the last item belongs to no image and never counts."""
    copy: np.ndarray
    """(M + 1,) which copy of its image an item belongs to, from 1; 0 for all of them together."""
    right: np.ndarray
    """(N,) the right items, threshold by threshold, each closed by the item that never counts."""
    end: np.ndarray
    """(T,) where in `right` each threshold's closing item is."""
    ignored: np.ndarray
    """(G,) the ignored items, threshold by threshold."""
    ignored_start: np.ndarray
    """(T,) where in `ignored` each threshold begins."""
    ignored_before: np.ndarray
    """(N,) how many entries of `ignored` lie before each entry of `right`."""

    @classmethod
    def of(cls, matches: Matches, area: int, most: int) -> Walk:
        """The ranking of a part in one area range, for replicates with at most `most` copies of an image."""
        order = rank(matches)
        ignored, hit = matches.ignored[area][:, order], matches.person[area][:, order] >= 0
        image, score = matches.image[order], matches.score[order]
        item, copy = lay_out(image, score, hit & ~ignored, ~hit & ~ignored, most)
        right, set_aside = (hit & ~ignored)[:, item], ignored[:, item]
        closed = np.pad(right, ((0, 0), (0, 1)), constant_values=True)
        threshold, right_items = np.nonzero(closed)
        ignored_count = set_aside.sum(axis=1)
        ignored_start = np.cumsum(ignored_count) - ignored_count
        before = np.cumsum(np.pad(set_aside, ((0, 0), (0, 1))), axis=1)
        return cls(np.append(image[item], matches.counted.shape[1]), np.append(copy, 0), right_items,
                   np.cumsum(closed.sum(axis=1)) - 1, np.nonzero(set_aside)[1], ignored_start,
                   before[threshold, right_items] + ignored_start[threshold])

    def curves(self, copies: np.ndarray, people: np.ndarray) -> Curves:
        """Curves of b replicates: precision (T, b, R), recall (T, b).

        In each, image i stands copies[:, i] times (b, I), and people (b,) count, at least one.
        """
        weight = np.pad(copies, ((0, 0), (0, 1))).take(self.image, axis=1)
        if self.copy.any():
            weight = np.where(self.copy == 0, weight, weight >= self.copy)
        # All replicates and thresholds lie in one row, replicate by replicate, and the running sums run on.
        b, n, t = len(copies), len(self.right), len(self.end)
        end = (self.end + n * np.arange(b)[:, None]).ravel()
        length = np.diff(end, prepend=-1)
        found = np.cumsum(weight.take(self.right, axis=1))
        before = np.append(0, found[end[:-1]])
        ignored = np.pad(np.cumsum(weight.take(self.ignored, axis=1), axis=1), ((0, 0), (1, 0)))
        total = np.cumsum(weight, axis=1).take(self.right, axis=1) - ignored.take(self.ignored_before, axis=1)
        total += np.repeat(ignored.take(self.ignored_start, axis=1), length[:t], axis=1)
        precision = (found - np.repeat(before, length)) / (total.ravel() + np.spacing(1))
        precision[end] = 0
        # Where each recall is first reached; the end of a threshold stands for never.
        first = np.searchsorted(found, before[:, None] + np.repeat(needed(people), t, axis=0), side="left")
        first = np.minimum(first, end[:, None])
        # A stretch that runs on into the next threshold meets nothing but zeros there.
        best = np.maximum.reduceat(precision, first.ravel()).reshape(b, t, -1)
        monotone = np.maximum.accumulate(best[:, :, ::-1], axis=2)[:, :, ::-1]
        return Curves(monotone.swapaxes(0, 1), (found[end] - before).reshape(b, t).T / people)


def lay_out(image: np.ndarray, score: np.ndarray, right: np.ndarray, wrong: np.ndarray, most: int
            ) -> tuple[np.ndarray, np.ndarray]:
    """The items of a ranking of D predictions: (M,) index into it, and (M,) copy (see `Walk`).

    `image` and `score` (D,), `right` and `wrong` (T, D) in the order of the ranking.
    """
    d = len(image)
    if d == 0:
        return np.zeros(0, int), np.zeros(0, int)
    new = np.append(True, (image[1:] != image[:-1]) | (score[1:] != score[:-1]))
    start = np.flatnonzero(new)
    both = np.logical_or.reduceat(right, start, axis=1) & np.logical_or.reduceat(wrong, start, axis=1)
    mixed = np.asarray(both.any(axis=0))
    times = np.where(mixed, most, 1)
    length = np.diff(start, append=d)
    run = np.repeat(np.arange(len(start)), times)  # every run as often as it is laid out
    copy = np.arange(len(run)) - np.repeat(np.cumsum(times) - times, times) + 1
    copy[~mixed[run]] = 0
    size = length[run]
    before = np.cumsum(size) - size
    return np.repeat(start[run] - before, size) + np.arange(size.sum()), np.repeat(copy, size)


def needed(people: np.ndarray) -> np.ndarray:
    """(b, R) the fewest right predictions, at least 1, with which recall reaches each of `RECALL_POINTS`.

    Recall is their number divided by `people` (b,) in floating point, so the neighbours of the product are tried.
    """
    people = people[:, None]
    fewest = np.floor(RECALL_POINTS * people) - 1
    for _ in range(3):
        fewest += fewest / people < RECALL_POINTS
    return np.maximum(fewest, 1).astype(np.int64)


def save_samples(path: Path, samples: Samples) -> None:
    """Write resampled figures as a .npz file, whole or not at all, one array `part.metric` each."""
    with atomic_write(path) as file:
        np.savez(file, **{f"{part}.{m}": values for part, by_metric in samples.items()  # type: ignore[arg-type]
                          for m, values in by_metric.items()})


def load_samples(path: Path) -> Samples:
    """Read what `save_samples` wrote. Raises UserError naming the file where it is not that."""
    samples: Samples = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                part, metric = name.rsplit(".", 1)
                samples.setdefault(part, {})[metric] = file[name]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a file of resampled figures: {error}") from error
    return samples
