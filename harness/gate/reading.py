"""Reading what can be compared: records of rows, records of `harness profile`, and files of pytest-benchmark."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.gate.contents import BENCHMARK, COMPARISON, FAILURE, PROFILE, RECORD, SUITE, json_files, kind_of
from harness.kinds import SYSTEMS
from harness.profiling.suite import SCHEMA as SUITE_SCHEMA
from harness.record import SCHEMA as RECORD_SCHEMA
from harness.record import parse_record

ROW_FILES = ("record.json", "failure.json")
"""A row's newest results; other records in its folder were set aside by later runs."""
SCHEMAS = {RECORD: RECORD_SCHEMA, FAILURE: RECORD_SCHEMA, PROFILE: 1, SUITE: SUITE_SCHEMA}
"""The version of each kind of record that is read here, which is the first of each: there is none to migrate."""
PROFILE_FIELDS = ("model", "input", "batch", "precision", "mode", "what", "status", "median_ms")
"""Of a row, those that comparisons rely on."""


@dataclass(frozen=True)
class File:
    """A JSON file that was read, and is what it says it is."""

    path: Path
    kind: str
    """One of `harness.gate.contents`."""
    data: dict[str, Any]


def read_folder(folder: Path) -> Iterator[File]:
    """Everything below a folder that can be compared; only the row where the folder is a row's own.

    Raises UserError naming the file that is damaged or of another version.
    """
    own = [folder / name for name in ROW_FILES if (folder / name).is_file()]
    for path in own or json_files(folder):
        file = read_file(path)
        if file is None or file.kind == COMPARISON:
            continue
        if file.kind not in (RECORD, FAILURE) or path.name in ROW_FILES:
            yield file


def read_file(path: Path) -> File | None:
    """A JSON file; None where it is whole but nothing of ours. Raises UserError naming it where it is damaged."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    return parse_file(text, path)


def parse_file(text: bytes, path: Path) -> File | None:
    """As `read_file`, of a text that lies, or lay, at `path`."""
    data = _json(text, path)
    kind = RECORD if path.name in ROW_FILES else kind_of(data)
    if kind is None:
        return None
    _check_schema(path, kind, data)
    if kind in (RECORD, FAILURE):
        data = parse_record(text, path)
        if data.get("kind", SYSTEMS) != SYSTEMS:  # no scored people: nothing that a gate compares
            return None
        kind = FAILURE if data["status"] == "failed" else RECORD
    elif kind == SUITE:
        groups = data.get("groups")
        if not isinstance(groups, dict) or not groups:
            raise UserError(f"{path} is a damaged record of a suite: it has no groups")
        for group in groups.values():
            _check_profile(path, group)
    elif kind == PROFILE:
        _check_profile(path, data)
    elif kind == BENCHMARK:
        _check_benchmarks(path, data)
    return File(path, kind, data)


def _json(text: bytes, path: Path) -> Any:
    if not text.strip():
        raise UserError(f"{path} is empty: its writing was cut short")
    if not text.lstrip().startswith((b"{", b"[")):
        raise UserError(f"{path} is no JSON file, as records, profiles and files of pytest-benchmark are")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged or was cut short: no valid JSON ({error})") from error


def _check_schema(path: Path, kind: str, data: Any) -> None:
    known = SCHEMAS.get(kind)
    found = data.get("schema") if isinstance(data, dict) else None
    if known is not None and found != known:
        what = "without a schema" if found is None else f"of schema {found}"
        raise UserError(f"{path} is a record {what}; this version reads schema {known}: make it again, or compare with "
                        "the version that wrote it")


def _check_profile(path: Path, data: Any) -> None:
    _check_schema(path, PROFILE, data)
    rows = data.get("rows")
    good = isinstance(rows, list) and all(
        isinstance(row, dict) and all(name in row for name in PROFILE_FIELDS) for row in rows)
    if not good or not all(isinstance(data.get(name), dict) for name in ("machine", "settings")):
        raise UserError(f"{path} is a damaged record of `harness profile`: rows, machine or settings are missing or "
                        "incomplete")


def _check_benchmarks(path: Path, data: dict[str, Any]) -> None:
    if not data["benchmarks"]:
        raise UserError(f"{path} is a file of pytest-benchmark without any benchmark")
    for one in data["benchmarks"]:
        stats = one.get("stats") if isinstance(one, dict) else None
        median = stats.get("median") if isinstance(stats, dict) else None
        number = isinstance(median, int | float) and math.isfinite(median) and median > 0
        if not number or not isinstance(one.get("fullname"), str):
            raise UserError(f"{path} is a damaged file of pytest-benchmark: a benchmark without a name or median")
