"""What can be explained: a record, a file of results, or a published number."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError, unknown
from harness.explain.settings import NOT_STATED
from harness.kinds import SYSTEMS, kind_of
from harness.published import PublishedRow, load_published
from harness.record import open_record, parse_record, read_record, usable_rows
from harness.zoo import container

if TYPE_CHECKING:
    from harness.explain.rescoring import Evidence

EVALUATOR = "this project's, equal to xtcocotools 1.14.3"

RECORD_FILES = ("record.json", "failure.json")
RECORD, RESULTS, PUBLISHED = "record", "file of results", "published number"

NEAREST = 5
"""Published numbers that are named beside the rows where a name is none of either."""

Metrics = dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class Subject:
    """One side of the comparison."""

    kind: str
    """RECORD, RESULTS or PUBLISHED."""
    name: str
    settings: dict[str, Any]
    """By dotted name (see `settings`); what is not known is absent."""
    metrics: Metrics | None
    """Part -> AP and AR as recorded or published; None for files, which only have what is scored now."""
    evidence: Evidence | None
    """What can be scored again; None for a published number."""
    notes: tuple[str, ...] = ()


def open_subject(text: str, gt: Path | None = None, layout: str | None = None, score_key: str = "auto",
                 data_root: Path | None = None, results: Path = Path("runs"), to_score: bool = False) -> Subject:
    """A row that was run (its record's folder or file, its name below `results`, or its exported weights), a file of
    results with its annotations `gt`, or the id of a published number.

    `score_key` is what ranked the results of a file, `data_root` where a record's evaluation data lie now; `to_score`
    where it is to be scored again, as published numbers cannot be. Raises UserError for a text that is none of these,
    and for what cannot be read.
    """
    path = Path(text)
    if path.is_file() and path.suffix == container.SUFFIX:
        return of_weights(path)
    if path.is_file():
        return of_record(path, data_root) if path.name in RECORD_FILES else of_file(path, gt, layout, score_key)
    found = open_record(text, results, scored)
    if found is not None:
        return of_record(found[0] / "record.json", data_root)
    if path.is_dir():
        raise UserError(f"{text}: the folder has no record.json (a failed or unfinished row has none)")
    published = load_published()
    if text in published:
        return of_published(published[text])
    rows = usable_rows(results, scored)
    if to_score:
        raise unknown("row", text, rows, f"in {results}, and no such file or folder")
    raise unknown("row or published number", text, [*rows, *difflib.get_close_matches(text, published, NEAREST, 0.4)],
                  f"(rows of {results}, then the nearest published numbers; `harness describe TABLE` names those of "
                  "its rows), and no such file or folder")


def scored(record: Mapping[str, Any]) -> bool:
    """Whether a record is of a row whose predictions of people were scored."""
    return record["status"] != "failed" and record.get("kind", SYSTEMS) == SYSTEMS


def check_given(subjects: Sequence[Subject], given: Mapping[str, str | None]) -> None:
    """Raise UserError for an option (name -> value, None where it was not given) that does nothing for these subjects:
    --data-root is for records, the others are for files of results."""
    for option, value in given.items():
        wanted, other = (RECORD, RESULTS) if option == "--data-root" else (RESULTS, RECORD)
        if value is not None and wanted not in {subject.kind for subject in subjects}:
            named = next((subject for subject in subjects if subject.kind == other), subjects[0])
            own = " and says it itself" if named.kind == RECORD else ""
            raise UserError(f"{option} {value}: for a {wanted}, but {named.name} is a {named.kind}{own}; leave it out")


def of_published(row: PublishedRow) -> Subject:
    """A published number: what its source states."""
    settings: dict[str, Any] = {
        "data.dataset": row.dataset, "data.split": row.split, "data.images": row.images,
        "data.annotations": row.annotations, "train.data": row.trained_on, "model": row.method,
        "score.hand": "mean",  # of every published number here, see results/published/README.md
        **(training := published_training(row.id)), **row.protocol,
    }
    if row.input:
        settings["crop.height"], settings["crop.width"] = row.input
    notes = [f"{row.source.citation} ({row.where or row.method})", *row.gaps]
    if training:
        notes.append("settings of training and crop as the table that prints it gives them, with their sources")
    if row.paradigm != "top-down" or row.multi_scale:
        notes.append(f"paradigm {row.paradigm}" + (", several scales" if row.multi_scale else ""))
    notes += [f"{cell} looks misprinted" for cell in row.doubtful]
    metrics: Metrics = {part: dict(values) for part, values in row.metrics.items()}
    stated = {name: value for name, value in settings.items() if value not in (NOT_STATED, "not clear")}
    return Subject(PUBLISHED, row.id, stated, metrics, None, tuple(notes))


def published_training(name: str) -> dict[str, Any]:
    """Crop, augmentation, target and training of the published protocol, where a table's own line is this number.

    By dotted name, as `record_settings`; empty for numbers that no table prints, or whose row states no protocol.
    """
    from harness.protocol import make_protocol, merge
    from harness.registry import names, spec_data

    for table_name in names("tables"):
        try:
            table = spec_data("tables", table_name)
        except UserError:  # a plug-in's, which is broken
            continue
        for row in table["rows"]:
            if row.get("protocol") and (row.get("published") or [None])[0] == name:
                protocol = make_protocol(merge(table.get("protocol", {}), row["protocol"]), f"table {table_name}")
                return flat(protocol.model_dump(mode="json"), ("crop", "augment", "target", "train"),
                            protocol.train.processes)
    return {}


NO_SETTINGS = ("train.workers", "train.max_broken_images", "train.evaluate_every", "train.processes")
"""Say how a training is done, not what it is; the batch of all processes counts."""


def flat(protocol: Mapping[str, Any], sections: tuple[str, ...], shares: int) -> dict[str, Any]:
    """Sections of a protocol by dotted name, with the people of all shares of a step."""
    settings = {f"{section}.{name}": value for section in sections for name, value in protocol.get(section, {}).items()}
    if "train" in sections:
        settings["train.people_a_step"] = settings.pop("train.batch_size") * shares
    return {name: value for name, value in settings.items() if name not in NO_SETTINGS}


def of_file(path: Path, gt: Path | None, layout_name: str | None, score_key: str) -> Subject:
    """A file of results, to be scored against the annotations `gt`."""
    from harness.explain.rescoring import Conditions, Evidence
    from harness.scoring.inputs import check_predictions, layout_of, load_predictions, load_truth
    from harness.scoring.scored import ranked_by

    if gt is None:
        raise UserError(f"{path} is no record: name the annotations that it is for with --gt FILE")
    layout = layout_of(layout_name, gt, path)
    truth, predictions = load_truth(gt, layout), load_predictions(path, layout)
    check_predictions(predictions, truth, gt)
    conditions = Conditions(score_key=ranked_by(predictions.scored, score_key))
    evidence = Evidence(truth.people, truth.image_ids, layout, conditions, scored=predictions.scored,
                        marks=truth.marks)
    settings = {"data.images": len(truth.image_ids), "score.evaluator": EVALUATOR, **conditions.settings()}
    left_out = [f"{count} {name.replace('_', ' ')}" for name, count in {**truth.counts, **predictions.counts}.items()
                if count and name not in ("annotations", "entries")]
    return Subject(RESULTS, str(path), settings, None, evidence, tuple(left_out))


def of_record(path: Path, data_root: Path | None = None) -> Subject:
    """A row that was run: its settings, its figures, and its stored predictions where they and the data are there."""
    record = read_record(path)
    assert record is not None
    check_scored(record, path)
    evidence, notes = evidence_of_record(record, path.parent, data_root)
    return Subject(RECORD, str(path.parent), record_settings(record), record_metrics(record), evidence, tuple(notes))


def of_weights(path: Path) -> Subject:
    """The record in weights that `harness weights export` wrote: settings and figures, without predictions."""
    record = (container.read_meta(path) or {}).get("record")
    if record is None:
        raise UserError(f"{path} holds weights without a record (those of `harness weights export` have one); name a "
                        "row that was run, or a file of results")
    record = parse_record(json.dumps(record).encode(), path)
    check_scored(record, path)
    return Subject(RECORD, str(path), record_settings(record), record_metrics(record), None,
                   ("exported weights: the predictions stay with the row that was run",))


def check_scored(record: Mapping[str, Any], path: Path) -> None:
    """Raise UserError for a record that there is nothing to explain of."""
    if record["status"] == "failed":
        raise UserError(f"{path} is the record of a failure ({record['error']}); nothing to explain")
    if not scored(record):
        raise UserError(f"{path} is of a table that is there to {kind_of(record).title}: no people were scored, so "
                        "there is nothing to explain")


def record_metrics(record: Mapping[str, Any]) -> Metrics:
    """AP and AR of every part as recorded."""
    return {part: {m: of.get(m) for m in ("AP", "AR")} for part, of in record["metrics"]["parts"].items()}


def record_settings(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record's settings by dotted name; those of a training only where the run trained."""
    evaluated, trained = record["data"]["eval"], record["data"].get("train")
    sections = ("crop", "test", *(("augment", "target", "train") if trained else ()))
    training = record.get("training") or {}
    settings = flat(record["protocol"], sections, training.get("shares") or training.get("processes") or 1)
    settings |= {
        "data.dataset": evaluated["dataset"], "data.split": evaluated["split"].removesuffix("2017"),
        "data.images": evaluated["images"], "data.people": evaluated["people"], "data.range": evaluated["range"],
        "data.fingerprint": record["hashes"]["evaluate"][:12], "data.annotations": annotation_version(record),
        "model": record["model"]["name"], "weights": (record["weights"]["sha256"] or "")[:12],
        "weights.init": record["weights"].get("init") or "none",
        "seed": record["seed"], "machine.device": record["device"],
        "machine.processor": record["machine"].get("gpu") or record["machine"].get("processor"),
        "machine.torch": record["code"].get("packages", {}).get("torch"),
        "code.commit": (record["code"].get("commit") or NOT_STATED)[:12], "code.hash": record["code"]["hash"][:12],
        "score.evaluator": EVALUATOR, "score.key": "person", "score.area": "person", "score.hand": "mean",
        "score.offset": 0.0, "score.mode": "strict",
    }
    if trained:
        settings["train.data"] = f"{trained['dataset']} {trained['split']}"
    return {name: value for name, value in settings.items() if value is not None and value != NOT_STATED}


def annotation_version(record: Mapping[str, Any]) -> str:
    """The release of the annotations, which the table of the record states for its own data set."""
    from harness.registry import spec_data

    try:
        table = spec_data("tables", record["table"])
    except UserError:  # a table of a plug-in that is not installed here
        return NOT_STATED
    own = table.get("dataset") == record["data"]["eval"]["dataset"]
    return str(table.get("annotations", NOT_STATED)) if own else NOT_STATED


def evidence_of_record(record: Mapping[str, Any], folder: Path, data_root: Path | None
                       ) -> tuple[Evidence | None, list[str]]:
    """The stored predictions and the data they belong to, or why they cannot be scored again."""
    from harness.data.sets import DataRef
    from harness.explain.rescoring import Conditions, Evidence
    from harness.inference.store import load_predictions
    from harness.protocol import make_protocol

    data = record["data"]["eval"]
    root = str(data_root) if data_root else data["root"]
    reference = DataRef(data["dataset"], root, data["split"], data.get("options", {}), *data["range"])
    notes = []
    try:
        raw = load_predictions(folder / record["predictions"])
        if reference.fingerprint() != record["hashes"]["evaluate"]:
            notes.append(f"the evaluation data in {root} are not those of the run: other annotations or images")
        split = reference.open()
    except UserError as error:
        return None, [str(error)]
    protocol = make_protocol(dict(record["protocol"]), str(folder))
    conditions = Conditions(visible_score=protocol.test.visible_score, nms_oks=protocol.test.nms_oks)
    return Evidence(split.people, split.images.id, split.layout, conditions, raw=raw, protocol=protocol), notes


def evidence_of(subject: Subject) -> Evidence:
    """What can be scored again. Raises UserError where there is nothing, with the reason."""
    if subject.evidence is None:
        reason = "it has no stored predictions" if subject.kind == PUBLISHED else "; ".join(subject.notes)
        raise UserError(f"{subject.name} is a {subject.kind} that cannot be scored again: {reason}")
    return subject.evidence


def rescored(subject: Subject) -> tuple[Subject, list[str]]:
    """The subject with the figures that its evidence gives now, and a note where a record says otherwise."""
    if subject.evidence is None:
        return subject, []
    now = subject.evidence.figures(subject.evidence.conditions)
    notes = []
    moved = []
    for part, of in (subject.metrics or {}).items():
        for metric, recorded in of.items():
            value = now.get(part, {}).get(metric)
            if recorded is not None and value is not None:
                moved.append((abs(value - recorded), f"{part} {metric}"))
    worst, cell = max(moved, default=(0.0, ""))
    if worst > 1e-9:
        notes.append(f"scored again, {cell} differs from the record by {worst:.4f}: the evaluator or the data have "
                     "changed since; the figures shown are today's")
    return replace(subject, metrics=now), notes
