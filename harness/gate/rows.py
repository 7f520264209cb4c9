"""The rows of two results, matched: which records stand for a row on either side, and what has no counterpart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.gate.contents import FAILURE
from harness.gate.findings import ACCURACY, NOT_COMPARABLE, WORSE, Finding
from harness.gate.reading import File
from harness.gate.sides import RECORD, Side
from harness.record import evaluated_on
from harness.report.noise import same_but_for_seed

WHOLE = "all"
"""The metric of findings that hold for a row as a whole."""


@dataclass(frozen=True)
class Row:
    """A row on one side."""

    file: File
    """The record that stands for it."""
    seeds: tuple[dict[str, Any], ...]
    """Trainings that differ from it in nothing but the seed, by seed, itself included."""

    @property
    def record(self) -> dict[str, Any]:
        """The record's data."""
        return self.file.data

    @property
    def folder(self) -> Path:
        """Where its predictions and resampled figures lie."""
        return self.file.path.parent


@dataclass(frozen=True)
class RowPair:
    """A row on both sides."""

    name: str
    base: Row
    candidate: Row

    @property
    def one_measurement(self) -> bool:
        """Whether both sides are the very same record."""
        return self.base.record == self.candidate.record


def match_rows(base: Side, candidate: Side) -> tuple[list[RowPair], list[Finding], list[str]]:
    """Pairs of rows, findings for the rows that cannot be paired, and notes.

    Rows are matched by table, profile and row; a record that was named alone stands for its row, and two such for each
    other whatever their rows are called. Of several records of a row the newest counts, on the candidate's side the
    newest on the same images; where the seeds of the two differ and one is on both sides, it is compared with itself.
    """
    before, after = _by_name(base.rows), _by_name(candidate.rows)
    if base.kind == candidate.kind == RECORD and before.keys() != after.keys():
        (one, files), (other, others) = *before.items(), *after.items()
        before, after = {f"{one} -> {other}": files}, {f"{one} -> {other}": others}
    elif RECORD in (base.kind, candidate.kind):
        alone = before if base.kind == RECORD else after
        before, after = ({name: files for name, files in side.items() if name in alone} for side in (before, after))
    pairs, findings, notes = [], [], []
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            findings.append(_apart(name, f"only in the base ({base.name})"))
            notes.append(f"{name} is in the base only: nothing says how it is now")
        elif name not in before:
            notes.append(f"{name} is in the candidate only: there is nothing to hold it against")
        else:
            found = _pair(name, before[name], after[name])
            if isinstance(found, RowPair):
                pairs.append(found)
            else:
                findings.append(found)
    return pairs, findings, notes


def row_name(data: dict[str, Any]) -> str:
    """A record's row with its table and profile."""
    return "/".join(str(data.get(name) or "?") for name in ("table", "profile", "row"))


def _by_name(files: Sequence[File]) -> dict[str, list[File]]:
    found: dict[str, list[File]] = {}
    for file in files:
        found.setdefault(row_name(file.data), []).append(file)
    return found


def _pair(name: str, before: list[File], after: list[File]) -> RowPair | Finding:
    old = _newest(before)
    new = _newest([file for file in after if evaluated_on(file.data) == evaluated_on(old.data)] or after)
    failed = [f"the {side} failed: {file.data['error']}" for side, file in (("base", old), ("candidate", new))
              if file.kind == FAILURE]
    if failed and old.kind != FAILURE:
        return _apart(name, f"it ran in the base, and {failed[0]}", WORSE)
    if failed:
        return _apart(name, "; ".join(failed))
    pair = RowPair(name, _row(old, before), _row(new, after))
    return _with_one_seed(pair, before, after)


def _newest(files: Sequence[File]) -> File:
    """The newest record or failure: unlike a table, a gate must not judge what failed by what it was before."""
    return max(files, key=lambda file: str(file.data["created"]))


def _row(file: File, files: Sequence[File]) -> Row:
    records = [one.data for one in files if one.kind != FAILURE]
    return Row(file, tuple(same_but_for_seed(file.data, records)))  # type: ignore[arg-type]  # they are dicts


def _with_one_seed(pair: RowPair, before: Sequence[File], after: Sequence[File]) -> RowPair:
    """The pair with records of one seed, where both sides have one in common."""
    if pair.base.record.get("seed") == pair.candidate.record.get("seed"):
        return pair
    old, new = ({record["seed"]: record for record in row.seeds} for row in (pair.base, pair.candidate))
    common = [seed for seed in old if seed in new]
    if not common:
        return pair
    seed = common[0]
    return replace(pair, base=replace(pair.base, file=_file_of(old[seed], before)),
                   candidate=replace(pair.candidate, file=_file_of(new[seed], after)))


def _file_of(record: dict[str, Any], files: Sequence[File]) -> File:
    return next(file for file in files if file.data is record)


def _apart(name: str, reason: str, verdict: str = NOT_COMPARABLE) -> Finding:
    return Finding(name, WHOLE, ACCURACY, verdict, reason)
