"""The published files for a table's rows, looked for by name in a folder. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.registry import OPENMMLAB
from harness.zoo.container import SUFFIX, read_meta
from harness.zoo.known import KnownFile, checked_hash, known_files

OPTION = "--weights-dir"


@dataclass(frozen=True)
class Found:
    """What a folder has for a row."""

    row: str
    files: tuple[KnownFile, ...]
    """The files that are known for the row, the one of the row's first published numbers first."""
    paths: tuple[Path, ...]
    """Those that are there, checked, in the same order: the first is evaluated."""
    file: KnownFile | None
    """The known file that the first of `paths` is."""

    @property
    def missing(self) -> str | None:
        """Why the row is not evaluated; None where it is."""
        if self.paths:
            return None
        if not self.files:
            return "no published weights of it are known"
        return f"its weights are not there (looked for {', '.join(file.name for file in self.files)})"


def find(table: str, rows: Iterable[Mapping[str, Any]], folder: Path) -> dict[str, Found]:
    """What a folder has for each of a table's rows, under a file's published name, or imported from it under the same
    name but for `.safetensors`.

    Raises UserError where the folder is not there or has nothing for any row, and for a file that is not what its name
    says.
    """
    if not folder.is_dir():
        raise UserError(f"{OPTION} {folder}: there is no such folder")
    found = {str(row["id"]): _for_row(table, row, folder) for row in rows}
    names = dict.fromkeys(file.name for one in found.values() for file in one.files)
    if not names:
        raise UserError(f"{OPTION}: no published weights are known for rows of {table} (`harness weights list`)")
    if not any(one.paths for one in found.values()):
        raise UserError(f"{OPTION} {folder}: no known file is there; looked for {', '.join(names)} "
                        "(--weights ROW=FILE evaluates any other)")
    return found


def _for_row(table: str, row: Mapping[str, Any], folder: Path) -> Found:
    place, name = f"{table}/{row['id']}", str(row["id"])
    files = [file for file in known_files().values()
             if place in file.rows or (name.startswith(OPENMMLAB) and file.model == name)]
    files.sort(key=lambda file: _rank(file, row.get("published") or ()))
    there = [(file, path) for file in files if (path := _look(file, folder)) is not None]
    return Found(name, tuple(files), tuple(path for _, path in there), there[0][0] if there else None)


def _rank(file: KnownFile, published: Sequence[str]) -> int:
    return min((published.index(name) for name in file.expected if name in published), default=len(published))


def _look(file: KnownFile, folder: Path) -> Path | None:
    path, imported = folder / file.name, (folder / file.name).with_suffix(SUFFIX)
    if path.is_file():
        checked_hash(path)
        return path
    if not imported.is_file():
        return None
    source = (read_meta(imported) or {}).get("source") or {}
    if source.get("file") != file.name or not str(source.get("sha256")).startswith(file.sha256 or ""):
        raise UserError(f"weights file {imported} does not say that it was imported from {file.name}; "
                        "`harness weights import` makes such a file")
    return imported
