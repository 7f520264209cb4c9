"""Greedy matching of predictions to people, for all images, area ranges and thresholds in step.

In every image the predictions choose in the order of their scores. A prediction takes, among the people still
free whose OKS reaches the threshold, one that counts before one that is ignored, then the highest OKS; among
equals the one annotated last. A person is taken once, a crowd as often as wanted. The choice of one
prediction depends on those before it in its image only, so all images take their first choice together, then
all their second, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.scoring.definition import AREA_LIMITS, OKS_THRESHOLDS
from harness.scoring.pairing import Grouped

CELLS = 2**20
"""Array cells (image x area range x threshold x person) worked on at a time."""


@dataclass(frozen=True)
class Matches:
    """What became of the D predictions of one part, in A area ranges at T thresholds; I images in all."""

    prediction: np.ndarray
    """(D,) row of the predictions, by image, then by descending score."""
    image: np.ndarray
    """(D,) image position."""
    score: np.ndarray
    """(D,)."""
    person: np.ndarray
    """(A, T, D) row of the person matched, -1 for none."""
    ignored: np.ndarray
    """(A, T, D) bool: neither right nor wrong."""
    counted: np.ndarray
    """(A, I) people that count, by image."""


def outside(area: np.ndarray) -> np.ndarray:
    """(A, n) bool: areas (n,) outside each range; a range includes both its ends."""
    low, high = AREA_LIMITS[:, :1], AREA_LIMITS[:, 1:]
    return (area < low) | (area > high)


def match(chosen: Grouped, people: Grouped, oks: np.ndarray, start: np.ndarray, ignore: np.ndarray,
          crowd: np.ndarray, score: np.ndarray, area: np.ndarray) -> Matches:
    """Match the chosen predictions of one part.

    `oks` (Q,) by pair with `start` (N,) (see `pairing.Pairs`); `ignore` (A, P) and `crowd` (P,) bool by row
    of the people; `score` and `area` (N,) by row of the predictions.
    """
    d, images = len(chosen.row), len(people.count)
    person = np.full((len(ignore), len(OKS_THRESHOLDS), d), -1)
    for batch in batches(chosen.count, people.count):
        match_batch(person, batch, chosen, people, oks, start, ignore, crowd)
    taken_ignored = np.zeros(person.shape, bool)
    for a, flags in enumerate(ignore):
        hit = person[a] >= 0
        taken_ignored[a][hit] = flags[person[a][hit]]
    missed_outside = (person < 0) & outside(area[chosen.row])[:, None, :]
    counted = np.stack([np.bincount(people.image[~flags[people.row]], minlength=images)
                        for flags in ignore])
    ignored = taken_ignored | missed_outside
    return Matches(chosen.row, chosen.image, score[chosen.row], person, ignored, counted)


def batches(predictions: np.ndarray, people: np.ndarray) -> list[np.ndarray]:
    """Split the images that have both predictions and people (counts (I,)) into batches of similar size.

    Within a batch, images with more predictions come first, so that those that still choose are a prefix.
    """
    images = np.flatnonzero((predictions > 0) & (people > 0))
    images = images[np.argsort(people[images], kind="stable")]
    cells = len(AREA_LIMITS) * len(OKS_THRESHOLDS)
    result = []
    while len(images):
        # The widest image of the batch sets its width; grow until the budget is spent.
        width = people[images] * np.arange(1, len(images) + 1) * cells
        size = max(1, int(np.searchsorted(width, CELLS, side="right")))
        batch, images = images[:size], images[size:]
        result.append(batch[np.argsort(-predictions[batch], kind="stable")])
    return result


def match_batch(person: np.ndarray, batch: np.ndarray, chosen: Grouped, people: Grouped, oks: np.ndarray,
                start: np.ndarray, ignore: np.ndarray, crowd: np.ndarray) -> None:
    """Match the images of one batch (n,), writing into `person` (A, T, D)."""
    n_predictions, n_people = chosen.count[batch], people.count[batch]
    width = n_people.max()
    # People in reverse: argmax takes the first of equals, and the last annotated must win.
    place = n_people[:, None] - 1 - np.arange(width)
    real = place >= 0
    row = people.row[people.start[batch][:, None] + np.maximum(place, 0)]
    counts = (~ignore[:, row] & real).transpose(1, 0, 2)[:, :, None]  # (n, A, 1, G)
    crowds = crowd[row][:, None, None]
    free = np.tile(real[:, None, None], (1, len(ignore), len(OKS_THRESHOLDS), 1))
    threshold = OKS_THRESHOLDS[:, None]
    for rank in range(n_predictions.max()):
        n = np.count_nonzero(n_predictions > rank)
        entry = chosen.start[batch[:n]] + rank
        pair = start[chosen.row[entry]][:, None] + np.maximum(place[:n], 0)
        value = oks[pair][:, None, None]  # (n, 1, 1, G)
        candidate = free[:n] & (value >= threshold)
        proper = candidate & counts[:n]
        candidate = np.where(proper.any(axis=-1, keepdims=True), proper, candidate)
        best = np.where(candidate, value, -1.0).argmax(axis=-1)[..., None]
        hit = np.take_along_axis(candidate, best, axis=-1)
        taken = np.take_along_axis(np.broadcast_to(row[:n, None, None], candidate.shape), best, axis=-1)
        person[:, :, entry] = np.where(hit, taken, -1)[..., 0].transpose(1, 2, 0)
        still = np.take_along_axis(free[:n] & (~hit | crowds[:n]), best, axis=-1)
        np.put_along_axis(free[:n], best, still, axis=-1)
