"""Everything that lies on disk and may have a row's figures: results folders and baselines, each content once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.errors import UserError
from harness.gate import baselines
from harness.gate.contents import BENCHMARK, COMPARISON, PROFILE, RECORD, SUITE, json_files
from harness.gate.findings import Comparison
from harness.gate.history.comparisons import of_comparison
from harness.gate.history.measurements import Link, Measurement, Unplaced
from harness.gate.history.records import of_record
from harness.gate.history.timings import of_benchmarks, of_profile
from harness.gate.reading import File, parse_file

Skip = Callable[[str], None]
"""Told, in a line, of each file that cannot be used."""


def files_in(folders: Iterable[Path], store: Path, skip: Skip) -> Iterator[tuple[File, str]]:
    """Every file of ours, with where it lies in words. What is in a baseline and in a folder comes once.

    Records that a later run set aside (`record-1.old.json`) are part of the history. Of baselines all versions are.
    What is damaged goes to `skip`.
    """
    seen: set[str] = set()
    for place, path, read in [*_of_folders(folders), *_of_baselines(store, skip)]:
        try:
            text = read()
            address = hashlib.sha256(text).hexdigest()
            if address in seen:
                continue
            seen.add(address)
            file = parse_file(text, path)
        except UserError as error:
            skip(str(error))
            continue
        if file is not None:
            yield file, place


Content = tuple[str, Path, Callable[[], bytes]]


def _of_folders(folders: Iterable[Path]) -> Iterator[Content]:
    for folder in folders:
        for path in json_files(folder):
            yield str(path), path, lambda path=path: _read(path)  # type: ignore[misc]  # bound now, not when called


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error


def _of_baselines(store: Path, skip: Skip) -> Iterator[Content]:
    for name in baselines.names(store):
        try:
            versions = baselines.history(name, store)
        except UserError as error:
            skip(str(error))
            continue
        for version in versions:
            title = f"{name}@{version.version}" if version.versions > 1 else name
            for one in version.manifest["files"]:
                path = one["path"]
                if path.endswith(".json"):
                    yield (f"baseline {title}: {path}", Path(f"baseline:{title}") / path,
                           lambda version=version, path=path: version.read(path))  # type: ignore[misc]


def measurements(file: File, metric: str, place: str) -> list[Measurement | Link | Unplaced]:
    """What a file says of a metric. Raises UserError naming the file where it lacks what it must have."""
    try:
        found = list(_of_file(file, metric, place))
        for one in found:
            if not isinstance(one, Unplaced):
                _check(one)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, ArithmeticError) as error:
        raise UserError(f"{place} is damaged: {type(error).__name__}: {error}") from error
    return found


def _check(one: Measurement | Link) -> None:
    """Raises ValueError or TypeError for what is of another kind than it should be."""
    numbers = one.log_ratios if isinstance(one, Link) else [x for x in (one.value, one.low, one.high) if x is not None]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"a figure of {one.title} is not finite")
    for commit in (one.base, one.candidate) if isinstance(one, Link) else (one.commit,):
        if commit is not None and not isinstance(commit, str):
            raise TypeError(f"commit {commit} is no text")


def _of_file(file: File, metric: str, place: str) -> Iterator[Measurement | Link | Unplaced]:
    if file.kind == RECORD:
        yield from of_record(file.data, metric, place)
    elif file.kind == PROFILE:
        yield from of_profile(file.data, metric, place)
    elif file.kind == SUITE:
        for group in file.data["groups"].values():
            yield from of_profile(group, metric, place)
    elif file.kind == BENCHMARK:
        yield from of_benchmarks(file, metric, place)
    elif file.kind == COMPARISON:
        yield from of_comparison(Comparison.from_json(file.data, place), metric, place)
