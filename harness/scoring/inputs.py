"""What an evaluation reads: annotated people, and predictions in any of the forms they are kept in.

The first bytes of a file are looked at before the rest is read, so that a file of another kind, or of a size that
does not fit the memory, is refused at once. Whatever is left out is counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.coco import PERSON, check_unique, read_people
from harness.data.columns import check_entries, id_column, read_json
from harness.data.types import People
from harness.errors import UserError
from harness.files import read_json as read_file
from harness.layout import Layout, load_layout
from harness.scoring.heads import check_annotations, check_results, first_annotation, fitting_layouts
from harness.scoring.results import read_results
from harness.scoring.rules import Marks
from harness.scoring.scored import Scored

DEFAULT_LAYOUT = "coco-wholebody"


@dataclass(frozen=True)
class Truth:
    """Annotated people and the images they are looked for in."""

    people: People
    image_ids: np.ndarray
    """(I,) int64, sorted: every image that the file lists, also those without people."""
    marks: Marks
    counts: dict[str, int]
    """`annotations` in the file; left out: `other_categories`; stood in for: `areas_estimated` (0.53 w h)."""


@dataclass(frozen=True)
class PredictionFile:
    """Predictions ready for the metric, and what became of the others."""

    scored: Scored
    counts: dict[str, int]
    """`entries` in the file; left out: `other_categories`, `suppressed` (OKS-NMS of stored predictions)."""
    source: dict[str, Any] = field(default_factory=dict)
    """`file`; `kind`: results or stored; for stored ones the `protocol` of rescoring and NMS, and where it is from."""


def load_truth(path: Path, layout: Layout) -> Truth:
    """Read an annotation file of COCO-WholeBody's form (or of `layout`'s fields in the same form).

    Raises UserError naming file, entry and field: a file of another kind, fields missing, wrong lengths, other than
    finite numbers, ids that repeat, people on images that the file does not list.
    """
    path = Path(path)
    check_annotations(path, layout)
    content = read_json(path, "annotations")
    for name in ("images", "annotations"):
        if name not in content:
            raise UserError(f"{path} has no list '{name}': not a COCO annotation file")
    image_ids = _image_ids(content["images"], path)
    everyone = check_entries(content["annotations"], lambda i: f"{path}: annotation {i} of the list",
                             f"{path}: annotations")
    entries = [entry for entry in everyone if entry.get("category_id", PERSON) == PERSON]
    people = read_people(entries, layout, path)
    check_unique(people.id, f"{path}: annotation id")
    stray = ~np.isin(people.image_id, image_ids)
    if stray.any():
        first = int(np.argmax(stray))
        raise UserError(f"{path}: annotation {people.id[first]} is on image {people.image_id[first]}, "
                        "which the file does not list")
    estimated = np.array(["area" not in entry for entry in entries], bool)
    invalid = np.zeros(people.keypoints.shape[:2], bool)
    for name, part in layout.parts.items():
        flagged = [entry.get(f"{name}_valid", True) is False for entry in entries]
        invalid[np.array(flagged, bool), part.slice] = True
    ignore = np.array([bool(entry.get("ignore", 0)) for entry in entries], bool)
    marks = Marks(ignore, estimated, invalid)
    counts = {"annotations": len(everyone), "other_categories": len(everyone) - len(entries),
              "areas_estimated": int(estimated.sum())}
    return Truth(people, image_ids, marks, counts)


def _image_ids(entries: Any, path: Path) -> np.ndarray:
    def where(i: int) -> str:
        return f"{path}: image {i} of the list"

    ids = id_column(check_entries(entries, where, f"{path}: images"), "id", where)
    check_unique(ids, f"{path}: image id")
    return np.sort(ids)


def load_predictions(path: Path, layout: Layout) -> PredictionFile:
    """Read predictions: a result file (JSON), our stored predictions (.npz), or a row's folder or record.json.

    Stored predictions are raw: they are rescored and pass the OKS-NMS of the protocol in the record beside them, or
    of the default protocol where there is none.

    Raises UserError naming the file and what is wrong with it: see `results.read_results`; a row that has failed, or
    whose layout is another.
    """
    path = Path(path)
    if path.is_dir():
        return _load_row(path, path / "record.json", layout)
    if path.name in ("record.json", "failure.json"):
        return _load_row(path.parent, path, layout)
    if path.suffix == ".npz":
        return _load_stored(path, layout)
    check_results(path, layout)
    scored, counts = read_results(path, layout)
    return PredictionFile(scored, counts, {"file": str(path), "kind": "results"})


def layout_of(asked: str | None, truth: Path, predictions: Path) -> Layout:
    """The layout asked for, or that of the record, or the one whose points the first annotation has.

    coco-wholebody where none of them tells. Raises UserError for a layout that is not there.
    """
    if asked is not None:
        return load_layout(asked)
    for record in (predictions / "record.json", predictions, predictions.parent / "record.json"):
        if record.name == "record.json" and record.is_file():
            name = record_layout(record)
            if name is not None:
                return load_layout(name)
    fitting = fitting_layouts(first_annotation(truth) or {})
    return load_layout(fitting[0] if len(fitting) == 1 else DEFAULT_LAYOUT)


def record_layout(record: Path) -> str | None:
    """The layout that a record names."""
    data = read_file(record)
    try:
        return str(data["data"]["eval"]["layout"])
    except (KeyError, TypeError):
        return None


def check_predictions(predictions: PredictionFile, truth: Truth, truth_path: Path) -> None:
    """Predictions on images that the truth does not list are refused, as the reference does, and so are none at all.

    Raises UserError with the number of such predictions and the first one's image.
    """
    if len(predictions.scored) == 0:  # a file with nothing in it is more likely the wrong one than a network's answer
        raise UserError(f"{predictions.source['file']} holds no prediction of a person: nothing to score")
    image = predictions.scored.image_id
    unknown = ~np.isin(image, truth.image_ids)
    if unknown.any():
        listed = f"its ids run from {truth.image_ids[0]} to {truth.image_ids[-1]}" if len(truth.image_ids) else "none"
        raise UserError(f"{predictions.source['file']}: {unknown.sum()} of {len(image)} predictions are on images "
                        f"that {truth_path} does not list, first: image {image[np.argmax(unknown)]} "
                        f"({len(truth.image_ids)} images there, {listed})")


def _load_row(folder: Path, record: Path, layout: Layout) -> PredictionFile:
    failure = folder / "failure.json"
    if not record.is_file() and failure.is_file():
        record = failure
    if not record.is_file():
        raise UserError(f"{folder} is no row of a run: it has no record.json (predictions: a result file, a .npz of "
                        "ours, a row's folder or its record.json)")
    data = read_file(record)
    if not isinstance(data, dict) or "predictions" not in data:
        reason = data.get("error", "it holds no predictions") if isinstance(data, dict) else "it is no record"
        raise UserError(f"{record} has no predictions to evaluate: {reason}")
    return _load_stored(folder / data["predictions"], layout)


def _load_stored(path: Path, layout: Layout) -> PredictionFile:
    """Rescore and suppress raw predictions, as `harness run` does before it scores them."""
    from harness.inference.nms import select
    from harness.inference.store import load_predictions as load_raw
    from harness.protocol import Protocol

    raw = load_raw(path)
    protocol, origin = stored_protocol(path.parent)
    if raw.keypoints.shape[1:] != (layout.size, 3):
        raise UserError(f"{path}: {raw.keypoints.shape[1]} key points a person, layout {layout.name} has "
                        f"{layout.size} (another one: --layout)")
    for name in ("box_score", "keypoints", "box"):
        values = getattr(raw, name)
        good = np.isfinite(values.reshape(len(raw), -1)).all(axis=1)
        if not good.all():
            raise UserError(f"{path}: {name} of prediction {int(np.argmin(good))} is not a finite number")
    kept, scores = select(raw, layout, protocol or Protocol())
    scored = Scored(raw.image_id[kept], raw.keypoints[kept], scores)
    return PredictionFile(scored, {"entries": len(raw), "other_categories": 0, "suppressed": len(raw) - len(kept)},
                          {"file": str(path), "kind": "stored", "protocol_from": origin})


def stored_protocol(folder: Path) -> tuple[Any, str]:
    """The protocol of the row in a folder (None where there is none), and where it was found."""
    from harness.protocol import make_protocol

    for name in ("record.json", "job.json"):
        if (folder / name).is_file():
            return make_protocol(read_file(folder / name).get("protocol", {}), str(folder / name)), str(folder / name)
    return None, "the default protocol"
