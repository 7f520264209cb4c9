"""Precision against recall by part, from the stored predictions of records, by the evaluator that scored them.

What was worked out is kept beside the predictions (`precision.json`), because scoring a whole data set takes a while.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.files import digest, sha256_file, write_json
from harness.page.content import RECORD, Chart, Curve, Point, Ref, View
from harness.report import words
from harness.report.model import RowResult

FILE = "precision.json"
SCHEMA = 1
LEVELS = {"0.50 to 0.95, mean": "AP", "0.50": "AP50", "0.75": "AP75"}
"""Similarities (OKS) from which a person counts as found -> the figure that is the curve's mean over all recalls."""
CLOSE = 1e-9
"""Curves whose mean is farther from the recorded figure are of another evaluator, and not shown."""

Curves = dict[str, dict[str, list[float]]]
"""Part -> level -> precision at the 101 recalls 0, 0.01, ..., 1."""


def has_predictions(record: Mapping[str, Any]) -> bool:
    """Whether it is the record of a row that predicted points."""
    return bool(record.get("predictions") and ((record.get("data") or {}).get("eval") or {}).get("layout"))


def curves_of(record: Mapping[str, Any], folder: Path) -> Curves:
    """The curves of a record, kept or worked out now.

    Raises UserError where predictions or evaluation data are no longer there or not those of the run, and where the
    curves do not give the figures of the record.
    """
    predictions = folder / record["predictions"]
    if not predictions.is_file():
        raise UserError(f"{predictions} is not there")
    address = digest({"predictions": sha256_file(predictions), "scoring": _scoring(), "schema": SCHEMA})
    found = _kept(folder / FILE, address)
    if found is None:
        found = _score(record, folder)
        with contextlib.suppress(UserError):  # a folder that cannot be written: worked out again next time
            write_json(folder / FILE, {"address": address, "parts": found})
    for part, levels in found.items():
        for level, values in levels.items():
            recorded = record["metrics"]["parts"].get(part, {}).get(LEVELS[level])
            if recorded is None or abs(sum(values) / len(values) - recorded) > CLOSE:
                raise UserError(f"scored again, {part} {LEVELS[level]} is not the {recorded} of the record")
    return found


@cache
def _scoring() -> str:
    """Of the code that scores."""
    here = Path(__file__).parents[1]
    files = [*sorted((here / "scoring").glob("*.py")), here / "inference" / "nms.py", Path(__file__)]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _kept(path: Path, address: str) -> Curves | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return dict(data["parts"]) if data["address"] == address else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _score(record: Mapping[str, Any], folder: Path) -> Curves:
    import numpy as np

    from harness.explain.subjects import evidence_of_record
    from harness.scoring.accumulate import averaged, curves, rank
    from harness.scoring.score import match_parts

    root = Path(record["data"]["eval"]["root"])
    if not root.is_dir():  # data that the project makes would be made again
        raise UserError(f"the evaluation data are no longer in {root}")
    evidence, notes = evidence_of_record(record, folder, None)
    if evidence is None or notes:
        raise UserError("; ".join(notes))
    matches = match_parts(evidence.people, evidence.scored_under(evidence.conditions), evidence.layout,
                          evidence.image_ids)
    found: Curves = {}
    for part, of in matches.items():
        curve = curves(of, 0, rank(of), int(of.counted.sum(axis=1)[0]))
        if curve is not None:
            found[part] = {level: np.reshape(averaged(figure, curve), (-1, curve.precision.shape[1])).mean(0).tolist()
                           for level, figure in LEVELS.items()}
    if "lefthand" in found and "righthand" in found:  # AP of hand is the mean of the two, and so is its curve
        found["hand"] = {level: [(a + b) / 2 for a, b in zip(found["lefthand"][level], found["righthand"][level],
                                                            strict=True)] for level in LEVELS}
    return found


def chart(results: Iterable[tuple[RowResult, Path]], parts: Sequence[str], name: str) -> Iterator[Chart]:
    """The curves of rows, each with the folder of its record; nothing where no row has predictions."""
    found: list[tuple[RowResult, Curves]] = []
    missing = []
    for result, folder in results:
        assert result.record is not None
        try:
            found.append((result, curves_of(result.record, folder)))
        except (UserError, KeyError) as error:
            missing.append(f"No curve of {result.row['title']}: {error}.")
    if not found and not missing:
        return
    known = [part for part in parts if any(part in curves for _, curves in found)]
    views = [View((words.part_title(part), level), tuple(_curve(result, curves, part, level) for result, curves in found
                                                         if part in curves), "recall", "precision")
             for part in known for level in LEVELS]
    whole = words.part_title("wholebody" if "wholebody" in known else known[0] if known else "")
    yield Chart(f"{name}-precision", "Precision against recall, by part", "lines",
                (("Part", tuple(map(words.part_title, known))), ("OKS", tuple(LEVELS))), tuple(views), (),
                ("As the evaluator reads it: at each recall the highest precision there or further on. The mean of a "
                 "curve over all recalls is the AP of the record.", *missing), (whole, next(iter(LEVELS))))


def _curve(result: RowResult, curves: Curves, part: str, level: str) -> Curve:
    ref = Ref(RECORD, str(result.get("key")), ("metrics", "parts", part, LEVELS[level]),
              f"{LEVELS[level]}, the mean of the curve, from {result.get('predictions')} beside the record")
    values = curves[part][level]
    return Curve(f"{result.row['title']} ({result.get('model', 'name')})", tuple(
        Point(i / (len(values) - 1), value, ref=ref) for i, value in enumerate(values)), str(result.row["id"]))
