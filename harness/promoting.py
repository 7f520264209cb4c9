"""Results that are published on purpose: records with what judging them needs, without a word of the machine's paths.

The target is a results folder like any other: `harness report TABLE --results TARGET` prints it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.errors import UserError
from harness.files import atomic_write
from harness.gate.contents import RECORD
from harness.gate.selection import Selection, select
from harness.record import parse_record
from harness.report.write import PROMOTED
from harness.shareable import machine_paths, shareable, without

TABLE_FILES = (".md", ".tex", ".csv", ".json")
"""A table beside its rows, as `harness run` leaves it."""

NOTE = """# Promoted results

Copied here by `harness results promote`, to be kept with the code. `harness report` shows these records and leaves the
files as they are.
"""
"""Marks a folder of a table and profile, as PROMOTED."""


@dataclass(frozen=True)
class Promoted:
    """What was written."""

    records: list[str]
    """The title of each."""
    files: int
    size: int
    """Bytes."""
    same: int
    """Files that lay there already."""


def promote(source: Path, target: Path, *, force: bool = False, predictions: bool | None = None) -> Promoted:
    """Copy the records of a results folder, or a part of it, with their arrays and tables.

    `predictions`: as `select`. `force`: also what was measured with uncommitted changes, and over other files.
    Raises UserError where one folder is in the other, for nothing to promote, for records of no commit (without
    `force`), and for files in the target that differ (without `force`): before anything is written.
    """
    inside, outside = target.resolve(), source.resolve()
    if inside.is_relative_to(outside) or outside.is_relative_to(inside):
        raise UserError(f"--to {target}: it is, or lies in, or holds {source}, whose records must stay as they are")
    chosen = select(source, predictions)
    titles = [entry["title"] for entry in chosen.contents if entry["kind"] == RECORD]
    if not titles:
        raise UserError(f"{source}: there is no record in it to promote")
    if not force:
        check_commits(chosen)
    files = dict(sorted(_contents(chosen).items(), key=lambda item: item[0].endswith("record.json")))  # records last
    there = [path for path in files if (target / path).is_file()]
    changed = [path for path in there if (target / path).read_bytes() != files[path]]
    if changed and not force:
        raise UserError(f"{target / changed[0]} is there with other content{_and(len(changed))}; --force writes over "
                        "it")
    new = {path: data for path, data in files.items() if path in changed or path not in there}
    for path, data in new.items():
        with atomic_write(target / path) as file:
            file.write(data)
    return Promoted(titles, len(new), sum(map(len, new.values())), len(files) - len(new))


def check_commits(chosen: Selection) -> None:
    """Raises UserError where a record is of code that no commit has: nobody could make it again."""
    bad = [entry["title"] for entry in chosen.contents if entry["kind"] == RECORD
           and (entry["commit"] is None or entry["dirty"])]
    if bad:
        raise UserError(f"{bad[0]} was measured with code that is in no commit{_and(len(bad))}; commit and run "
                        "again, or promote it all the same with --force")


def _and(number: int) -> str:
    return f", as {number - 1} more" if number > 1 else ""


def _contents(chosen: Selection) -> dict[str, bytes]:
    """Path in the target -> content."""
    found = dict(chosen.read())
    places = {file.path: file.source for file in chosen.files if file.path.endswith("record.json")}
    records = {path: parse_record(found[path], source) for path, source in places.items()}
    hidden: dict[str, str] = {}
    for path, record in records.items():
        results = places[path].resolve().parents[3]
        hidden |= machine_paths(record) | {str(results): results.name}
    for path, record in records.items():
        text = json.dumps(shareable(record), indent=2, allow_nan=False, ensure_ascii=False)
        found[path] = f"{text}\n".encode()
    for place, folder in {PurePosixPath(path).parents[1]: source.parents[1] for path, source in places.items()}.items():
        for file in sorted(folder.iterdir()):
            if file.is_file() and file.suffix in TABLE_FILES:
                text = from_results(file.read_text(encoding="utf-8"), place)
                found[f"{place}/{file.name}"] = without(text, hidden).encode()
        found[f"{place}/{PROMOTED}"] = NOTE.encode()
    return found


def from_results(text: str, place: PurePosixPath) -> str:
    """A table's text with the paths of logs and trainings from the results folder on, wherever that was when it was
    written; `place` is the table's and profile's part of them."""
    folders = "/".join(re.escape(name).replace("_", r"\\?_") for name in place.parts[-2:])  # LaTeX has \_
    text = re.sub(rf'(\(log: |"log": ")[^)"\n]*/({folders}/[^/)"\n]+/log\.txt)', r"\1\2", text)
    return re.sub(r'("file": ")[^"\n]*/(trainings/[^"\n]+")', r"\1\2", text)
