"""Greedy matching of predictions to people, for all images, area ranges and thresholds in step.

In every image the predictions choose in the order of their scores. A prediction takes, among the people still
free whose OKS reaches the threshold, one that counts before one that is ignored, then the highest OKS; among
equals the one annotated last. A person is taken once, a crowd as often as wanted. The choice of one
prediction depends on those before it in its image only, so all images take their first choice together, then
all their second, and so on. Only pairs that reach the lowest threshold are ever looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.scoring.definition import AREA_LIMITS, OKS_THRESHOLDS
from harness.scoring.pairing import Grouped
from harness.scoring.rules import STRICT, Rules

LEAD = 2**14
"""More than the people of any image; twice as much fits into 16 bits."""


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
    """(A, T, D) int32 row of the person matched, -1 for none."""
    ignored: np.ndarray
    """(A, T, D) bool: neither right nor wrong."""
    counted: np.ndarray
    """(A, I) people that count, by image."""


def outside(area: np.ndarray, rules: Rules = STRICT) -> np.ndarray:
    """(A, n) bool: areas (n,) outside each range.

    A range includes both its ends; with `range_ends_shared` off, the lower one only.
    """
    limits = AREA_LIMITS if rules.no_small_range else np.concatenate([AREA_LIMITS, [[0.0, AREA_LIMITS[1, 0]]]])
    low, high = limits[:, :1], limits[:, 1:]
    return (area < low) | ((area > high) if rules.range_ends_shared else (area >= high))


def match(chosen: Grouped, people: Grouped, oks: np.ndarray, start: np.ndarray, ignore: np.ndarray,
          crowd: np.ndarray, score: np.ndarray, area: np.ndarray, rules: Rules = STRICT) -> Matches:
    """Match the chosen predictions of one part.

    `oks` (Q,) by pair with `start` (N,) (see `pairing.Pairs`); `ignore` (A, P) and `crowd` (P,) bool by row
    of the people; `score` and `area` (N,) by row of the predictions.
    """
    d, images = len(chosen.row), len(people.count)
    entry, row, value = candidates(chosen, people, oks, start, rules)
    person = choose(entry, row, value, d, ignore, crowd if rules.crowd_takes_many else np.zeros_like(crowd),
                    chosen.image, rules)
    # Person -1, nobody, reads the last flag.
    taken_ignored = np.stack([np.append(flags, False)[taken] for flags, taken in zip(ignore, person, strict=True)])
    missed_outside = (person < 0) & outside(area[chosen.row], rules)[:, None, :]
    counted = np.stack([np.bincount(people.image[~flags[people.row]], minlength=images)
                        for flags in ignore])
    ignored = taken_ignored | missed_outside
    return Matches(chosen.row, chosen.image, score[chosen.row], person, ignored, counted)


def candidates(chosen: Grouped, people: Grouped, oks: np.ndarray, start: np.ndarray, rules: Rules
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs whose OKS reaches the lowest threshold: entry of the chosen, row of the people and OKS, (C,) each.

    By entry, the preferred person last: by OKS, then in the order of the annotations (the opposite order with
    `last_of_equals` off).
    """
    count = people.count[chosen.image]
    entry = np.repeat(np.arange(len(chosen.row)), count)
    within = np.arange(len(entry)) - np.repeat(np.cumsum(count) - count, count)
    value = oks[start[chosen.row][entry] + within]
    kept = np.flatnonzero(value >= OKS_THRESHOLDS[0])
    kept = kept[np.lexsort((within[kept] if rules.last_of_equals else -within[kept], value[kept], entry[kept]))]
    entry, within = entry[kept], within[kept]
    return entry, people.row[people.start[chosen.image[entry]] + within], value[kept]


def choose(entry: np.ndarray, row: np.ndarray, value: np.ndarray, entries: int, ignore: np.ndarray,
           crowd: np.ndarray, image: np.ndarray, rules: Rules) -> np.ndarray:
    """(A, T, D) row of the person that each entry takes, -1 for none, from the candidates (C,).

    `image` (D,) is the image of each entry.
    """
    lanes = (len(ignore), len(OKS_THRESHOLDS))
    person = np.full((*lanes, entries), -1, np.int32)
    free = np.ones((ignore.shape[1], *lanes), bool)
    lane = np.arange(lanes[0] * lanes[1]).reshape(lanes)
    # A candidate's preference is its place among its entry's, and a lead over all places if it counts.
    lead = np.where(ignore.T, 0, LEAD if rules.counted_first else 0).astype(np.int16)
    for step in steps(entry, image):
        p = row[step]
        first = np.flatnonzero(np.diff(entry[step], prepend=-1))  # where each entry's candidates begin
        place = np.arange(len(step)) - np.repeat(first, np.diff(first, append=len(step)))
        preference = lead[p] + place.astype(np.int16)[:, None]
        candidate = free[p] & (value[step][:, None, None] >= OKS_THRESHOLDS)
        best = np.maximum.reduceat(np.where(candidate, preference[:, :, None], np.int16(-1)), first)
        hit = best >= 0
        taken = np.where(hit, p[first[:, None, None] + best % LEAD * hit], -1)
        person[:, :, entry[step[first]]] = taken.transpose(1, 2, 0)
        winner = taken[hit]
        free.reshape(-1)[winner * lane.size + np.broadcast_to(lane, hit.shape)[hit]] = crowd[winner]
    return person


def steps(entry: np.ndarray, image: np.ndarray) -> list[np.ndarray]:
    """Candidates in the steps in which they choose: first those of every image's first entry that has any."""
    if len(entry) == 0:
        return []
    new = np.diff(entry, prepend=-1) > 0
    of = image[entry]
    number = np.cumsum(new)  # of the entry among all that have candidates
    begin = np.diff(of, prepend=-1) != 0
    rank = number - np.repeat(number[begin], np.diff(np.flatnonzero(begin), append=len(entry)))
    order = np.argsort(rank, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(rank[order])) + 1)
