"""What a baseline keeps of a results folder, a row or a single file: records and what judging them needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.gate.contents import BENCHMARK, COMPARISON, FAILURE, PROFILE, RECORD, SUITE, json_files, origin, read
from harness.record import DamagedRecord, RowFolder

SMALL = 16 * 2**20
"""Bytes. Predictions up to this size are stored unless it is forbidden: those on the ground-truth boxes of val2017
(10 MiB for 6,352 people) are, those on a detector's 104,125 boxes (160 MiB) are not."""
FROM_FOLDERS = (RECORD, PROFILE, SUITE, BENCHMARK)
"""What is kept of a folder. Comparisons in it are about other results; one is kept where it is named itself."""


@dataclass(frozen=True)
class File:
    """A file to be stored."""

    path: str
    """In the baseline, relative, with forward slashes."""
    source: Path
    text: bytes | None = None
    """What it held when it was chosen, where that matters."""


@dataclass
class Selection:
    """What to store of a source."""

    source: str
    """As the user named it."""
    kind: str
    """"results folder", "row", or the kind of a single file."""
    files: list[File] = field(default_factory=list)
    contents: list[dict[str, Any]] = field(default_factory=list)
    """For each record: path, kind, title, created, commit, dirty, machine."""
    left_out: list[dict[str, Any]] = field(default_factory=list)
    """What a reader might miss: path, bytes, why."""

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Path and content of every file. Raises UserError where a record is no longer what it was."""
        for file in self.files:
            try:
                data = file.source.read_bytes()
            except OSError as error:
                raise UserError(f"cannot read {file.source}: {error.strerror}") from error
            if file.text is not None and data != file.text:
                raise UserError(f"{file.source} changed while it was being saved; save again when the run is over")
            yield file.path, data


def select(source: Path, predictions: bool | None = None) -> Selection:
    """Choose from a results folder or a part of it, a row's folder or record, a profile, a suite's file, a comparison,
    or a file of pytest-benchmark.

    `predictions`: whether to take predictions.npz; None takes those of at most `SMALL` bytes. Raises UserError where
    there is no such thing, or nothing in it, and for a damaged record.
    """
    if source.is_dir():
        kind = "row" if RowFolder(source).record.is_file() else "results folder"
        chosen = Selection(str(source), kind)
        for path in json_files(source):
            try:
                _add(chosen, path, source, predictions, FROM_FOLDERS)
            except DamagedRecord:
                raise
            except UserError:
                chosen.left_out.append({"path": _place(path, source, None), "bytes": None, "why": "not valid JSON"})
        if not chosen.files:
            raise UserError(f"nothing to save in {source}: no record, profile or file of pytest-benchmark"
                            + (f" ({len(chosen.left_out)} failed)" if chosen.left_out else ""))
        return chosen
    if not source.is_file():
        raise UserError(f"{source}: no such file or folder (what to save: a results folder, a row's folder, a profile, "
                        "a file of pytest-benchmark, a comparison)")
    chosen = Selection(str(source), "")
    chosen.kind = _add(chosen, source, source.parent, predictions, (*FROM_FOLDERS, COMPARISON)) or ""
    if not chosen.files:
        raise UserError(f"{source} is {'a failure' if chosen.kind == FAILURE else 'none of what can be saved'}: name a "
                        "record, a profile, a file of pytest-benchmark or a comparison")
    return chosen


def _add(chosen: Selection, path: Path, top: Path, predictions: bool | None, kinds: tuple[str, ...]) -> str | None:
    """Add a JSON file, of a record the arrays beside it, too; the file's kind."""
    kind, data = read(path)
    place = _place(path, top, data)
    if kind == FAILURE:
        chosen.left_out.append({"path": place, "bytes": None, "why": f"failed: {data['error']}"})
    if kind not in kinds or (kind == RECORD and path.name != "record.json"):  # others were set aside by a later run
        return kind
    if kind == RECORD:  # before the record, which a new run sets aside first
        folder = RowFolder(path.parent)
        for file in (folder.predictions, folder.resamples):
            if not file.is_file():
                continue
            size = file.stat().st_size
            if file == folder.predictions and (predictions is False or (predictions is None and size > SMALL)):
                why = "--no-predictions" if predictions is False else "large; --predictions stores them"
                chosen.left_out.append({"path": _place(file, top, data), "bytes": size, "why": why})
            else:
                chosen.files.append(File(_place(file, top, data), file))
    chosen.files.append(File(place, path, path.read_bytes()))
    chosen.contents.append({"path": place, "kind": kind, "title": title(data, kind), **_origin(data, kind)})
    return kind


def _origin(data: dict[str, Any], kind: str) -> dict[str, Any]:
    known = origin(data, kind)
    return {"created": known.created, "commit": known.commit, "dirty": known.dirty, "machine": known.machine}


def _place(path: Path, top: Path, data: Any) -> str:
    """Where a file goes: as it lies below `top`, or below its results folder where that contains `top`.

    A row's folder is two below a results folder, `<table>/<profile>/<row>`; named alone, it goes there all the same.
    """
    folder, top = path.parent.resolve(), top.resolve()
    if isinstance(data, dict) and folder.parts[-3:-1] == (data.get("table"), data.get("profile")):
        results = folder.parents[2]
        if top.is_relative_to(results):
            top = results
    return (folder / path.name).relative_to(top).as_posix()


def title(data: dict[str, Any], kind: str) -> str:
    """What a file is of, in words."""
    if kind == RECORD:
        return f"{data['row']} ({data.get('table')}, {data.get('profile')})"
    if kind == COMPARISON:
        return " and ".join(str((data.get(side) or {}).get("name")) for side in ("base", "candidate"))
    if kind == BENCHMARK:
        return f"{len(data['benchmarks'])} benchmark(s)"
    rows = data.get("rows") or [row for group in (data.get("groups") or {}).values() for row in group.get("rows", ())]
    models = list(dict.fromkeys(str(row.get("model")) for row in rows))
    return f"{len(rows)} row(s) of " + (", ".join(models[:3]) + (" ..." if len(models) > 3 else "") or "nothing")
