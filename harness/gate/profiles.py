"""The rows of two records of `harness profile`, or of several of each, matched by what was measured and the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.gate.conditions import machine_differences
from harness.gate.contents import machine_title
from harness.gate.findings import NOT_COMPARABLE, SPEED, Finding
from harness.gate.reading import File
from harness.gate.rows import WHOLE
from harness.profiling.subjects import current_mode
from harness.profiling.words import size


@dataclass(frozen=True)
class Profiled:
    """A row of a record of `harness profile`, with its record."""

    row: dict[str, Any]
    record: dict[str, Any]

    @property
    def device(self) -> str:
        """cpu or cuda."""
        return str(self.record["settings"].get("device"))

    @property
    def machine(self) -> str:
        """In words, with what else of it moves the figures."""
        threads = f", {self.record['settings'].get('threads')} threads" if self.device == "cpu" else ""
        return f"{machine_title(self.record['machine'])}{threads}, {self.device}"


@dataclass(frozen=True)
class ProfiledPair:
    """The same work on both sides."""

    name: str
    base: Profiled
    candidate: Profiled

    @property
    def one_measurement(self) -> bool:
        """Whether both sides are the very same row of the very same record."""
        return (self.base.row, self.base.record.get("created")) == (self.candidate.row,
                                                                    self.candidate.record.get("created"))

    @property
    def differences(self) -> list[str]:
        """Why times and memory of the two may not be compared."""
        if self.base.device != self.candidate.device:
            return [f"device: {self.base.device}, then {self.candidate.device}"]
        settings = self.base.record["settings"], self.candidate.record["settings"]
        found = machine_differences(self.base.record["machine"], self.candidate.record["machine"], self.base.device,
                                    (settings[0].get("threads"), settings[1].get("threads")))
        images = [one.get("images") for one in settings]
        return found + ([f"images: {images[0]}, then {images[1]}"] if images[0] != images[1] else [])


def match_profiles(base: Sequence[File], candidate: Sequence[File]) -> tuple[list[ProfiledPair], list[Finding],
                                                                             list[str]]:
    """Pairs of rows, findings for what the candidate lacks or either side failed at, and notes.

    The same work on the same machine belongs together, of several records the newest; what has no such counterpart is
    held against the same work elsewhere, which is then not comparable.
    """
    before, after = _newest(base), _newest(candidate)
    several = len({machine for _, machine in [*before, *after]}) > 1
    pairs, findings = [], []
    left = {key: row for key, row in after.items() if key not in before}
    for key, row in before.items():
        name = f"{key[0]}, {key[1]}" if several else key[0]
        other = after.get(key)
        elsewhere = next((one for one in left if one[0] == key[0]), None)
        if other is None and elsewhere is not None:
            other = left.pop(elsewhere)
        if other is None:
            findings.append(Finding(name, WHOLE, SPEED, NOT_COMPARABLE, "only in the base"))
            continue
        failed = [f"{side}: {one.row['status']}" for side, one in (("base", row), ("candidate", other))
                  if one.row["status"] != "measured"]
        if failed:
            findings.append(Finding(name, WHOLE, SPEED, NOT_COMPARABLE, "; ".join(failed)))
        else:
            pairs.append(ProfiledPair(name, row, other))
    notes = [f"{', '.join(key)}, is in the candidate only: there is nothing to hold it against" for key in left]
    return pairs, findings, notes


def _newest(files: Sequence[File]) -> dict[tuple[str, str], Profiled]:
    """By title and machine."""
    found: dict[tuple[str, str], Profiled] = {}
    for file in sorted(files, key=lambda file: str(file.data.get("created"))):
        for row in file.data["rows"]:
            one = Profiled(row, file.data)
            found[title(row), one.machine] = one
    return found


def title(row: dict[str, Any]) -> str:
    """What was measured, without what came of it (such as the path that was taken)."""
    words = [row["model"], size(row["input"]), f"batch {row['batch']}", row["precision"], current_mode(row["mode"])]
    if row["what"] != "inference":
        words[-1] = row["what"] if words[-1] == "eager" else f"{row['what']} {words[-1]}"
    return " ".join(words) + (f" of {row['revision'][:7]}" if row.get("revision") else "")
