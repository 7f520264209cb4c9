"""What a report is made of: results of rows in, comparisons and notes out. Plain data, nothing is run or read here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.published import PublishedRow
from harness.report.verdicts import VERDICTS, Verdict
from harness.statistics import Spread

if TYPE_CHECKING:
    from harness.report.differences import RowDifference

MEASURED, STAND_IN, CITED, FAILED, MISSING = "measured", "stand-in", "cited", "failed", "missing"
STATUSES = (MEASURED, STAND_IN, CITED, FAILED, MISSING)

BANNER = "Stand-ins: small models trained on drawn people; these numbers say nothing about the published systems."
"""The first line of every rendering of a table with stand-ins, unless the profile has a banner of its own."""
OTHER_BANNER = ("Stand-ins: other models, data or schedules than the published systems'; these numbers say nothing "
                "about them.")
"""The same where not all of them were trained on the profile's own data."""


@dataclass(frozen=True)
class RowResult:
    """A row of the table and what became of it."""

    row: Mapping[str, Any]
    """The row as its table's YAML file has it."""
    status: str
    """measured: the table's own system, data and protocol; stand-in: anything smaller; cited: not run here, with a
    reason in the row; failed: a run ended in an error; missing: runnable, but not run yet."""
    record: Mapping[str, Any] | None = None
    """The record, or the failure (with `error`) of a failed row."""
    log: str | Path | None = None
    stale: bool = False
    """The record was made by other code than there is now."""
    published: tuple[PublishedRow, ...] = ()
    """The row's published numbers, the table's own first."""
    seeds: tuple[Mapping[str, Any], ...] = ()
    """Records of trainings that differ from `record` in nothing but the seed, itself included; () for itself alone."""
    samples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Part -> metric -> (B,) the record's resampled figures, where they are at hand."""
    other_samples: tuple[Mapping[str, Mapping[str, Any]], ...] = ()
    """The same of each of `seeds`, in their order; () where the record stands alone."""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status {self.status!r} of row {self.row['id']} is none of {', '.join(STATUSES)}")
        if self.measured and self.record is None:
            raise ValueError(f"row {self.row['id']} is {self.status} but has no record")

    @property
    def measured(self) -> bool:
        """Whether there are numbers of our own, faithful or not."""
        return self.status in (MEASURED, STAND_IN)

    def get(self, *path: str) -> Any:
        """A value of the record by its path, None where any step is missing."""
        value: Any = self.record
        for name in path:
            if not isinstance(value, Mapping):
                return None
            value = value.get(name)
        return value

    @property
    def trainings(self) -> tuple[Mapping[str, Any], ...]:
        """The records that count: those of all seeds, or the one there is."""
        return self.seeds or ((self.record,) if self.record else ()) if self.measured else ()

    @property
    def seed_samples(self) -> tuple[Mapping[str, Mapping[str, Any]], ...]:
        """The resampled figures of each of `trainings`."""
        return self.other_samples if len(self.seeds) > 1 else (self.samples,)

    def value(self, part: str, metric: str) -> float | None:
        """The measured value of a part, a fraction, or None."""
        return self.get("metrics", "parts", part, metric) if self.measured else None

    def seed_values(self, part: str, metric: str) -> list[float]:
        """What every training seed gave for a part, under the noise that the published network draws at test time.

        A seed's value is the mean of its repeated evaluations with that noise on, where all seeds have such; without
        them it is the value itself, which is free of that noise. Empty where nobody has the part.
        """
        repeated = [repeats_of(record, part, metric) for record in self.trainings]
        if all(repeated):
            return [math.fsum(values) / len(values) for values in repeated]
        plain = [record["metrics"]["parts"].get(part, {}).get(metric) for record in self.trainings]
        return [value for value in plain if value is not None]

    def mean(self, part: str, metric: str) -> float | None:
        """The mean of `seed_values`, which is held against printed numbers; None where there is none."""
        values = self.seed_values(part, metric)
        return math.fsum(values) / len(values) if values else None

    @property
    def averaged(self) -> str | None:
        """What `mean` is over, in words; None where it is the measured value itself."""
        if len(self.seeds) > 1:
            return f"mean, {len(self.seeds)} seeds"
        repeats = len(self.get("evaluation_noise", "repeats") or ()) if self.measured else 0
        return f"mean, {repeats} repeats" if repeats else None

    def interval(self, part: str, metric: str) -> tuple[float, float] | None:
        """Low and high of a measured value, or None."""
        pair = self.get("intervals", "parts", part, metric) if self.measured else None
        return (float(pair[0]), float(pair[1])) if pair else None


