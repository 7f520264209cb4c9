"""Records: what a row left behind, where it lies, and where it came from.

A row has one folder, named by its key: `<results>/<table>/<profile>/<row>-<key>/` with job.json, log.txt,
predictions.npz and, written last and once, record.json; a row that failed has failure.json instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from harness.checkout import git_says, is_changed
from harness.errors import UserError
from harness.files import write_json
from harness.kinds import SYSTEMS, kind_of
from harness.task import Task

SCHEMA = 1
PACKAGES = ("torch", "torchvision", "timm", "accelerate", "numpy", "opencv-python-headless", "fvcore")


@dataclass(frozen=True)
class RowFolder:
    """Every file name of a row, in one place."""

    path: Path

    @classmethod
    def of(cls, results: Path, job: Task) -> RowFolder:
        """The folder of a job's row."""
        return cls(results / job.table / job.profile / f"{_safe(job.row)}-{job.key[:12]}")

    job = property(lambda self: self.path / "job.json")
    log = property(lambda self: self.path / "log.txt")
    record = property(lambda self: self.path / "record.json")
    failure = property(lambda self: self.path / "failure.json")
    predictions = property(lambda self: self.path / "predictions.npz")
    resamples = property(lambda self: self.path / "resamples.npz")
    lock = property(lambda self: self.path / ".lock")
    status = property(lambda self: self.path / "status.json")
    submitted = property(lambda self: self.path / "submitted.json")


def training_path(results: Path, job: Task) -> Path:
    """Where a job's training is kept: named by its content, so rows that share a training share the folder."""
    assert job.train_key is not None
    return results / "trainings" / f"{_safe(job.model)}-{job.train_key[:12]}"


def _safe(name: str) -> str:
    """A name as part of a file name."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)


class DamagedRecord(UserError):
    """A record that cannot be read; it is left alone."""


def read_record(path: Path) -> dict[str, Any] | None:
    """A record or failure, or None where there is none. Raises DamagedRecord naming the file."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _damaged(path, error) from error
    return parse_record(text, path)


