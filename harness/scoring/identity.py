"""Which annotated person does a prediction mean? One answer for all parts, tolerant of the mistakes to be named.

The metric matches every part on its own, from OKS 0.5 upwards: a prediction whose hands are swapped matches nobody in
either hand. To say what kind of mistake that is, one has to know whom it meant; so people and predictions are paired
by all parts together, and a key point may lie on its mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.types import People
from harness.layout import Layout
from harness.scoring.oks import similarity
from harness.scoring.pairing import Grouped, Pairs, group_by_image, labelled_points, pair_up
from harness.scoring.scored import Scored

NEAR = 0.1
"""Affinity from which a prediction is of a person and no background: OKS 0.1 in Ruggero Ronchi and Perona (ICCV 2017).

With up to five parts it is also safe: OKS 0.5 in a single part gives an affinity of 0.5 / 5 = 0.1, so a background
prediction is never a hit anywhere.
"""

CHUNK = 4096
"""Pairs at a time: (4096, 133) float64 temporaries are 4 MB each."""


@dataclass(frozen=True)
class Identities:
    """Whom each of N predictions means."""

    person: np.ndarray
    """(N,) row of the people; -1 for background and for the second best of a person already taken."""
    affinity: np.ndarray
    """(N,) to the most similar person of the image, taken or not; 0 where there is none."""
    near: float
    """Affinity below which a prediction is background."""

    @property
    def background(self) -> np.ndarray:
        """(N,) bool: near nobody. Predictions on crowds and unlabelled people are among them."""
        return (self.person < 0) & (self.affinity < self.near)

    @property
    def duplicate(self) -> np.ndarray:
        """(N,) bool: near somebody whom another prediction fits better."""
        return (self.person < 0) & (self.affinity >= self.near)


def countable(people: People) -> np.ndarray:
    """(P,) bool: people who can be missed: labelled anywhere, and no crowd."""
    return labelled_points(people).any(axis=1) & ~people.crowd


def identify(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray) -> Identities:
    """Pair predictions and people of an image one to one, the most similar first (affinity `NEAR` and above).

    Equal affinities go to the higher score, then to the earlier prediction and person. `image_ids` sorted, unique.
    """
    parts = [part.slice for part in layout.parts.values() if part.points is not None]
    near = min(NEAR, 0.5 / len(parts))
    rows = np.flatnonzero(countable(people))
    group = group_by_image(people.image_id[rows], image_ids)
    group = Grouped(rows[group.row], group.image, group.start)
    mine = group_by_image(scored.image_id, image_ids)
    pairs = pair_up(mine.row, mine.image, group, len(scored))
    value = affinities(pairs, people, scored.keypoints, layout, parts)
    best = np.zeros(len(scored))
    np.maximum.at(best, pairs.prediction, value)
    person = np.full(len(scored), -1)
    taken = np.zeros(len(people), dtype=bool)
    order = np.lexsort((pairs.person, pairs.prediction, -scored.score[pairs.prediction], -value))
    for q in order[: np.count_nonzero(value >= near)]:
        n, p = pairs.prediction[q], pairs.person[q]
        if person[n] < 0 and not taken[p]:
            person[n], taken[p] = p, True
    return Identities(person, best, near)


def affinities(pairs: Pairs, people: People, points: np.ndarray, layout: Layout, parts: list[slice]) -> np.ndarray:
    """(Q,) in 0 to 1: the mean over the person's labelled parts of the part's mean key-point similarity.

    Each part weighs the same, so that the 68 points of a face do not outvote a body. A point's similarity is the
    higher of those to its own true position and, where labelled, to that of its mirror image (left for right).
    """
    flip = np.array(layout.flip_index)
    spread, labelled = (layout.sigmas * 2) ** 2, labelled_points(people)
    result = np.empty(len(pairs.person))
    for begin in range(0, len(result), CHUNK):
        here = slice(begin, begin + CHUNK)
        person, predicted = pairs.person[here], points[pairs.prediction[here]]
        truth = people.keypoints[person]
        area, x, y = people.area[person], predicted[:, :, 0], predicted[:, :, 1]
        own = similarity(x - truth[:, :, 0], y - truth[:, :, 1], spread, area)
        mirrored = similarity(x - truth[:, flip, 0], y - truth[:, flip, 1], spread[flip], area)
        seen = labelled[person]
        terms = np.where(seen, np.maximum(own, np.where(seen[:, flip], mirrored, 0.0)), 0.0)
        total, count = np.zeros(len(person)), np.zeros(len(person))
        for columns in parts:
            points_seen = seen[:, columns].sum(axis=1)
            total += terms[:, columns].sum(axis=1) / np.maximum(points_seen, 1)
            count += points_seen > 0
        result[here] = total / np.maximum(count, 1)
    return result