def repeats_of(record: Mapping[str, Any], part: str, metric: str) -> list[float]:
    """The values of a part in the repeated evaluations of a record."""
    repeats = (record.get("evaluation_noise") or {}).get("repeats") or ()
    return [repeat[part][metric] for repeat in repeats if repeat.get(part, {}).get(metric) is not None]


@dataclass(frozen=True)
class Comparison:
    """One cell: a row's part and metric against one published source. `verdict` is None where nothing was run."""

    part: str
    metric: str
    source: PublishedRow | None
    published: float | None
    measured: float | None
    interval: tuple[float, float] | None
    verdict: Verdict | None
    training: Spread | None = None
    """The spread of the row's own training seeds, None for fewer than two."""
    evaluation: Spread | None = None
    """The spread of repeated evaluations, None where it is not known."""


@dataclass(frozen=True)
class RowReport:
    """A row with all its comparisons, source by source in the order of `result.published`."""

    result: RowResult
    comparisons: tuple[Comparison, ...]
    best: frozenset[tuple[str, str]] = frozenset()
    """The cells whose measured value is not worse than the best beyond the paired interval: bold."""

    def against(self, source_row: str | None) -> tuple[Comparison, ...]:
        """The comparisons with one published row (None: those of a row that has no published numbers)."""
        return tuple(c for c in self.comparisons if (c.source.id if c.source else None) == source_row)

    @property
    def first(self) -> tuple[Comparison, ...]:
        """The comparisons with the table's own printed line."""
        return self.against(self.result.published[0].id if self.result.published else None)

    @property
    def verdict(self) -> str | None:
        """The verdict of the row: that of its headline against the table's own printed line; None if not run."""
        cell = self.headline(self.result.published[0].id) if self.result.published else None
        return cell.verdict.verdict if cell and cell.verdict else None

    def headline(self, source_row: str | None) -> Comparison | None:
        """The cell that sums up a source: whole-body AP, or the first measured cell where there is none (LSP)."""
        cells = self.against(source_row)
        whole = [c for c in cells if (c.part, c.metric) == ("wholebody", "AP")]
        measured = [c for c in cells if c.measured is not None]
        return next((c for c in (*(c for c in whole if c.measured is not None), *measured, *whole)), None)


@dataclass(frozen=True)
class Note:
    """A line below the table; `row` is the title of the row it belongs to, None for the table."""

    row: str | None
    kind: str
    """marks | reading | open | doubtful | run | gap | data | deviation | empty | failed | cited | stale | interval |
    spread | machine | record | settings"""
    text: str


@dataclass(frozen=True)
class TableReport:
    """A finished table: what every rendering shows, each in its own form."""

    table: Mapping[str, Any]
    profile: Mapping[str, Any]
    banner: str | None
    rows: tuple[RowReport, ...]
    notes: tuple[Note, ...]
    differences: tuple[RowDifference, ...] = ()
    """Rows against each other, pair by pair and column by column, where the table asks for it."""
    damaged: tuple[str, ...] = ()
    """A line for each record that could not be read."""

    @property
    def name(self) -> str:
        """The table's name, also of its files."""
        return str(self.table["name"])

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Part and metric of every column, in order."""
        return tuple((part, metric) for part in self.table["parts"] for metric in self.table["metrics"])

    @property
    def summary(self) -> str:
        """One sentence: how many rows came out how."""
        counts = {status: sum(r.result.status == status for r in self.rows) for status in STATUSES}
        words = {MEASURED: "measured", STAND_IN: "run as stand-ins", CITED: "cited only", FAILED: "failed",
                 MISSING: "not run yet"}
        said = {status: f"{counts[status]} {words[status]}" for status in STATUSES if counts[status]}
        outcomes = [r.verdict for r in self.rows if r.result.status == MEASURED and r.verdict]
        judged = ", ".join(f"{outcomes.count(v)} {v}" for v in VERDICTS if v in outcomes)
        if judged:
            said[MEASURED] += f" ({judged})"
        return f"{len(self.rows)} system{'s' * (len(self.rows) != 1)}: {', '.join(said.values())}."
