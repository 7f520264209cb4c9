"""What is wrong with a key point: the classes of Ruggero Ronchi and Perona, for key points in parts.

M. Ruggero Ronchi and P. Perona, Benchmarking and Error Diagnosis in Multi-Instance Pose Estimation, ICCV 2017, sort
the key points of a matched prediction by their key-point similarity (KS), the single term of OKS:
exp(-d^2 / (2 a (2 sigma)^2)), d pixels to a true position, a and sigma those of the person and point that lie there.
The limits 0.5 and 0.85 are theirs (0.85 is about what annotators reach among themselves). Here, for a labelled point k
of a person p whom the prediction means (`identity`):

good          KS to its own true position is at least 0.85
jitter        at least 0.5: the right place, imprecise
and below 0.5, by the wrong true position that it lies nearest to in KS, if that reaches 0.5:
swap          the mirror image of k on p (left for right; of a hand, the same joint of the other hand)
inversion     another point of the same part of p
wrong_person  point k of another person in the image
miss          none of these

Theirs differ in names (their inversion is every wrong point of the same person, their swap our wrong_person) and in
having no parts. A point with several wrong positions in reach takes the most similar, and of equals the first above.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.data.types import People
from harness.layout import Layout
from harness.scoring.oks import similarity
from harness.scoring.pairing import group_by_image, labelled_points

GOOD, NEARBY = 0.85, 0.5
"""KS from which a point is good, and from which it is near a position (Ruggero Ronchi and Perona, ICCV 2017)."""

KINDS = ("good", "jitter", "swap", "inversion", "wrong_person", "miss")
"""The classes of points, by the number that `Points.kind` holds."""
MIXED_UP = ("swap", "inversion", "wrong_person")
"""The classes of points that lie on another true position."""

CHUNK = 2048
"""Points at a time against all others of their part: (2048, 68) float64 temporaries are 1 MB each."""


@dataclass(frozen=True)
class Points:
    """The key points of J predictions that mean somebody, beside that person's."""

    prediction: np.ndarray
    """(J,) row of the predictions."""
    person: np.ndarray
    """(J,) row of the people."""
    position: np.ndarray
    """(J, K, 2) pixels."""
    truth: np.ndarray
    """(J, K, 2) pixels, annotated."""
    kind: np.ndarray
    """(J, K) index into `KINDS`; -1 for points without a label."""
    repaired: np.ndarray
    """(J, K, 2) where a repair puts the point (see `repair`)."""
    similarity: np.ndarray
    """(J, K) KS to the position that the point lies near, its own or a wrong one; 0 for a miss."""

    def any(self, kind: str) -> bool:
        """Whether there is a point of a class."""
        return bool((self.kind == KINDS.index(kind)).any())


def repair(points: Points, kind: str) -> Points:
    """Repair one class of points.

    Imprecise and missed points go to their true position: nobody knows how precise they would have been, so this is
    the most that could be won. A mixed-up point keeps its precision: it lies to its own true position as it lay to the
    wrong one, in units of the two points' sigmas and the two people's sizes, so its KS is the same. It then counts as
    good or jitter, for a later repair.
    """
    chosen = points.kind == KINDS.index(kind)
    position = np.where(chosen[:, :, None], points.repaired, points.position)
    if kind in MIXED_UP:
        left = np.where(points.similarity >= GOOD, KINDS.index("good"), KINDS.index("jitter"))
    else:
        left = np.full(points.kind.shape, KINDS.index("good"))
    repaired = np.where(chosen[:, :, None], points.truth, points.repaired)
    return replace(points, position=position, kind=np.where(chosen, left, points.kind), repaired=repaired)


def classify(people: People, keypoints: np.ndarray, layout: Layout, prediction: np.ndarray, person: np.ndarray
             ) -> Points:
    """Name the mistakes of predictions, rows `prediction` (J,) of `keypoints` (N, K, 2+), of people `person` (J,)."""
    position, truth = keypoints[prediction, :, :2], people.keypoints[person, :, :2]
    labelled, spread = labelled_points(people), (layout.sigmas * 2) ** 2
    area = people.area + np.spacing(1)
    offset = position - truth
    own = similarity(offset[..., 0], offset[..., 1], spread, people.area[person])
    kind = np.where(own >= GOOD, KINDS.index("good"), KINDS.index("jitter"))
    kind[~labelled[person]] = -1
    repaired = truth.copy()

    j, k = np.nonzero(labelled[person] & (own < NEARBY))
    if len(j):
        taken_for = nearest_wrong(people, layout, position[j, k], person[j], k)
        scale = np.sqrt(area[person[j]] / area[taken_for.person]) * layout.sigmas[k] / layout.sigmas[taken_for.point]
        away = position[j, k] - people.keypoints[taken_for.person, taken_for.point, :2]
        mixed = taken_for.similarity >= NEARBY
        kind[j, k] = np.where(mixed, taken_for.kind, KINDS.index("miss"))
        repaired[j, k] += np.where(mixed[:, None], away * scale[:, None], 0.0)
        own[j, k] = np.where(mixed, taken_for.similarity, 0.0)
    return Points(prediction, person, position, truth, kind, repaired, own)


