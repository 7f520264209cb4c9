"""The table as lines of text cells, the same for every rendering: published, measured, and their difference."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.published import PublishedRow
from harness.report import words
from harness.report.model import CITED, FAILED, MISSING, Comparison, RowReport, TableReport
from harness.report.verdicts import CANNOT_TELL, NOT_COMPARABLE, NOT_REPRODUCED, REPRODUCED

PUBLISHED, OTHER, RUN, MEAN, DIFFERENCE, VERDICT = "published", "other", "run", "mean", "difference", "verdict"
"""Kinds of lines: the table's own printed line, another source's, what was run here, the mean over seeds or repeated
evaluations, that minus published, and what it means."""

SIGNS = {REPRODUCED: "=", NOT_REPRODUCED: "≠", CANNOT_TELL: "?", NOT_COMPARABLE: words.NOTHING}
"""Verdicts of single cells."""


@dataclass(frozen=True)
class Line:
    """One line; `values` has a text for every column of the report."""

    kind: str
    label: str
    resolution: str
    values: tuple[str, ...]
    parameters: str = ""
    gmacs: str = ""
    speed: str = ""
    status: str = ""
    bold: tuple[bool, ...] = ()
    """Whether each value is bold; () for none."""

    @property
    def cost(self) -> tuple[str, str, str]:
        """The three columns of size and speed."""
        return self.parameters, self.gmacs, self.speed


def system_lines(report: TableReport, row: RowReport, sources: bool = True) -> list[Line]:
    """The lines of one system; `sources` adds published numbers other than the table's own."""
    result = row.result
    lines = []
    for number, published in enumerate(result.published):
        if number and not sources:
            break
        values = tuple(words.fraction(published.value(*column)) for column in report.columns)
        label = str(result.row["title"]) if number == 0 else published.source.short
        status = CITED if result.status == CITED else PUBLISHED
        if published.annotations != report.table.get("annotations", published.annotations):
            status += f", {published.annotations}"
        shown = result.row["resolution"] if number == 0 and "resolution" in result.row else published.input
        lines.append(Line(PUBLISHED if number == 0 else OTHER, label, words.size(shown), values, status=status))
    if not result.published:
        lines.append(Line(PUBLISHED, str(result.row["title"]), words.size(result.row.get("resolution")),
                          (words.NOTHING,) * len(report.columns), status="no number"))
    if result.measured:
        lines += _measured(report, row)
    elif result.status in (FAILED, MISSING):
        lines.append(Line(RUN, _planned_model(report, row), "", (words.NOTHING,) * len(report.columns),
                          status=FAILED if result.status == FAILED else "not run"))
    return lines


def _measured(report: TableReport, row: RowReport) -> list[Line]:
    result = row.result
    crop = (result.get("protocol", "crop", "height"), result.get("protocol", "crop", "width"))
    seed = f", seed {result.get('seed')}" if len(result.seeds) > 1 else ""
    lines = [Line(
        RUN, f"{result.get('model', 'name')}{seed}", words.size(crop),
        tuple(words.fraction(result.value(*column)) for column in report.columns),
        words.millions(result.get("model", "parameters")), words.quantity(result.get("model", "gmacs")),
        words.quantity(result.get("times", "images_per_second")),
        f"stale {result.status}" if result.stale else result.status,
        tuple(column in row.best for column in report.columns),
    )]
    if result.averaged:
        lines.append(Line(MEAN, result.averaged, "",
                          tuple(words.fraction(result.mean(*column)) for column in report.columns)))
    first = {(c.part, c.metric): c for c in row.first}
    if row.verdict not in (None, NOT_COMPARABLE):
        lines.append(Line(DIFFERENCE, "difference", "", tuple(_difference(first[column]) for column in report.columns)))
        lines.append(Line(VERDICT, "verdict", "", tuple(_sign(first[column]) for column in report.columns),
                          status=str(row.verdict)))
    return lines


def _planned_model(report: TableReport, row: RowReport) -> str:
    """The model of a row without numbers: the one that failed, or the one that the profile would run."""
    result = row.result
    stand_in = (result.row.get("stand_ins") or {}).get(report.profile["name"], {})
    return str(result.get("model", "name") or stand_in.get("model") or result.row.get("model") or "no model")


def _difference(cell: Comparison) -> str:
    return words.difference(cell.verdict.difference if cell.verdict else None)


def _sign(cell: Comparison) -> str:
    return SIGNS[cell.verdict.verdict] if cell.verdict else words.NOTHING


@dataclass(frozen=True)
class JudgedLine:
    """One row of the table of verdicts: a system against one published source, by its headline cell."""

    system: str
    source: str
    column: str
    published: str
    measured: str
    difference: str
    verdict: str
    tally: str
    """How many of the source's cells were reproduced, of those that may be compared: `8 of 10`."""
    reason: str


def judged_lines(report: TableReport) -> list[JudgedLine]:
    """Every system that was run against each of its published sources; sources that agree share a line."""
    lines: list[JudgedLine] = []
    for row in report.rows:
        for published in row.result.published if row.result.measured else ():
            line = _judged(row, published)
            known = lines[-1] if lines else None
            if known and replace(line, source=known.source) == known:
                lines[-1] = replace(known, source=f"{known.source}, {line.source}")
            else:
                lines.append(line)
    return lines


def _judged(row: RowReport, published: PublishedRow) -> JudgedLine:
    cell = row.headline(published.id)
    assert cell is not None
    assert cell.verdict is not None  # a measured row has a verdict in every cell
    differing = [c.verdict for c in row.against(published.id) if c.verdict and c.verdict.difference is not None]
    reproduced = sum(v.verdict == REPRODUCED for v in differing)
    return JudgedLine(
        str(row.result.row["title"]), published.source.short, f"{words.part_title(cell.part)} {cell.metric}",
        words.fraction(cell.published), f"{words.fraction(cell.measured)} {words.interval(cell.interval)}".strip(),
        words.difference(cell.verdict.difference, cell.verdict.low, cell.verdict.high), cell.verdict.verdict,
        f"{reproduced} of {len(differing)}" if differing else words.NOTHING, cell.verdict.reason)
