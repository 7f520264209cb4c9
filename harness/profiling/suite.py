"""Suites: named lists of groups to be timed, as data in `harness/specs/suites/`, and their records, one a machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError, unknown
from harness.files import read_json, read_yaml, specs_dir, write_json
from harness.hardware import cuda_device_count, processor_name, resolve_device, usable_cores
from harness.profiling.subjects import Settings, Subject, check, parse_sizes, with_revision

SCHEMA = 1


@dataclass(frozen=True)
class Group:
    """Subjects that do the same work, or work to be seen side by side."""

    id: str
    title: str
    device: str
    subjects: tuple[Subject, ...]
    threads: int | None = None
    against: str | None = None
    layers: bool = False
    published: str | None = None
    """The id of a row in `results/published/facts/speed.yaml`."""
    aim: str = ""
    """What it should reach, in words."""
    bound: str = ""
    """What keeps it from there, in words, with the figures that say so."""


@dataclass(frozen=True)
class Suite:
    """A suite's groups, in the page's order."""

    name: str
    title: str
    groups: tuple[Group, ...]


def load_suite(name: str) -> Suite:
    """A suite by name. Raises UserError for an unknown or malformed one."""
    folder = specs_dir() / "suites"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise unknown("suite", name, sorted(p.stem for p in folder.glob("*.yaml")))
    data = read_yaml(path)
    groups = tuple(_group(given, path) for given in data["groups"])
    return Suite(name, data["title"], groups)


def _group(given: dict[str, Any], path: Path) -> Group:
    values = dict(given)
    try:
        common: dict[str, Any] = {"input": parse_sizes(values.pop("input"))[0], "batch": values.pop("batch"),
                                  "what": values.pop("what", "inference")}
        subjects = tuple(Subject(**{**common, **row}) for row in values.pop("rows"))
        group = Group(subjects=subjects, **values)
    except (KeyError, TypeError) as error:
        raise UserError(f"group {given.get('id')} in {path}: {error}") from error
    check(list(subjects), group.device)
    return group


def usable_groups(suite: Suite, only: str | None, device: str) -> Iterator[tuple[Group, str]]:
    """The groups asked for, each with what this machine lacks for it ("" where nothing)."""
    wanted = [name.strip() for name in only.split(",")] if only else [group.id for group in suite.groups]
    for name in wanted:
        if name not in {group.id for group in suite.groups}:
            raise unknown("group", name, [group.id for group in suite.groups], f"in suite {suite.name}")
    if device != "auto":
        resolve_device(device)
    for group in suite.groups:
        if group.id not in wanted or device not in ("auto", group.device):
            continue
        yield group, lacks(group) if group.device == "cuda" and not cuda_device_count() else ""


def lacks(group: Group) -> str:
    """What a machine without a record of this group is taken to lack."""
    return "needs a CUDA device" if group.device == "cuda" else "has not been run yet"


def run_group(group: Group, threads: int | None, rounds: int, images: str | None,
              tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure a group: a record as of any call of `harness profile`. Raises UserError."""
    from harness.profiling.revision import resolve
    from harness.profiling.session import measure

    subjects = list(group.subjects)
    if group.against is not None:
        subjects = with_revision(subjects, resolve(group.against))
    settings = Settings(device=group.device, threads=threads or group.threads or usable_cores(),
                        images=Path(images) if images else None, rounds=rounds, layers=group.layers)
    return measure(subjects, settings, tell)


def record_of(folder: Path, threads: int | None) -> Path:
    """This machine's file: named by its GPU, or else by its processor; other threads than the suite's are others."""
    name = processor_name()
    if cuda_device_count():
        import torch

        name = torch.cuda.get_device_name()
    words = f"{name} {usable_cores()} cores" + (f" {threads} threads" if threads else "")
    return folder / (re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") + ".json")


def save_group(path: Path, suite: Suite, group: Group, record: dict[str, Any]) -> None:
    """Put a group's record into a machine's file, in place of an earlier one. Raises UserError for a damaged file."""
    empty: dict[str, Any] = {"schema": SCHEMA, "kind": "suite", "suite": suite.name, "groups": {}}
    data = _read(path) if path.exists() else empty
    data["groups"][group.id] = record
    write_json(path, data)


def read_records(folder: Path) -> list[dict[str, Any]]:
    """The records of all machines, by file name; none where there is no folder. Raises UserError for a damaged one."""
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def _read(path: Path) -> dict[str, Any]:
    data = read_json(path)
    good = isinstance(data, dict) and data.get("kind") == "suite" and isinstance(data.get("groups"), dict)
    if not good or data.get("schema") != SCHEMA:
        raise UserError(f"{path} is no record of a suite with schema {SCHEMA}; it is left as it is: move it away")
    return data
