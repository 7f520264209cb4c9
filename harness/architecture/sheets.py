"""The report of a table of architectures, and its sheets: tables of texts that every rendering shows alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.architecture.audit import Finding, audit, divisors, grid_words, stages_of
from harness.architecture.printed import printed_facts
from harness.published import Fact
from harness.report import words
from harness.report.model import CITED, FAILED, MEASURED, MISSING, Note, RowResult
from harness.report.notes import marks

NETWORKS = {"classifier": "classifier", "pose": "pose"}
SETTINGS = {"reduction": "R", "heads": "N", "expansion": "E", "channels": "C"}
"""Settings of a stage by the letters that Table S1 has for them."""


@dataclass(frozen=True)
class Sheet:
    """A table of texts; `numeric` columns are set flush right. Headings may have two lines."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    groups: tuple[int, ...] = ()
    """Rows before which a group begins."""


@dataclass(frozen=True)
class ArchitectureReport:
    """A finished table of architectures."""

    table: Mapping[str, Any]
    profile: Mapping[str, Any]
    rows: tuple[RowResult, ...]
    findings: tuple[Finding, ...]
    notes: tuple[Note, ...]
    damaged: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The table's name, also of its files."""
        return str(self.table["name"])

    @property
    def summary(self) -> str:
        """One sentence: how many systems were measured, and what was found."""
        counts = {status: sum(row.status == status for row in self.rows)
                  for status in (MEASURED, FAILED, MISSING, CITED)}
        said = {MEASURED: "measured", FAILED: "failed", MISSING: "not run yet", CITED: "cited only"}
        text = ", ".join(f"{count} {said[status]}" for status, count in counts.items() if count)
        found = len(self.findings)
        return (f"{len(self.rows)} system{'s' * (len(self.rows) != 1)}: {text}; "
                f"{found or 'no'} finding{'s' * (found != 1)}.")


def build_report(table: Mapping[str, Any], profile: Mapping[str, Any], rows: Sequence[RowResult],
                 damaged: Sequence[str] = (), others: Sequence[str] = ()) -> ArchitectureReport:
    """Hold every measured row against its published facts. Raises UserError for facts that are not there."""
    measured = [(title_of(row), row.record, printed_facts(row.row)) for row in rows if row.record and row.measured]
    findings = audit(measured, table["published_convention"])
    return ArchitectureReport(table, profile, tuple(rows), findings, tuple(_notes(table, rows, others)), tuple(damaged))


def title_of(row: RowResult) -> str:
    """A row's title."""
    return str(row.row["title"])


def sheets(report: ArchitectureReport) -> tuple[Sheet, ...]:
    """The table of stages and that of sizes."""
    return _stages(report), _sizes(report)


def _stages(report: ArchitectureReport) -> Sheet:
    sizes = [f"{height}×\n{width}" for height, width in report.table["inputs"]]
    lines: list[tuple[str, ...]] = []
    groups = []
    for row in report.rows:
        groups.append(len(lines))
        lines += _stage_lines(row, len(sizes))
    header = ("System", "Stage", "Tokens", "printed", *sizes, *SETTINGS.values(), "Blocks")
    return Sheet("stages", "Stages as measured; in brackets what is printed, where that differs", header, tuple(lines),
                 (False, True, False, False, *[True] * (len(sizes) + len(SETTINGS)), True), tuple(groups))


def _stage_lines(row: RowResult, sizes: int) -> list[tuple[str, ...]]:
    if not row.measured or row.record is None:
        return [(title_of(row), words.NOTHING, row.status, *[words.NOTHING] * (sizes + len(SETTINGS) + 2))]
    facts, lines = printed_facts(row.row), []
    printed: Mapping[str, Sequence[float]] = facts[0].stages if facts else {}
    for i, stage in enumerate(stages_of(row.record)):
        tokens = grid_words(divisors(row.record, i))
        claimed = grid_words((printed["divisor"][i], printed["divisor"][i])) if "divisor" in printed else words.NOTHING
        counts = [str(at[i]["tokens"]) for at in row.record["architecture"]["stages"].values()]
        lines.append((title_of(row) if i == 0 else "", str(i + 1), tokens,
                      claimed if claimed in (tokens, words.NOTHING) else f"({claimed})", *counts,
                      *(_beside(stage[name], printed.get(name), i) for name in (*SETTINGS, "blocks"))))
    return lines


