"""Which images a figure of poses shows: the best, median and worst by OKS, and one example of every kind of mistake."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.types import People
from harness.layout import Layout
from harness.scoring.identity import Identities, countable, identify
from harness.scoring.mistakes import KINDS, classify
from harness.scoring.oks import pair_oks
from harness.scoring.pairing import Pairs
from harness.scoring.repairs import CLASSES, FALSE_POSITIVE, MISSED, SCORE_ORDER
from harness.scoring.score import match_parts
from harness.scoring.scored import Scored

DUPLICATE = "duplicate"
MISTAKES = (*(kind for kind in CLASSES if kind != "good"), DUPLICATE)
"""Every kind that `harness errors` tells apart; "good" points are none, and duplicates are counted there."""


@dataclass(frozen=True)
class Example:
    """A prediction, or a person, that shows one kind of mistake."""

    kind: str
    image_id: int
    prediction: int | None
    """Row of the predictions; None for missed people."""
    person: int | None
    """Row of the people: whom it means, or who was missed; None for predictions that mean nobody."""
    points: np.ndarray
    """(K,) bool: the key points that have it, where it is a kind of points."""


def whole(layout: Layout) -> str:
    """The part that holds all key points, or most."""
    return max(layout.parts, key=lambda name: layout.parts[name].stop - layout.parts[name].start)


def image_oks(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray
              ) -> tuple[np.ndarray, np.ndarray]:
    """(I,) ids of the images with labelled people, ascending, and (I,) the mean OKS of these over all points.

    A person's OKS is that of the prediction that means them (`identity`), and 0 where none does.
    """
    meant = identify(people, scored, layout, np.unique(image_ids)).person
    rows = np.flatnonzero(meant >= 0)
    start = np.full(len(scored), -1)
    start[rows] = np.arange(len(rows))
    oks = np.zeros(len(people))
    oks[meant[rows]] = pair_oks(Pairs(rows, meant[rows], start), people, scored.keypoints, layout)[whole(layout)]
    counts = countable(people) & np.isin(people.image_id, image_ids)
    ids, at = np.unique(people.image_id[counts], return_inverse=True)
    return ids, np.bincount(at, oks[counts], len(ids)) / np.maximum(np.bincount(at, minlength=len(ids)), 1)


def best_median_worst(oks: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """"best", "median" and "worst" -> places in `oks` (I,), `count` of each, fewer where there are under 3 `count`.

    Equal values are in their order; the best are best first, the worst worst first.
    """
    order = np.argsort(-oks, kind="stable")
    count = max(1, min(count, len(order) // 3))
    middle = (len(order) - count) // 2
    return {"best": order[:count], "median": order[middle:middle + count], "worst": order[::-1][:count]}


def examples(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray) -> dict[str, Example | None]:
    """For every kind of `MISTAKES` the clearest example, the first of equals; None where there is none.

    Of points: the prediction with the most of the kind. False positives, duplicates and a wrong order: the one with
    the highest score. Missed people: the largest.
    """
    image_ids = np.unique(image_ids)
    identities = identify(people, scored, layout, image_ids)
    meant = np.flatnonzero(identities.person >= 0)
    points = classify(people, scored.keypoints, layout, meant, identities.person[meant])
    none = np.zeros(layout.size, dtype=bool)
    found: dict[str, Example | None] = {}
    for kind in MISTAKES:
        if kind in KINDS:
            of_kind = points.kind == KINDS.index(kind)
            if not of_kind.any():
                found[kind] = None
                continue
            j = int(of_kind.sum(axis=1).argmax())
            n, p = int(points.prediction[j]), int(points.person[j])
            found[kind] = Example(kind, int(scored.image_id[n]), n, p, of_kind[j])
        elif kind == MISSED:
            found[kind] = _missed(people, identities, image_ids, none)
        else:
            rows = {FALSE_POSITIVE: np.flatnonzero(identities.background & np.isin(scored.image_id, image_ids)),
                    DUPLICATE: np.flatnonzero(identities.duplicate),
                    SCORE_ORDER: _outranking(people, scored, layout, image_ids)}[kind]
            found[kind] = None
            if len(rows):
                n = int(rows[scored.score[rows].argmax()])
                p = int(identities.person[n])
                found[kind] = Example(kind, int(scored.image_id[n]), n, p if p >= 0 else None, none)
    return found


def _missed(people: People, identities: Identities, image_ids: np.ndarray, none: np.ndarray) -> Example | None:
    missed = countable(people) & np.isin(people.image_id, image_ids)
    missed[identities.person[identities.person >= 0]] = False
    if not missed.any():
        return None
    p = int(np.where(missed, people.area, -1.0).argmax())
    return Example(MISSED, int(people.image_id[p]), None, p, none)


def _outranking(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray) -> np.ndarray:
    """Rows of predictions that are wrong over all points at OKS 0.5 and have a higher score than a right one."""
    matches = match_parts(people, scored, layout, image_ids)[whole(layout)]
    right = matches.person[0, 0] >= 0
    wrong = ~right & ~matches.ignored[0, 0]
    if not right.any():
        return np.zeros(0, dtype=np.int64)
    return np.sort(matches.prediction[wrong & (matches.score > matches.score[right].min())])
