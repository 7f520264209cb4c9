"""What a row's accuracy can be compared by: resampled figures of the same images on both sides, or several seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import UserError
from harness.gate.conditions import trained_here
from harness.gate.rows import Row, RowPair
from harness.job import BOOTSTRAP, DRAWS
from harness.scoring.bootstrap import draw, interval
from harness.scoring.resample import Samples, informing_images, load_samples, resample
from harness.statistics import LEVEL

METRICS = ("AP", "AR")
SLACK = 1e-9
"""Figures that are equal but for the order of summation."""


@dataclass(frozen=True)
class Resampled:
    """A record's figures in resamples of its images."""

    samples: Samples
    images: Mapping[str, int]
    """Those that inform a part."""
    draws: tuple[int, int]
    """Seed and number of the resamples. Equal ones of equal images are the same resamples."""


@dataclass(frozen=True)
class Images:
    """Both sides on the same resamples of the same images."""

    base: Resampled
    candidate: Resampled


@dataclass(frozen=True)
class Seeds:
    """Several trainings, on one side at least."""

    base: tuple[Mapping[str, Any], ...]
    candidate: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Nothing:
    """Neither, and why."""

    reason: str


def evidence_of(pair: RowPair) -> Images | Seeds | Nothing:
    """What tells most of a row: seeds where each side trained networks of its own and there are several; else images.

    The same weights, or those that were given, have no training in them that could have gone otherwise.
    """
    counts = (len(pair.base.seeds), len(pair.candidate.seeds))
    seeds = Seeds(pair.base.seeds, pair.candidate.seeds) if sum(counts) > 2 else None
    if seeds is not None and trained_apart(pair):
        return seeds
    found = _images(pair)
    if isinstance(found, Images):
        return found
    if seeds is not None:
        return seeds
    return Nothing(f"no resampled figures of the same images on both sides ({found}), and {counts[0]} seed of the base "
                   f"and {counts[1]} of the candidate: it takes several seeds a side, or the predictions with their "
                   "data")


def trained_apart(pair: RowPair) -> bool:
    """Whether both sides trained a network of their own."""
    hashes = [row.record["weights"].get("sha256") for row in (pair.base, pair.candidate)]
    return trained_here(pair.base.record) and trained_here(pair.candidate.record) and hashes[0] != hashes[1]


def _images(pair: RowPair) -> Images | str:
    """Both sides' resamples as they are stored or, where those do not match, made of the predictions; or why not."""
    stored = [_stored(row) for row in (pair.base, pair.candidate)]
    base, candidate = stored
    if isinstance(base, Resampled) and isinstance(candidate, Resampled) and base.draws == candidate.draws:
        return Images(base, candidate)
    found, reasons = [], []
    for side, row, own in zip(("base", "candidate"), (pair.base, pair.candidate), stored, strict=True):
        if not (isinstance(own, Resampled) and own.draws == (DRAWS, BOOTSTRAP)):
            made = _made(row)
            if isinstance(made, str):
                reasons.append(f"{side}: {own if isinstance(own, str) else 'other resamples'}; {made}")
                continue
            own = made
        found.append(own)
    return "; ".join(reasons) if reasons else Images(*found)


def _stored(row: Row) -> Resampled | str:
    """The resampled figures beside a record, or why they cannot be used."""
    facts = row.record.get("intervals") or {}
    if not facts.get("file") or facts.get("draws") is None:
        return "none are stored"
    path = row.folder / Path(facts["file"]).name
    try:
        samples = load_samples(path)
    except UserError as error:
        return str(error)
    for part, by_metric in samples.items():
        for metric, values in by_metric.items():
            found = interval(values, facts["level"], facts["images"].get(part, 0)) if values.ndim == 1 else None
            own = (facts["parts"].get(part) or {}).get(metric) or (math.nan, math.nan)
            ends = (found.low, found.high) if found else (math.nan, math.nan)
            if not np.allclose(own, ends, rtol=0, atol=SLACK, equal_nan=True):
                return f"{path} is not of its record, whose interval of {part} {metric} is another"
    return Resampled(samples, facts["images"], (facts["draws"], facts["resamples"]))


def _made(row: Row) -> Resampled | str:
    """The resampled figures of stored predictions, where the data are there, or why they cannot be made."""
    from harness.explain.subjects import evidence_of_record
    from harness.scoring.accumulate import figures
    from harness.scoring.score import match_parts, with_hand

    record = row.record
    root = record["data"]["eval"].get("root")
    if not root or not Path(root).is_dir():  # opening made data would make them
        return f"the data of its predictions are not in {root}"
    if not (row.folder / str(record.get("predictions"))).is_file():
        return "its predictions are not stored"
    evidence, notes = evidence_of_record(record, row.folder, None)
    if evidence is None or notes:
        return "; ".join(notes)
    scored = evidence.scored_under(evidence.conditions)
    matches = match_parts(evidence.people, scored, evidence.layout, evidence.image_ids)
    now = with_hand({part: figures(of, METRICS) for part, of in matches.items()})
    for part, of in now.items():
        for metric, value in of.items():
            recorded = record["metrics"]["parts"].get(part, {}).get(metric)
            if (value is None) != (recorded is None) or abs((value or 0) - (recorded or 0)) > SLACK:
                return (f"its predictions, scored now, give {part} {metric} {value}, not {recorded}: evaluator or data "
                        "have changed")
    samples = resample(matches, draw(matches, np.random.default_rng(DRAWS), BOOTSTRAP, LEVEL), METRICS)
    return Resampled(samples, informing_images(matches, "AP"), (DRAWS, BOOTSTRAP))