def _beside(measured: float, printed: Sequence[float] | None, i: int) -> str:
    return f"{measured:g}" + ("" if printed is None or printed[i] == measured else f" ({printed[i]:g})")


def _sizes(report: ArchitectureReport) -> Sheet:
    conventions = (report.table["published_convention"], report.table["record_convention"])
    lines: list[tuple[str, ...]] = []
    groups = []
    for row in report.rows:
        groups.append(len(lines))
        lines += _size_lines(row, conventions)
    header = ("System", "Network", "Input", "Params\n(M)", "printed", "without\nhead",
              f"GMACs,\n{conventions[0]}", "printed", f"GMACs,\n{conventions[1]}")
    return Sheet("sizes", "Parameters and operations of one image", header, tuple(lines),
                 (False, False, False, *[True] * 6), tuple(groups))


def _size_lines(row: RowResult, conventions: Sequence[str]) -> list[tuple[str, ...]]:
    if not row.measured or row.record is None:
        return [(title_of(row), row.status, *[words.NOTHING] * 7)]
    lines: list[tuple[str, ...]] = []
    facts = printed_facts(row.row)
    for network in row.record["architecture"]["networks"]:
        published = network["name"] == "classifier"  # the only one whose figures are
        for number, (at, counts) in enumerate(network["operations"].items()):
            without = network["parameters_without_head"]
            lines.append((
                title_of(row) if not lines else "", NETWORKS[network["name"]] if number == 0 else "",
                at.replace("x", "×"), f"{network['parameters'] / 1e6:.3f}",
                _sources(facts, "parameters_m") if published else "",
                f"{without / 1e6:.3f}" if without is not None else "", f"{counts[conventions[0]]:.2f}",
                _sources(facts, "gmacs") if published else "", f"{counts[conventions[1]]:.2f}"))
    return lines


def _sources(facts: Sequence[Fact], name: str) -> str:
    return ", ".join(f"{fact.values[name]:g}" for fact in facts if name in fact.values) or words.NOTHING


def _notes(table: Mapping[str, Any], rows: Sequence[RowResult], others: Sequence[str]) -> list[Note]:
    notes = marks(table)
    notes += [Note(None, "reading", words.one_line(text, 2000)) for text in table.get("notes") or ()]
    sources = dict.fromkeys(fact.source for row in rows for fact in printed_facts(row.row))
    notes += [Note(None, "source", f"{source.short}: {source.citation} ({source.revision}).") for source in sources]
    said = {str(row.get("machine", "processor")) for row in rows if row.measured}
    notes += [Note(None, "machine", f"Counted on {text}; the figures do not depend on it.") for text in sorted(said)]
    notes += [Note(None, "data", text) for text in others]
    for row in rows:
        if row.status == FAILED:
            notes.append(Note(title_of(row), "failed", f"failed: {words.one_line(row.get('error') or '')} "
                                                       f"(log: {row.log})"))
        if row.status == MISSING:
            notes.append(Note(title_of(row), "missing", "not run yet in this profile"))
        if row.stale:
            notes.append(Note(title_of(row), "stale", "the code has changed since this was run; run it with --stale"))
        for network in (row.get("architecture", "networks") or ()) if row.measured else ():
            for at, counts in network["operations"].items():
                if counts["counted_share"] < 1:
                    notes.append(Note(title_of(row), "record", f"GMACs at {at} cover {counts['counted_share']:.1%} of "
                                                               "the operators; the rest has no count"))
    return notes
