"""The section of a table of architectures: the sheets of its other renderings, every number with where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.architecture.audit import divisors, grid_words, stages_of
from harness.architecture.printed import printed_facts
from harness.architecture.sheets import NETWORKS, SETTINGS, ArchitectureReport, title_of
from harness.page.content import FACT, RECORD, Cell, Column, Finding, Grid, Line, Ref, Section
from harness.published import Fact
from harness.report import words
from harness.report.model import RowResult


def section(report: ArchitectureReport) -> Section:
    """Everything that the page shows of a table of architectures."""
    name = f"{report.name}-{report.profile['name']}"
    return Section(
        id=name, title=str(report.table["title"]), table=report.name, profile=str(report.profile["name"]),
        summary=report.summary, source=str(report.table["source"]), banner=None,
        grids=(stages(report, name), sizes(report, name)),
        findings=tuple(Finding(found.named, found.text, found.speaks_for) for found in report.findings),
        notes=tuple((note.row or "", note.kind, note.text) for note in report.notes), damaged=report.damaged,
        records=tuple(row.record for row in report.rows if row.record is not None))


def stages(report: ArchitectureReport, name: str) -> Grid:
    """A line for each stage of each network; in brackets what is printed, where that differs."""
    inputs = [f"{height}x{width}" for height, width in report.table["inputs"]]
    columns = (Column("System", numeric=False), Column("Stage"), Column("measured", "Grid of tokens", numeric=False),
               Column("printed", "Grid of tokens", numeric=False),
               *(Column(at.replace("x", "×"), "Tokens at") for at in inputs),
               *(Column(setting.capitalize()) for setting in (*SETTINGS, "blocks")))
    groups = [tuple(_stage_lines(row, inputs)) for row in report.rows]
    return Grid(f"{name}-stages", "Stages", columns, tuple(groups), (0,) * len(groups),
                "As measured; in brackets what is printed, where that differs. Stages of one network stay together, "
                "sorted by the first.")


def _stage_lines(row: RowResult, inputs: Sequence[str]) -> Iterator[Line]:
    if not row.measured or row.record is None:
        yield Line((Cell(title_of(row)), Cell(words.NOTHING), Cell(row.status, mark=row.status),
                    *[Cell(words.NOTHING)] * (len(inputs) + len(SETTINGS) + 2)))
        return
    facts, key = printed_facts(row.row), str(row.record["key"])
    fact = facts[0] if facts else None
    for i, stage in enumerate(stages_of(row.record)):
        first = next(iter(row.record["architecture"]["stages"]))
        grid = Cell(grid_words(divisors(row.record, i)), None,
                    (Ref(RECORD, key, ("architecture", "stages", first, i, "grid"), f"tokens at {first}"),))
        cells = [Cell(title_of(row)), Cell(str(i + 1), i + 1), grid, _printed_grid(fact, i)]
        for at in inputs:
            stands = row.record["architecture"]["stages"].get(at)
            cells.append(Cell(words.NOTHING) if stands is None else Cell(
                str(stands[i]["tokens"]), stands[i]["tokens"],
                (Ref(RECORD, key, ("architecture", "stages", at, i, "tokens"), "measured"),)))
        for setting in (*SETTINGS, "blocks"):
            path = ("architecture", "stages", first, i, setting)
            cells.append(_beside(stage[setting], Ref(RECORD, key, path, "measured"), fact, setting, i))
        yield Line(tuple(cells))


def _printed_grid(fact: Fact | None, i: int) -> Cell:
    if fact is None or "divisor" not in fact.stages:
        return Cell(words.NOTHING)
    printed = fact.stages["divisor"][i]
    return Cell(grid_words((printed, printed)), None,
                (Ref(FACT, fact.id, ("stages", "divisor", i), "divisor of both sides, printed"),), (fact.source.short,))


def _beside(measured: float, ref: Ref, fact: Fact | None, setting: str, i: int) -> Cell:
    printed = fact.stages[setting][i] if fact and setting in fact.stages else None
    refs = (ref,) if printed is None or fact is None else (
        ref, Ref(FACT, fact.id, ("stages", setting, i), f"printed ({fact.source.short})"))
    differs = printed is not None and printed != measured
    return Cell(f"{measured:g} ({printed:g})" if differs else f"{measured:g}", measured, refs,
                (f"{printed:g} printed",) if differs else (), "doubtful" if differs else "")


def sizes(report: ArchitectureReport, name: str) -> Grid:
    """Parameters and operations of each network at each input, beside every printed one."""
    conventions = (report.table["published_convention"], report.table["record_convention"])
    columns = (Column("System", numeric=False), Column("Network", numeric=False), Column("Input", numeric=False),
               Column("measured", "Params (M)"), Column("printed", "Params (M)"),
               Column("without head", "Params (M)"), Column(conventions[0], "GMACs"), Column("printed", "GMACs"),
               Column(conventions[1], "GMACs"))
    groups = [tuple(_size_lines(row, conventions)) for row in report.rows]
    return Grid(f"{name}-sizes", "Sizes", columns, tuple(groups), (0,) * len(groups),
                "Parameters and operations of one image. Lines of one system stay together, sorted by the first.")


def _size_lines(row: RowResult, conventions: Sequence[str]) -> Iterator[Line]:
    if not row.measured or row.record is None:
        yield Line((Cell(title_of(row)), Cell(row.status, mark=row.status), *[Cell(words.NOTHING)] * 7))
        return
    facts, key = printed_facts(row.row), str(row.record["key"])
    for n, network in enumerate(row.record["architecture"]["networks"]):
        known = facts if network["name"] == "classifier" else ()  # the only one whose figures are published
        for at, counts in network["operations"].items():
            path = ("architecture", "networks", n)
            yield Line((
                Cell(title_of(row)), Cell(NETWORKS[network["name"]]), Cell(at.replace("x", "×")),
                _number(network["parameters"], key, (*path, "parameters"), ".3f", 1e6), _printed(known, "parameters_m"),
                _number(network["parameters_without_head"], key, (*path, "parameters_without_head"), ".3f", 1e6),
                _number(counts[conventions[0]], key, (*path, "operations", at, conventions[0]), ".2f"),
                _printed(known, "gmacs"),
                _number(counts[conventions[1]], key, (*path, "operations", at, conventions[1]), ".2f")))


def _number(value: Any, key: str, path: tuple[str | int, ...], digits: str, unit: float = 1.0) -> Cell:
    if value is None:
        return Cell("")
    return Cell(format(value / unit, digits), value / unit, (Ref(RECORD, key, path, "measured"),))


def _printed(facts: Sequence[Fact], name: str) -> Cell:
    found = [fact for fact in facts if name in fact.values]
    if not found:
        return Cell("")
    return Cell(", ".join(f"{fact.values[name]:g}" for fact in found), found[0].values[name],
                tuple(Ref(FACT, fact.id, ("values", name), f"printed ({fact.source.short})") for fact in found),
                tuple(f"{fact.source.short}: {fact.values[name]:g}" + ("" if fact.verified else " (quoted, not read)")
                      for fact in found))
