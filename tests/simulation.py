"""A population of images whose true AP is known, and what intervals say of sets drawn from it.

Outcomes are drawn, not poses: of every image its people, of every person the OKS and the score that a system gives
it in each part. As in val2017, nearly half of the images are empty and the others hold four people on average, hard
images are hard for everybody in them, and a part is labelled in some of the people only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.scoring.accumulate import figures
from harness.scoring.bootstrap import intervals, paired
from harness.scoring.definition import AREA_RANGES, OKS_THRESHOLDS
from harness.scoring.matching import Matches
from harness.scoring.score import with_hand

LABELLED = {"body": 1.0, "foot": 0.1, "lefthand": 0.3, "righthand": 0.3}
"""The share of people who have the part. In a set of 500 images, a tenth is about 110 people."""
PARTS = tuple(LABELLED)
EMPTY, MORE_PEOPLE = 0.46, 3.1
"""The share of images without people, and how many there are besides the first in the others (geometric)."""
FALSE = 2.0
"""False predictions an image (Poisson); top-down systems have several, of low score."""


@dataclass(frozen=True)
class System:
    """How well a system does: the mean of the logit of its OKS, and how far it is from others on one person."""

    mean: float = 1.0
    own: float = 0.7


def draw_set(rng: np.random.Generator, images: int, systems: tuple[System, ...], parts: tuple[str, ...] = PARTS,
             false: float = FALSE) -> list[dict[str, Matches]]:
    """A set of images and the matches of each system on it, by part."""
    people = np.where(rng.random(images) < EMPTY, 0, rng.geometric(1 / (1 + MORE_PEOPLE), images))
    image = np.repeat(np.arange(images), people)
    n = len(image)
    hard = rng.normal(size=images)[image] * 0.6 + rng.normal(size=n) * 0.8
    labelled = {part: rng.random(n) < LABELLED[part] for part in parts}
    part_hard = {part: rng.normal(size=n) * 0.5 for part in parts}
    return [draw_system(rng, images, image, hard, labelled, part_hard, system, false) for system in systems]


def draw_system(rng: np.random.Generator, images: int, image: np.ndarray, hard: np.ndarray,
                labelled: Mapping[str, np.ndarray], part_hard: Mapping[str, np.ndarray], system: System,
                false: float) -> dict[str, Matches]:
    """The matches of one system: one prediction for 95 % of the people (n,), and false ones."""
    n = len(image)
    quality = system.mean - hard + rng.normal(size=n) * system.own
    false_image = np.repeat(np.arange(images), rng.poisson(false, images))
    seen = np.flatnonzero(rng.random(n) < 0.95)
    where = np.concatenate([image[seen], false_image])
    score = np.concatenate([quality[seen] + rng.normal(size=len(seen)), rng.normal(size=len(false_image)) - 1])
    score = np.round(1 / (1 + np.exp(-score)), 3)  # three digits: there are ties
    order = np.lexsort((-score, where))
    found = {}
    for part, has in labelled.items():
        oks = 1 / (1 + np.exp(-quality - 0.5 + part_hard[part] + rng.normal(size=n) * 0.3))
        hit = np.zeros((len(OKS_THRESHOLDS), len(where)), bool)
        hit[:, :len(seen)] = oks[seen] >= OKS_THRESHOLDS[:, None]
        ignored = np.zeros_like(hit)
        ignored[:, :len(seen)] = ~has[seen]
        person = np.where((hit | ignored)[:, order], 0, -1)
        ranges = len(AREA_RANGES)
        counted = np.bincount(image[has], minlength=images)
        found[part] = Matches(order, where[order], score[order], np.broadcast_to(person, (ranges, *person.shape)),
                              np.broadcast_to(ignored[:, order], (ranges, *person.shape)),
                              np.broadcast_to(counted, (ranges, images)))
    return found


def values(matches: Mapping[str, Matches]) -> dict[tuple[str, str], float]:
    """AP and AR of every part."""
    scored = with_hand({part: figures(found, ("AP", "AR")) for part, found in matches.items()})
    return {(part, metric): value for part, by_metric in scored.items() for metric, value in by_metric.items()
            if value is not None}


def truth(system: System, images: int = 100_000, draws: int = 4, seed: int = 1, parts: tuple[str, ...] = PARTS
          ) -> dict[tuple[str, str], float]:
    """AP and AR of the population: the mean over large sets, in which the bias of AP in small sets is gone."""
    rng = np.random.default_rng(seed)
    found = [values(draw_set(rng, images, (system,), parts)[0]) for _ in range(draws)]
    return {cell: float(np.mean([of_draw[cell] for of_draw in found])) for cell in found[0]}


@dataclass(frozen=True)
class Rate:
    """How often something happened in `runs` simulated sets."""

    count: int
    runs: int

    @property
    def share(self) -> float:
        """The share of runs."""
        return self.count / self.runs

    @property
    def error(self) -> float:
        """The standard error of the share."""
        return float(np.sqrt(self.share * (1 - self.share) / self.runs))


def coverage(true: Mapping[tuple[str, str], float], system: System, *, runs: int, images: int, resamples: int,
             seed: int, parts: tuple[str, ...] = PARTS) -> dict[tuple[str, str], Rate]:
    """How often 95 % intervals of drawn sets hold the true value, by part and metric."""
    rng = np.random.default_rng(seed)
    held = dict.fromkeys(true, 0)
    for _ in range(runs):
        found = intervals(draw_set(rng, images, (system,), parts)[0], rng=rng, resamples=resamples)
        for part, metric in true:
            interval = found[part][metric]
            held[part, metric] += interval is not None and interval.low <= true[part, metric] <= interval.high
    return {cell: Rate(count, runs) for cell, count in held.items()}


def detections(systems: tuple[System, System], *, runs: int, images: int, resamples: int, seed: int,
               parts: tuple[str, ...] = PARTS) -> dict[tuple[str, str], Rate]:
    """How often the paired comparison calls two systems different, by part and metric."""
    rng = np.random.default_rng(seed)
    called: dict[tuple[str, str], int] = {}
    for _ in range(runs):
        for part, by_metric in paired(*draw_set(rng, images, systems, parts), rng=rng, resamples=resamples).items():
            for metric, found in by_metric.items():
                called[part, metric] = called.get((part, metric), 0) + bool(found and found.verdict != "cannot tell")
    return {cell: Rate(count, runs) for cell, count in called.items()}