@dataclass(frozen=True)
class TakenFor:
    """For W points the wrong true position that each is most similar to."""

    kind: np.ndarray
    """(W,) index into `KINDS`."""
    person: np.ndarray
    """(W,) row of the people whose position it is."""
    point: np.ndarray
    """(W,) which key point of theirs."""
    similarity: np.ndarray
    """(W,) KS to it; 0 where there is no other position."""


def nearest_wrong(people: People, layout: Layout, position: np.ndarray, person: np.ndarray, point: np.ndarray
                  ) -> TakenFor:
    """The most similar wrong position for W points: pixels (W, 2), whose (W,) and which (W,)."""
    mirror = np.array(layout.flip_index)[point]
    mirrored = similarity_to(people, layout, position, person, mirror)  # of one's own mirror image: below NEARBY
    inside, inverted = best_in_part(people, layout, position, person, point)
    other, stranger = best_other_person(people, layout, position, person, point)
    values = np.stack([mirrored, inverted, stranger])
    best = values.argmax(axis=0)
    return TakenFor(
        kind=np.array([KINDS.index(kind) for kind in MIXED_UP])[best],
        person=np.where(best == MIXED_UP.index("wrong_person"), other, person),
        point=np.choose(best, [mirror, inside, point]),
        similarity=values.max(axis=0),
    )


def similarity_to(people: People, layout: Layout, position: np.ndarray, person: np.ndarray, point: np.ndarray
                  ) -> np.ndarray:
    """(W,) KS of pixels (W, 2) to key points `point` of people `person`; 0 where those are not labelled."""
    truth = people.keypoints[person, point]
    spread, area = (layout.sigmas[point] * 2) ** 2, people.area[person] + np.spacing(1)
    square = np.square(position - truth[:, :2]).sum(axis=1)
    return np.where(truth[:, 2] > 0, np.exp(-square / (2 * area * spread)), 0.0)


def best_in_part(people: People, layout: Layout, position: np.ndarray, person: np.ndarray, point: np.ndarray
                 ) -> tuple[np.ndarray, np.ndarray]:
    """For W points the most similar other point of their part that is not their mirror image, and the KS (0: none)."""
    best, value = point.copy(), np.zeros(len(point))
    flip = np.array(layout.flip_index)
    for part in (part for part in layout.parts.values() if part.points is not None):
        members = np.flatnonzero((point >= part.start) & (point < part.stop))
        for rows in np.array_split(members, -(-len(members) // CHUNK) or 1):
            truth = people.keypoints[person[rows], part.slice]
            offset = position[rows, None] - truth[:, :, :2]
            spread = (layout.sigmas[part.slice] * 2) ** 2
            values = similarity(offset[..., 0], offset[..., 1], spread, people.area[person[rows]])
            columns = np.arange(part.start, part.stop)
            allowed = (truth[:, :, 2] > 0) & (columns != point[rows, None]) & (columns != flip[point[rows]][:, None])
            values[~allowed] = 0
            if len(rows):
                best[rows] = part.start + values.argmax(axis=1)
                value[rows] = values.max(axis=1)
    return best, value


def best_other_person(people: People, layout: Layout, position: np.ndarray, person: np.ndarray, point: np.ndarray
                      ) -> tuple[np.ndarray, np.ndarray]:
    """For W points the other person of the image, no crowd, whose same point is most similar, and the KS (0: none)."""
    image_ids, image = np.unique(people.image_id, return_inverse=True)
    group = group_by_image(people.image_id, image_ids)
    count = group.count[image[person]]
    which = np.repeat(np.arange(len(point)), count)
    first = np.cumsum(count) - count
    others = group.row[np.repeat(group.start[image[person]], count) + np.arange(count.sum()) - first[which]]
    values = similarity_to(people, layout, position[which], others, point[which])
    values[(others == person[which]) | people.crowd[others]] = 0
    if len(which) == 0:
        return person.copy(), np.zeros(0)
    value = np.maximum.reduceat(values, first)  # everybody's image holds at least the person
    at = np.flatnonzero(values == value[which])
    chosen, earliest = np.unique(which[at], return_index=True)
    best = person.copy()
    best[chosen] = others[at[earliest]]
    return best, value
