"""Published numbers with their sources, read from `results/published/*.yaml` (fields: the README there)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from harness.errors import UserError, unknown
from harness.files import published_dir, read_yaml
from harness.layout import REPORTED_PARTS


@dataclass(frozen=True)
class Source:
    """Who printed a number, and which revision of it was read."""

    id: str
    short: str
    """A name of a word or two, for tables."""
    citation: str
    revision: str
    date: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class PublishedRow:
    """One system's numbers as one source prints them; the fields are explained in `results/published/README.md`."""

    id: str
    source: Source
    method: str
    metrics: dict[str, dict[str, float]]
    """Part to AP and AR, fractions 0 to 1. A part that was not printed is missing."""
    dataset: str
    split: str
    images: int
    annotations: str
    trained_on: str = "not stated"
    where: str | None = None
    paradigm: str = "not stated"
    multi_scale: bool = False
    input: tuple[int, int] | None = None
    """Height and width, pixels."""
    protocol: dict[str, Any] = field(default_factory=dict)
    """Test settings by dotted name, as in `harness.protocol`; what is absent is unknown."""
    box_file: str | None = None
    checkpoint: str | None = None
    derived: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    """Cells such as `face.AR` that look misprinted: they get no verdict."""
    counted: dict[str, float] = field(default_factory=dict)
    """`parameters_m` (millions) and `gmacs` worked out here, not by the source."""
    printed: dict[str, float] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def value(self, part: str, metric: str) -> float | None:
        """The printed value of a part's AP or AR, or None."""
        return self.metrics.get(part, {}).get(metric)


ROW_FIELDS = tuple(f.name for f in fields(PublishedRow) if f.name != "source")
SOURCE_FIELDS = tuple(f.name for f in fields(Source))
REQUIRED = ("id", "method", "metrics", "dataset", "split", "images", "annotations")
LISTS = ("derived", "doubtful", "gaps", "notes")
METRICS = ("AP", "AR")


def load_published(folder: Path | None = None) -> dict[str, PublishedRow]:
    """Every published row by id, in the order of file names and then of rows.

    Raises UserError naming file and row for anything malformed, out of range or given twice.
    """
    return dict(_load((folder or published_dir()).resolve()))


def published_row(row_id: str) -> PublishedRow:
    """One published row. Raises UserError with near names where there is none."""
    rows = load_published()
    if row_id not in rows:
        raise unknown("published row", row_id, rows)
    return rows[row_id]


@cache
def _load(folder: Path) -> dict[str, PublishedRow]:
    rows: dict[str, PublishedRow] = {}
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise UserError(f"no published numbers in {folder}")
    for path in files:
        for row in read_published(path):
            if row.id in rows:
                raise UserError(f"published row {row.id} is given twice, the second time in {path}")
            rows[row.id] = row
    return rows


def read_published(path: Path) -> list[PublishedRow]:
    """The rows of one file. Raises UserError naming the file, the row and what is wrong with it."""
    data = read_yaml(path)
    if not isinstance(data, dict) or not isinstance(data.get("rows"), list):
        raise UserError(f"{path}: expected a mapping with source, defaults and rows")
    source = _source(data.get("source"), path)
    defaults = data.get("defaults") or {}
    return [_row(given, defaults, source, path) for given in data["rows"]]


def _source(given: Any, path: Path) -> Source:
    if not isinstance(given, dict):
        raise UserError(f"{path}: source must be a mapping of {', '.join(SOURCE_FIELDS)}")
    for name in given:
        if name not in SOURCE_FIELDS:
            raise unknown("field", str(name), SOURCE_FIELDS, f"in source of {path}")
    missing = [name for name in ("id", "short", "citation", "revision") if not given.get(name)]
    if missing:
        raise UserError(f"{path}: source has no {' and no '.join(missing)}")
    return Source(**{name: str(value) for name, value in given.items() if value is not None})


