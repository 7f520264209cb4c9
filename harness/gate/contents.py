"""What lies in a folder of results: which of its files are records, and of what kind. Reads JSON; changes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.record import read_record

RECORD, FAILURE = "record", "failure"
PROFILE, SUITE, COMPARISON, BENCHMARK = "profile", "suite", "comparison", "benchmark"
NAMED = (PROFILE, SUITE, COMPARISON)
"""Kinds that a file states in its own field `kind`."""
SKIPPED = ("data", "trainings")
"""Folders of drawn people and of checkpoints that runs leave beside the records (harness/run.py)."""


def kind_of(data: Any) -> str | None:
    """What a JSON file holds; None for anything else. `BENCHMARK` is a file of pytest-benchmark."""
    if not isinstance(data, dict):
        return None
    if data.get("kind") in NAMED:
        return str(data["kind"])
    if isinstance(data.get("benchmarks"), list) and "machine_info" in data:
        return BENCHMARK
    if data.get("status") == "failed" and "error" in data:
        return FAILURE
    return RECORD if "metrics" in data and "row" in data else None  # a job.json has no metrics


def parse(text: bytes, place: str) -> tuple[str | None, Any]:
    """The kind and the data of a JSON file's text. Raises UserError naming the place where it is no JSON."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"{place} is not valid JSON: {error}") from error
    return kind_of(data), data


def read(path: Path) -> tuple[str | None, Any]:
    """The kind and the data of a JSON file; records are checked as everywhere else.

    Raises UserError naming the file where it cannot be read, or is a damaged record.
    """
    if path.name in ("record.json", "failure.json"):
        data = read_record(path)
        if data is None:
            raise UserError(f"cannot read {path}: it is gone")
        return kind_of(data), data
    try:
        kind, data = parse(path.read_bytes(), str(path))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    return kind, read_record(path) if kind in (RECORD, FAILURE) else data


def json_files(folder: Path) -> Iterator[Path]:
    """Every JSON file below a folder in a fixed order, without hidden folders, those of `SKIPPED`, and links."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        for name in sorted(files):
            if name.endswith(".json") and not name.startswith("."):
                yield Path(root) / name


@dataclass(frozen=True)
class Origin:
    """Where a file's figures come from, as far as it says."""

    created: str
    """ISO 8601, UTC."""
    commit: str | None
    dirty: bool
    """Whether the code had changes that are in no commit."""
    machine: str
    """In words: what makes times of two machines different ones."""
    versions: dict[str, str]
    """Of what the figures may depend on besides: "torch", "python", "system"."""


UNKNOWN = "unknown machine"
NOWHERE = Origin("", None, False, UNKNOWN, {})


def origin(data: dict[str, Any], kind: str | None = None) -> Origin:
    """Of a file's data, whatever its kind; of a comparison the candidate's, of a suite its newest group's."""
    kind = kind or kind_of(data)
    if kind == SUITE:
        groups = data.get("groups") or {}
        return origin(max(groups.values(), key=lambda group: str(group.get("created"))), PROFILE) if groups else NOWHERE
    if kind == COMPARISON:
        return side_origin(data.get("candidate") or {}, str(data.get("created") or ""))
    if kind == BENCHMARK:
        machine, cpu = data.get("machine_info") or {}, (data.get("machine_info") or {}).get("cpu") or {}
        commit = data.get("commit_info") or {}
        facts = {"processor": cpu.get("brand_raw") or machine.get("processor") or machine.get("machine"),
                 "cores": cpu.get("count"), "python": machine.get("python_version"),
                 "system": f"{machine.get('system')} {machine.get('release')}"}
        return Origin(_utc(str(data.get("datetime") or "")), commit.get("id"), bool(commit.get("dirty")),
                      machine_title(facts), _versions(facts, {}))
    code = data.get("code") or {}
    facts = data.get("machine") or {}
    return Origin(_utc(str(data.get("created") or "")), code.get("commit"), bool(code.get("dirty")),
                  machine_title(facts), _versions(facts, code.get("packages") or {}))


def side_origin(side: dict[str, Any], created: str) -> Origin:
    """Of one side of a comparison; `created` is when they were compared."""
    facts = side.get("machine")
    machine = machine_title(facts) if isinstance(facts, dict) else str(facts or UNKNOWN)
    return Origin(_utc(str(side.get("created") or created)), side.get("commit"), bool(side.get("dirty")), machine,
                  _versions(facts if isinstance(facts, dict) else {}, {}))


def machine_title(facts: dict[str, Any]) -> str:
    """A machine as `harness.hardware.machine` describes it, in words: its GPUs, or else its processor and cores."""
    if facts.get("gpu"):
        number = facts.get("gpus") or 1
        return f"{number} x {facts['gpu']}" if number > 1 else str(facts["gpu"])
    if not facts.get("processor"):
        return UNKNOWN
    return f"{facts['processor']}, {facts['cores']} cores" if facts.get("cores") else str(facts["processor"])


def _versions(facts: dict[str, Any], packages: dict[str, Any]) -> dict[str, str]:
    found = {"torch": packages.get("torch"), "python": facts.get("python"), "system": facts.get("system")}
    return {name: str(version) for name, version in found.items() if version}


def _utc(time: str) -> str:
    """A time in one form, so that times can be ordered as texts; a text that is no time stays what it is."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return time
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