def parse_record(text: bytes, path: Path) -> dict[str, Any]:
    """A record or failure of its text; `path` is for the message of DamagedRecord."""
    try:
        data = json.loads(text.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    fault = _fault(data)
    if fault:
        raise _damaged(path, fault)
    return data


def _damaged(path: Path, why: object) -> DamagedRecord:
    return DamagedRecord(f"record {path} is damaged ({why}); it is left as it is: move it away to run the row again")


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a number of JSON")


def _fault(data: Any) -> str | None:
    """What a record or failure lacks that its readers rely on, in words; None where it is whole."""
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or not isinstance(data.get("key"), str):
        return f"no key, or a schema other than {SCHEMA}"
    for name in ("row", "created"):
        if not isinstance(data.get(name), str):
            return f"{name} is missing or no text"
    if data.get("status") == "failed":
        return None if isinstance(data.get("error"), str) else "error is missing or no text"
    for name in ("model", "protocol", "data", "machine", "metrics"):
        if not isinstance(data.get(name), dict):
            return f"{name} is missing or no object"
    parts = data["metrics"].get("parts")
    if not isinstance(parts, dict) or not all(isinstance(figures, dict) for figures in parts.values()):
        return "metrics.parts is missing or no object of objects"
    for part, figures in parts.items():
        for metric, value in figures.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                return f"metrics.parts.{part}.{metric} is {value!r}, no number"
    return None


def all_records(results: Path, table: str, profile: str) -> tuple[list[tuple[Path, dict]], list[str]]:
    """Every record and failure with its folder, and a line for each damaged one."""
    found: list[tuple[Path, dict]] = []
    damaged = []
    for path in sorted((results / table / profile).glob("*/*.json")):
        if path.name not in ("record.json", "failure.json"):
            continue
        try:
            data = read_record(path)
        except DamagedRecord as error:
            damaged.append(str(error))
            continue
        assert data is not None
        found.append((path.parent, data))
    return found, damaged


Usable = Callable[[dict[str, Any]], bool]
"""Which records somebody can do something with."""


def open_record(name: str, results: Path, usable: Usable, seed: int | None = None, profile: str | None = None
                ) -> tuple[Path, dict[str, Any]] | None:
    """Folder and record of a row, named by its folder, by its record.json, or as `find_row` takes it; None for a name
    that is none of these. Only a row that is looked for must be `usable`.

    Raises UserError as `find_row` does, and for a seed or profile beside a folder, which has one record.
    """
    file = Path(name) if Path(name).name == "record.json" else Path(name) / "record.json"
    if not file.is_file():
        return find_row(name, results, usable, seed, profile)
    if seed is not None or profile is not None:
        option = f"--seed {seed}" if seed is not None else f"--profile {profile}"
        raise UserError(f"{option}: for a row by its name, but {name} is one record")
    record = read_record(file)
    assert record is not None
    return file.parent, record


def find_row(name: str, results: Path, usable: Usable, seed: int | None = None, profile: str | None = None
             ) -> tuple[Path, dict[str, Any]] | None:
    """Folder and newest usable record of ROW, TABLE/ROW or TABLE/PROFILE/ROW below `results`, of a training seed and a
    profile, or any; None where nothing has that name.

    Raises UserError where several tables have such a row, and where none of its records has that seed and profile;
    DamagedRecord where one of its records cannot be read: it may be the newest.
    """
    found = []
    for path in _record_files(results):
        try:
            record = read_record(path)
        except DamagedRecord:
            row = path.parent.name.rpartition("-")[0]
            if _safe(name) in map(_safe, _names(path.parent, row)) and profile in (None, path.parents[1].name):
                raise
            continue
        if record is not None and usable(record) and name in _names(path.parent, record["row"]):
            found.append((path.parent, record))
    tables = sorted({folder.parents[1].name for folder, _ in found})
    if len(tables) > 1:
        choices = " or ".join(f"{table}/{name}" for table in tables)
        raise UserError(f"several tables of {results} have a row {name}: name {choices}")
    chosen = [(folder, record) for folder, record in found
              if seed in (None, record.get("seed")) and profile in (None, folder.parent.name)]
    if found and not chosen:
        asked = " and ".join(f"{what} {value}" for what, value in (("seed", seed), ("profile", profile))
                             if value is not None)
        there = sorted({f"seed {record.get('seed')} in profile {folder.parent.name}" for folder, record in found})
        raise UserError(f"row {name} has no record of {asked} in {results} (there are: {', '.join(there)})")
    return max(chosen, key=lambda pair: pair[1]["created"], default=None)


def usable_rows(results: Path, usable: Usable) -> list[str]:
    """The names of the rows below `results` that have such a record, each once; damaged records are passed over."""
    found: dict[str, None] = {}
    for path in _record_files(results):
        with contextlib.suppress(DamagedRecord):
            record = read_record(path)
            if record is not None and usable(record):
                found[record["row"]] = None
    return list(found)


def _record_files(results: Path) -> list[Path]:
    """Of every table and profile."""
    return sorted(results.glob("*/*/*/record.json"))


def _names(folder: Path, row: str) -> tuple[str, ...]:
    """What the row of a folder may be called."""
    profile, table = folder.parent.name, folder.parents[1].name
    return row, f"{table}/{row}", f"{table}/{profile}/{row}"


def recorded_profiles(results: Path, table: str) -> list[str]:
    """The profiles of which a table has records or failures in a results folder, by name."""
    return sorted({path.parents[1].name for file in ("record.json", "failure.json")
                   for path in (results / table).glob(f"*/*/{file}")})


def newest(records: list[tuple[Path, dict]]) -> dict[str, tuple[Path, dict]]:
    """For each row its newest record with its folder; its newest failure only where it has no record.

    An attempt that failed, with other settings or a file that was no network's, takes nothing from what was measured.
    """
    def rank(data: Mapping[str, Any]) -> tuple[bool, str]:
        return data["status"] != "failed", data["created"]

    by_row: dict[str, tuple[Path, dict]] = {}
    for folder, data in records:
        known = by_row.get(data["row"])
        if known is None or rank(data) > rank(known[1]):
            by_row[data["row"]] = (folder, data)
    return by_row


def evaluated_on(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """What identifies the images that a record or failure was evaluated on: data set, split, range, content."""
    data = record.get("data", {}).get("eval") or {}
    return (data.get("dataset"), data.get("split"), tuple(data.get("range") or ()),
            (record.get("hashes") or {}).get("evaluate"))


def of_one_data_set(records: list[tuple[Path, dict]], like: Mapping[str, Any] | None = None
                    ) -> tuple[list[tuple[Path, dict]], list[str]]:
    """The records on the images of the newest one (of failures only where all failed), and what others there are.

    `like`: the record whose images count in place of the newest one's. Numbers on different images in one table would
    look comparable.
    """
    measured = [data for _, data in records if data["status"] != "failed"] or [data for _, data in records]
    if not measured:
        return [], []
    shown = evaluated_on(like or max(measured, key=lambda data: data["created"]))
    others = Counter(evaluated_on(data) for _, data in records if evaluated_on(data) != shown)
    return ([pair for pair in records if evaluated_on(pair[1]) == shown],
            [f"{count} record(s) on other images are not shown: {' '.join(map(str, on[:2]))}"
             for on, count in others.items()])


def now() -> str:
    """The time in UTC, ISO 8601, to microseconds (records are ordered by it)."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@cache
def code_hash(package: str, kind: str = SYSTEMS) -> str:
    """SHA-256 over the code that a row's numbers depend on: the kind's part of ours, and its network's package."""
    here = Path(__file__).parent
    paths = [here / part for part in kind_of({"kind": kind}).code]
    model = here.parent / package
    if model.is_dir():
        paths.append(model)
    sha = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            sha.update(str(file.relative_to(here.parent)).encode() + b"\0" + file.read_bytes())
    return sha.hexdigest()


@cache
def provenance() -> dict[str, Any]:
    """Git commit of the checkout this runs from, whether its code has changes, and package versions.

    The first two are None outside of a checkout.
    """
    root = Path(__file__).parents[1]
    versions: dict[str, str | None] = {}
    for name in ("wholebody-harness", *PACKAGES):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    commit, dirty = None, None
    if (root / ".git").exists():
        commit, dirty = git_says(root, "rev-parse", "HEAD"), is_changed(root)
    return {"commit": commit, "dirty": dirty, "packages": versions}


def write_record(folder: RowFolder, data: dict[str, Any]) -> None:
    """Write a row's record, whole or not at all; an earlier failure of the same key is then obsolete."""
    write_json(folder.record, {"schema": SCHEMA, **data})
    folder.failure.unlink(missing_ok=True)


def write_failure(folder: RowFolder, job: Task, error: str) -> None:
    """Write down that a row failed: shown in tables, tried again by the next run."""
    write_json(folder.failure, {
        "schema": SCHEMA, "kind": job.kind, "key": job.key, "table": job.table, "profile": job.profile, "row": job.row,
        "title": job.title, "status": "failed", "error": error, "log": str(folder.log), "created": now(),
        "model": {"name": job.model}, "notes": list(job.notes), "hashes": job.hashes,
        "data": {"eval": job.evaluated_on},
    })
