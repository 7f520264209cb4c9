"""Who is compared with whom: people and predictions grouped by image, and the table of their pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.types import People
from harness.layout import Layout
from harness.scoring.definition import MAX_DETECTIONS
from harness.scoring.rules import STRICT, Marks, Rules
from harness.scoring.scored import Scored, ScoreKey


@dataclass(frozen=True)
class Grouped:
    """Rows of a table by image. Images are positions 0 to I-1 of the sorted image ids."""

    row: np.ndarray
    """(M,) the table's rows that lie on these images, by image, in the table's order within one."""
    image: np.ndarray
    """(M,) image position of each."""
    start: np.ndarray
    """(I + 1,) image i holds entries start[i]:start[i + 1]."""

    @property
    def count(self) -> np.ndarray:
        """(I,) entries of each image."""
        return np.diff(self.start)


def group_by_image(image_id: np.ndarray, image_ids: np.ndarray) -> Grouped:
    """Group rows by image; rows on images that are not in `image_ids` (sorted, unique) are left out."""
    return group(image_positions(image_id, image_ids), len(image_ids))


def image_positions(image_id: np.ndarray, image_ids: np.ndarray) -> np.ndarray:
    """(n,) the place of each image in `image_ids` (sorted, unique); -1 where it is not there."""
    position = np.searchsorted(image_ids, image_id)
    position[position == len(image_ids)] = 0
    known = image_ids[position] == image_id if len(image_ids) else np.zeros(len(image_id), bool)
    return np.where(known, position, -1)


def group(position: np.ndarray, images: int) -> Grouped:
    """Group rows by the position (n,) of their image; rows at -1 are left out."""
    row = np.flatnonzero(position >= 0)
    # NumPy sorts 16-bit integers by radix, a fifth of the time.
    small = position[row].astype(np.uint16 if images < 2**16 else np.int64)
    row = row[np.argsort(small, kind="stable")]
    image = position[row]
    return Grouped(row, image, np.searchsorted(image, np.arange(images + 1)))


def select(scored: Scored, part: str, layout: Layout, image_ids: np.ndarray, score_key: ScoreKey,
           rules: Rules = STRICT, position: np.ndarray | None = None) -> Grouped:
    """The predictions that take part in `part`: per image the highest scored, ties in the order of the table.

    Those without any point score above 0 in the part are dropped before the cut at `MAX_DETECTIONS`. `position` are
    the predictions' `image_positions`, where they are at hand.
    """
    grouped = rank_by_image(scored, part, layout, image_ids, score_key, rules, position)
    if not rules.top_twenty:
        return grouped
    keep = rank_within(grouped) < MAX_DETECTIONS
    image = grouped.image[keep]
    return Grouped(grouped.row[keep], image, np.searchsorted(image, np.arange(len(image_ids) + 1)))


def rank_by_image(scored: Scored, part: str, layout: Layout, image_ids: np.ndarray, score_key: ScoreKey,
                  rules: Rules = STRICT, position: np.ndarray | None = None) -> Grouped:
    """The predictions of `part` by image, highest scores first, before the cut."""
    score = scored.ranking(part, layout, score_key, rules)
    rows = np.arange(len(scored))
    if rules.silent_dropped:
        rows = rows[speaking(scored, part, layout)]
    if not rules.ties_in_file_order:
        rows = rows[::-1]
    rows = rows[np.argsort(-score[rows], kind="stable")]
    position = image_positions(scored.image_id, image_ids) if position is None else position
    grouped = group(position[rows], len(image_ids))
    return Grouped(rows[grouped.row], grouped.image, grouped.start)


def speaking(scored: Scored, part: str, layout: Layout) -> np.ndarray:
    """(N,) bool: predictions with some point score above 0 in the part."""
    return np.asarray((scored.keypoints[:, layout.parts[part].slice, 2] > 0).any(axis=1))


def rank_within(grouped: Grouped) -> np.ndarray:
    """(M,) the place of each entry among those of its image, from 0."""
    return np.arange(len(grouped.row)) - grouped.start[grouped.image]


@dataclass(frozen=True)
class Pairs:
    """Every prediction beside every person of its image, one prediction after the other."""

    prediction: np.ndarray
    """(Q,) row of the predictions."""
    person: np.ndarray
    """(Q,) row of the people; within a prediction in the order of the annotations."""
    start: np.ndarray
    """(N,) where a prediction's pairs begin; -1 for predictions that have none."""


def pair_up(predictions: np.ndarray, prediction_image: np.ndarray, people: Grouped, total: int) -> Pairs:
    """Pair predictions (rows, image positions) with the people of their images; there are `total` predictions."""
    counts = people.count[prediction_image]
    first = np.cumsum(counts) - counts
    within = np.arange(counts.sum()) - np.repeat(first, counts)
    start = np.full(total, -1)
    start[predictions] = first
    return Pairs(np.repeat(predictions, counts),
                 people.row[np.repeat(people.start[prediction_image], counts) + within], start)


def labelled_points(people: People, rules: Rules = STRICT, marks: Marks | None = None) -> np.ndarray:
    """(P, K) bool: every v > 0 counts, also a fraction (COCO-WholeBody has visibilities such as 0.3).

    With `fractions_labelled` off, v must reach 1; with `valid_unread` off, no point of a part marked invalid counts.
    """
    visibility = people.keypoints[:, :, 2]
    labelled = visibility > 0 if rules.fractions_labelled else visibility >= 1
    if not rules.valid_unread and marks is not None:
        labelled = labelled & ~marks.invalid
    return labelled
