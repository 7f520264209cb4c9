"""What one file says of one metric: a value with its commit, and the conditions without which it means nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.gate.calibration import COUNTED
from harness.gate.contents import machine_title
from harness.gate.pairs import Pair


@dataclass(frozen=True)
class Measurement:
    """A value, or two of which only the ratio is known. Values of other conditions are never held against it."""

    title: str
    """What was measured, in words."""
    names: tuple[str, ...]
    """Other names that a user may give it, shortest first."""
    conditions: Mapping[str, str]
    """What must be equal for two values to be comparable, by name."""
    value: float
    commit: str | None
    """Of the code that was measured; None where the file states none."""
    dirty: bool
    """Whether that code had changes that are in no commit."""
    created: str
    """When it was measured, ISO 8601, UTC."""
    source: str
    """The file, or the baseline and the file in it."""
    low: float | None = None
    """Of the 95 % interval of the value, as `high`; None where there is none."""
    high: float | None = None
    tolerance: float | None = None
    """Values that differ by more, relative, are different. None: there is noise, and a test must tell."""
    environment: str = ""
    """Where this differs, what holds without noise in one environment has noise after all."""


@dataclass(frozen=True)
class Link:
    """Two commits measured in turn on one machine: their ratio, from pairs of fresh processes."""

    title: str
    names: tuple[str, ...]
    conditions: Mapping[str, str]
    base: str
    """Commit, as `candidate`."""
    candidate: str
    created: str
    source: str
    pairs: tuple[Pair, ...] = field(repr=False)
    row: str
    """By which the pairs know it."""
    band: float
    """Changes of the time up to this share count as the same on that machine."""

    @property
    def log_ratios(self) -> list[float]:
        """Logarithms of candidate over base."""
        return [found[self.row] for pair in self.pairs if self.row in (found := pair.log_ratios())]


@dataclass(frozen=True)
class Unplaced:
    """A gate with a side whose code is in no commit: it is a ratio, but to nothing that a history could name."""

    title: str
    names: tuple[str, ...]
    conditions: Mapping[str, str]
    created: str
    source: str


def machine_conditions(machine: Mapping[str, Any], device: str | None, threads: Any, torch: Any) -> dict[str, str]:
    """What a machine's fingerprint is made of (see `harness.gate.calibration`), as conditions."""
    facts = {"machine": machine_title(dict(machine)), **{name: machine.get(name) for name in COUNTED},
             "device": device, "threads": threads, "torch": torch}
    return {name: str(value) for name, value in facts.items() if value is not None}


def short_names(title: str) -> tuple[str, ...]:
    """By which a user may call what a comparison or a file of benchmarks names: without the conditions, or the file."""
    network = title.split(",")[0]
    found = (network.split(" ")[0], network, title.rpartition("::")[2])
    return tuple(dict.fromkeys(name for name in found if name and name != title))
