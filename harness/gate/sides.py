"""The sides of a comparison as a user names them: results on disk, a baseline, or code that is to be measured."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.gate import contents
from harness.gate.contents import origin
from harness.gate.reading import File, read_file, read_folder
from harness.gate.revisions import HERE
from harness.profiling.revision import ROOT
from harness.profiling.revision import resolve as resolve_revision

RECORD, RESULTS, PROFILE, BENCHMARKS = "record", "results", "profile", "benchmarks"
REVISION, WORKTREE = "revision", "worktree"
STORED = (RECORD, RESULTS, PROFILE, BENCHMARKS)
"""Kinds that lie on disk; the others are measured."""
KIND_OF_FILE = {contents.RECORD: RECORD, contents.FAILURE: RECORD, contents.PROFILE: PROFILE, contents.SUITE: PROFILE,
                contents.BENCHMARK: BENCHMARKS}

BASELINE = "baseline:"
"""Before a name, says that a baseline is meant."""
CHOICES = ("a row's record or folder, a results folder, a record of `harness profile`, a file or folder of "
           "pytest-benchmark, a baseline, a commit, branch or tag, or . for the working tree")

FindBaseline = Callable[[str], Path | None]


@dataclass(frozen=True)
class Side:
    """One side of a comparison."""

    name: str
    """As the user gave it."""
    kind: str
    """One of STORED, REVISION or WORKTREE. A folder of several kinds is RESULTS."""
    path: Path | None = None
    """Of what is stored."""
    commit: str | None = None
    """Of a revision."""
    baseline: bool = False
    """Whether the name is a baseline's."""
    files: tuple[File, ...] = ()
    """Of what is stored: everything that can be compared."""

    @property
    def stored(self) -> bool:
        """Whether it lies on disk."""
        return self.kind in STORED

    def of_kind(self, *kinds: str) -> list[File]:
        """The files of some kinds (those of `harness.gate.contents`)."""
        return [file for file in self.files if file.kind in kinds]

    @property
    def rows(self) -> list[File]:
        """Records and failures of rows."""
        return self.of_kind(contents.RECORD, contents.FAILURE)

    @property
    def profiles(self) -> list[File]:
        """Records of `harness profile`; of a suite, one for each group."""
        groups = [File(file.path, contents.PROFILE, group) for file in self.of_kind(contents.SUITE)
                  for group in file.data["groups"].values()]
        return self.of_kind(contents.PROFILE) + groups

    @property
    def benchmarks(self) -> list[File]:
        """Files of pytest-benchmark."""
        return self.of_kind(contents.BENCHMARK)

    @property
    def commits(self) -> list[str]:
        """Of all files, as far as they state one, by time."""
        origins = sorted((origin(file.data, file.kind) for file in self.files), key=lambda one: one.created)
        return list(dict.fromkeys(one.commit for one in origins if one.commit))

    def describe(self) -> dict[str, Any]:
        """As a comparison's side: name, kind and, of the newest file, where its figures come from."""
        facts: dict[str, Any] = {"name": self.name, "kind": self.kind}
        if self.baseline:
            facts["baseline"] = True
        if not self.stored:
            return facts | {"commit": self.commit}
        measured = [file for file in self.files if file.kind != contents.FAILURE] or self.files
        newest = max((origin(file.data, file.kind) for file in measured), key=lambda one: one.created)
        return facts | {"commit": newest.commit, "dirty": newest.dirty, "machine": newest.machine,
                        "created": newest.created}


def resolve(text: str, root: Path = ROOT, find_baseline: FindBaseline | None = None) -> Side:
    """What a text names: a path that exists, else a baseline, else a revision of the checkout `root`.

    `find_baseline` gives the folder of a baseline's files, or None. Raises UserError, one line, for a text that names
    nothing or two things, and for what cannot be read.
    """
    if text == HERE:
        if not (root / ".git").exists():
            raise UserError(f"{HERE}: {root} is not a git checkout, so there is no working tree to measure")
        return Side(text, WORKTREE)
    if os.path.exists(text):
        return open_side(text, Path(text))
    meant = text.startswith(BASELINE)
    folder = find_baseline(text.removeprefix(BASELINE)) if find_baseline else None
    commit = None if meant else _commit(text, root)
    if folder is not None and commit is not None:
        raise UserError(f"{text} is a baseline and a revision ({commit[:7]}): write {BASELINE}{text} or the commit")
    if folder is not None:
        return open_side(text, folder, baseline=True)
    if commit is not None:
        return Side(text, REVISION, commit=commit)
    if meant:
        raise UserError(f"{text}: there is no baseline of that name")
    raise UserError(f"'{text}': no such file or folder, no baseline, and no commit in {root} (choices: {CHOICES})")


def _commit(text: str, root: Path) -> str | None:
    try:
        return resolve_revision(text, root)
    except (UserError, ValueError):  # ValueError: no process takes an argument with a null byte
        return None


def open_side(name: str, path: Path, baseline: bool = False) -> Side:
    """The side that a file or folder is. Raises UserError for what holds nothing to compare, or is damaged."""
    if path.is_dir():
        files = tuple(read_folder(path))
        if not files:
            raise UserError(_nothing_in(path))
    elif path.is_file():
        files = (_named(path),)
    else:
        raise UserError(f"{path} is neither a file nor a folder (choices: {CHOICES})")
    return Side(name, _kind(path, files), path, baseline=baseline, files=files)


def _kind(path: Path, files: tuple[File, ...]) -> str:
    kinds = {KIND_OF_FILE[file.kind] for file in files}
    if len(kinds) > 1:
        return RESULTS
    kind = kinds.pop()
    one_row = path.is_file() or all(file.path.parent == path for file in files)
    return RESULTS if kind == RECORD and not one_row else kind


def _named(path: Path) -> File:
    """A file that the user named: it must be something to compare."""
    file = read_file(path)
    if file is None:
        raise UserError(f"{path} is nothing that can be compared (choices: {CHOICES})")
    if file.kind == contents.COMPARISON:
        raise UserError(f"{path} is a comparison already: name the two sides that it compares")
    return file


def _nothing_in(folder: Path) -> str:
    try:
        empty = not any(folder.iterdir())
    except OSError as error:
        return f"cannot read {folder}: {error.strerror}"
    if empty:
        return f"{folder} is an empty folder"
    return f"{folder} holds no record of a row, no profile and no file of pytest-benchmark"
