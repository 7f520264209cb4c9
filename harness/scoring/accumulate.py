"""From matches to precision, recall and the ten figures of a part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.scoring.definition import AREA_RANGES, METRICS, OKS_THRESHOLDS, RECALL_POINTS
from harness.scoring.matching import Matches

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Curves:
    """Precision and recall of one part in one area range."""

    precision: np.ndarray
    """(T, R) at the `RECALL_POINTS`, made monotone; 0 beyond the last recall."""
    recall: np.ndarray
    """(T,) the highest recall."""


def rank(matches: Matches) -> np.ndarray:
    """(D,) all predictions by descending score; ties by image, then in the order of the image's own ranking."""
    return np.argsort(-matches.score, kind="stable")


def curves(matches: Matches, area: int, order: np.ndarray, people: int) -> Curves | None:
    """Walk down the ranking `order` (D,) against `people` that count.

    `area` is the index of the area range. None if nobody counts.
    """
    if people == 0:
        return None
    ignored, hit = matches.ignored[area], matches.person[area] >= 0
    return walk((hit & ~ignored)[:, order], ~(hit | ignored)[:, order], people)


def walk(right: np.ndarray, wrong: np.ndarray, people: int) -> Curves:
    """Curves of ranked right and wrong predictions, (T, D) bool each, against a number of people above 0.

    The precision read at a recall is the highest at that recall or further down. Precision and recall rise at right
    predictions only, so these are all that is looked at.
    """
    thresholds = len(right)
    precision, recall = np.zeros((thresholds, len(RECALL_POINTS))), np.zeros(thresholds)
    for t in range(thresholds):
        place = np.flatnonzero(right[t])
        found = np.arange(1.0, len(place) + 1)
        false = np.cumsum(wrong[t])[place]
        raw = found / (false + found + np.spacing(1))
        monotone = np.maximum.accumulate(raw[::-1])[::-1]
        at = np.searchsorted(found / people, RECALL_POINTS, side="left")
        reached = at < len(place)
        precision[t, reached] = monotone[at[reached]]
        recall[t] = len(place) / people
    return Curves(precision, recall)


def figure(metric: str, by_area: dict[str, Curves | None]) -> float | None:
    """One of `METRICS` from the curves of the area ranges; None where nobody counts."""
    found = by_area[area_of(metric)]
    return None if found is None else float(np.mean(averaged(metric, found)))


def averaged(metric: str, found: Curves) -> np.ndarray:
    """What a figure is the mean of: precision (T', R) or recall (T',) at its T' thresholds."""
    values = found.precision if metric.startswith("AP") else found.recall
    return values[np.isclose(OKS_THRESHOLDS, float(metric[2:]) / 100)] if metric[2:] in ("50", "75") else values


def area_of(metric: str) -> str:
    """The area range that a metric is about."""
    return {"m": "medium", "l": "large", "s": "small"}.get(metric[2:], "all")


def figures(matches: Matches, metrics: tuple[str, ...] = METRICS) -> Figures:
    """Figures of one part."""
    order = rank(matches)
    people = matches.counted.sum(axis=1)
    needed = {area_of(metric) for metric in metrics}
    by_area = {name: curves(matches, a, order, int(people[a]))
               for a, name in enumerate((*AREA_RANGES, "small")) if name in needed}
    return {metric: figure(metric, by_area) for metric in metrics}