def _row(given: Any, defaults: dict, source: Source, path: Path) -> PublishedRow:
    if not isinstance(given, dict) or not isinstance(given.get("id"), str):
        raise UserError(f"{path}: every row must be a mapping with an id, not {given!r}")
    values = {**defaults, **given}
    place = f"{given['id']} in {path}"
    for name in values:
        if name not in ROW_FIELDS:
            raise unknown("field", str(name), ROW_FIELDS, f"of row {place}")
    missing = [name for name in REQUIRED if values.get(name) is None]
    if missing:
        raise UserError(f"row {place} has no {' and no '.join(missing)}")
    for name in LISTS:
        values[name] = tuple(values.get(name) or ())
    for name in ("protocol", "counted", "printed"):
        values[name] = dict(values.get(name) or {})
    if values["protocol"].get("test.boxes") != "detector":
        values["box_file"] = None
    return PublishedRow(**{**values, "source": source, "input": _input(values.get("input"), place),
                           "metrics": _metrics(values["metrics"], place)})


def _input(given: Any, place: str) -> tuple[int, int] | None:
    if given is None:
        return None
    if not isinstance(given, dict) or set(given) != {"height", "width"}:
        raise UserError(f"input of row {place} is {given!r}; expected height and width")
    return int(given["height"]), int(given["width"])


def _metrics(given: Any, place: str) -> dict[str, dict[str, float]]:
    if not isinstance(given, dict) or not given:
        raise UserError(f"metrics of row {place}: expected parts with AP and AR")
    metrics: dict[str, dict[str, float]] = {}
    for part, values in given.items():
        if part not in REPORTED_PARTS:
            raise unknown("part", str(part), REPORTED_PARTS, f"of row {place}")
        if not isinstance(values, dict):
            raise UserError(f"{part} of row {place} is {values!r}; expected AP and AR")
        for metric, value in values.items():
            if metric not in METRICS:
                raise unknown("metric", str(metric), METRICS, f"of {part} of row {place}")
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise UserError(f"{part} {metric} of row {place} is {value!r}; expected a fraction 0 to 1")
        metrics[part] = {name: float(value) for name, value in values.items()}
    return metrics


@dataclass(frozen=True)
class Fact:
    """A published figure that is no pose accuracy: size, speed, ImageNet accuracy or how a network is built."""

    id: str
    source: Source
    method: str
    values: dict[str, float] = field(default_factory=dict)
    conditions: str | None = None
    """How it was counted or measured, in words; figures under other conditions cannot be compared."""
    input: tuple[int, int] | None = None
    keypoints: int | None = None
    counted: dict[str, float] = field(default_factory=dict)
    checkpoint: str | None = None
    training: dict[str, Any] = field(default_factory=dict)
    stages: dict[str, list[int]] = field(default_factory=dict)
    """What is printed of each stage of a network, first stage first (`facts/architecture.yaml`)."""
    verified: bool = True
    """False for a number that was quoted, not read in its source: shown, but it decides nothing."""
    notes: tuple[str, ...] = ()


def load_facts(name: str, folder: Path | None = None) -> list[Fact]:
    """The facts of `results/published/facts/NAME.yaml`. Raises UserError for a file or a field that is not right."""
    folder = (folder or published_dir()) / "facts"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise unknown("file of facts", name, sorted(p.stem for p in folder.glob("*.yaml")))
    data = read_yaml(path)
    sources = {key: _source({"id": key, **given}, path) for key, given in data["sources"].items()}
    facts = []
    for given in data["rows"]:
        place = f"{given['id']} in {path}"
        if given["source"] not in sources:
            raise unknown("source", given["source"], sources, f"of {place}")
        conditions = given.get("conditions")
        if conditions is not None and conditions not in data["conditions"]:
            raise unknown("conditions", conditions, data["conditions"], f"of {place}")
        facts.append(Fact(**{**given, "source": sources[given["source"]],
                             "conditions": data["conditions"][conditions] if conditions else None,
                             "input": _input(given.get("input"), place),
                             "notes": tuple(given.get("notes", ()))}))
    return facts
