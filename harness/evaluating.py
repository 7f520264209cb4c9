"""Evaluating files: from names of files to one result as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.columns import read_json
from harness.errors import UserError, unknown
from harness.layout import Layout
from harness.scoring.bootstrap import intervals, paired
from harness.scoring.evaluate import Evaluation, evaluate
from harness.scoring.inputs import PredictionFile, Truth, check_predictions, layout_of, load_predictions, load_truth
from harness.scoring.quirks import MODES, Mode, effects
from harness.scoring.reference import reference_figures
from harness.scoring.results import result_entries
from harness.scoring.scored import SCORE_KEYS, ScoreKey, ranked_by
from harness.statistics import LEVEL

EVALUATORS = ("ours", "xtcocotools")
RESAMPLES = 1000
"""Of `--against` where `--bootstrap` does not say."""


@dataclass(frozen=True)
class Request:
    """What `harness evaluate` was asked for."""

    truth: Path
    predictions: Path
    layout: str | None = None
    score_key: ScoreKey = "auto"
    mode: Mode = "strict"
    resamples: int = 0
    against: Path | None = None
    seed: int = 0
    curves: bool = False
    quirks: bool = False
    evaluator: str = "ours"


def evaluate_files(request: Request) -> dict[str, Any]:
    """Evaluate; the result is ready for `json.dumps`: see `Evaluation`, and besides it

    - `truth`, `predictions`: the files, and counts of what they hold and what was left out of them; of predictions
      `ranked_by`, what the score key came to for them, person or part;
    - `evaluator`: ours, or xtcocotools with its version;
    - `intervals`: part -> metric -> low, high, level, resamples (with `resamples` above 0);
    - `against`: the other's `predictions`, `parts`, and part -> metric -> `difference` (see `bootstrap.Difference`);
    - `quirks`: see `quirks.effects`.

    Raises UserError for everything that the user can mend.
    """
    check_request(request)
    layout = layout_of(request.layout, request.truth, request.predictions)
    truth = load_truth(request.truth, layout)
    predictions = _read(request.predictions, truth, request, layout)
    result: dict[str, Any] = {
        "truth": {"file": str(request.truth), "images": len(truth.image_ids), "people": len(truth.people),
                  **truth.counts},
        "predictions": _described(predictions, request),
    }
    if request.evaluator == "xtcocotools":
        return result | by_reference(request, truth, predictions, layout)
    done = _evaluate(truth, predictions, layout, request)
    result |= {"evaluator": "ours", **done.to_json()}
    if request.resamples:
        found = intervals(done.matches, rng=np.random.default_rng(request.seed), resamples=request.resamples,
                          level=LEVEL)
        result["intervals"] = {part: {m: asdict(i) if i else None for m, i in by.items()} for part, by in found.items()}
    if request.against is not None:
        result["against"] = compare(request, truth, done, layout)
    if request.quirks:
        result["quirks"] = effects(truth.people, predictions.scored, layout, truth.image_ids, request.score_key,
                                   truth.marks)
    return result


def check_request(request: Request) -> None:
    """Raises UserError for values that are no choice, and for what the reference evaluator cannot do."""
    for kind, value, choices in (("score key", request.score_key, SCORE_KEYS), ("mode", request.mode, MODES),
                                 ("evaluator", request.evaluator, EVALUATORS)):
        if value not in choices:
            raise unknown(kind, value, choices)
    if request.evaluator == "xtcocotools":
        more = {"--mode corrected": request.mode != "strict", "--bootstrap": request.resamples,
                "--against": request.against, "--curves": request.curves, "--quirks": request.quirks}
        asked = [option for option, value in more.items() if value]
        if asked:
            raise UserError(f"--evaluator xtcocotools has no {', '.join(asked)}: leave it out, or use ours")


def compare(request: Request, truth: Truth, first: Evaluation, layout: Layout) -> dict[str, Any]:
    """The other predictions' figures, and the paired differences first minus other on the same resampled images."""
    assert request.against is not None
    other = _read(request.against, truth, request, layout)
    done = _evaluate(truth, other, layout, request)
    found = paired(first.matches, done.matches, rng=np.random.default_rng(request.seed),
                   resamples=request.resamples or RESAMPLES, level=LEVEL)
    return {"predictions": _described(other, request), "parts": done.parts,
            "difference": {part: {m: {**asdict(d), "verdict": d.verdict} if d else None for m, d in by.items()}
                           for part, by in found.items()}}


def by_reference(request: Request, truth: Truth, predictions: PredictionFile, layout: Layout) -> dict[str, Any]:
    """The figures of xtcocotools itself."""
    from importlib.metadata import PackageNotFoundError, version

    scored = predictions.scored
    if request.score_key == "part":
        scored.ranking("body", layout, "part")  # refuses predictions without part scores
    if request.score_key == "person":
        scored = replace(scored, part_scores=None)
    estimated = bool(truth.marks.estimated_area.all()) and len(truth.people) > 0
    parts = reference_figures(read_json(request.truth, "annotations"), result_entries(scored, layout), layout,
                              use_area=not estimated)
    try:
        name = f"xtcocotools {version('xtcocotools')}"
    except PackageNotFoundError:
        name = "xtcocotools"
    return {"evaluator": name, "layout": layout.name, "mode": "strict", "score_key": request.score_key, "parts": parts}


def _evaluate(truth: Truth, predictions: PredictionFile, layout: Layout, request: Request) -> Evaluation:
    return evaluate(truth.people, predictions.scored, layout, truth.image_ids, score_key=request.score_key,
                    mode=request.mode, marks=truth.marks, with_curves=request.curves)


def _read(path: Path, truth: Truth, request: Request, layout: Layout) -> PredictionFile:
    predictions = load_predictions(path, layout)
    check_predictions(predictions, truth, request.truth)
    return predictions


def _described(predictions: PredictionFile, request: Request) -> dict[str, Any]:
    return {**predictions.source, "people": len(predictions.scored),
            "ranked_by": ranked_by(predictions.scored, request.score_key), **predictions.counts}
