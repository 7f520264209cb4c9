"""A report on the terminal: as many columns as fit, the rest in a second table or in the files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import words
from harness.report.comparability import trained_here
from harness.report.difference_lines import difference_lines
from harness.report.lines import DIFFERENCE, MEAN, OTHER, PUBLISHED, RUN, VERDICT, Line, judged_lines, system_lines
from harness.report.model import Note, RowReport, TableReport

if TYPE_CHECKING:
    from rich.box import Box

METHOD, RESOLUTION, NUMBER, COST, STATUS, GAP = 17, 7, 5, 5, 14, 1
"""Widths of the columns in characters, and the gap between them."""

STYLES = {PUBLISHED: "bold", OTHER: "dim", RUN: "cyan", MEAN: "cyan", DIFFERENCE: "", VERDICT: ""}
VERDICT_STYLES = {"reproduced": "green", "not reproduced": "red", "cannot tell": "yellow", "not comparable": "dim"}
ANSWER_STYLES = {"better": "green", "worse": "red", "cannot tell": "yellow", "not comparable": "dim"}
ELSEWHERE = "--json and the files beside the records"
SHORT_NOTES = ("marks", "failed", "stale", "empty", "open", "data", "settings", "machine", "interval", "spread",
               "doubtful")
"""Kinds of notes that the screen shows without `verbose`."""


def render(report: TableReport, width: int, verbose: bool = False) -> Group:
    """The report for a terminal of `width` columns; `verbose` adds other published sources and every note.

    For five parts: from 118 columns on everything is in one table; below, size and speed go into a table of their own;
    below 100, parts other than the last lose their AR (the files have it).
    """
    full = _width(len(report.columns), cost=True) <= width
    columns = list(range(len(report.columns)))
    if _width(len(columns), cost=False) > width:
        columns = [i for i, (part, metric) in enumerate(report.columns)
                   if metric == report.columns[0][1] or part == report.columns[-1][0]]
    blocks: list[RenderableType] = [Text(report.banner, style="bold yellow")] if report.banner else []
    blocks.append(Text(str(report.table["title"]), style="bold"))
    blocks += [Text(f"profile {report.profile['name']}; {report.summary}", style="dim"), Text("")]
    blocks.append(_main_table(report, columns, full, verbose))
    if not full:
        blocks += _cost_table(report)
    blocks += _judged(report)
    blocks += _differences(report)
    blocks += _notes(report, verbose)
    if len(columns) < len(report.columns):
        blocks.append(Text(f"Some columns do not fit this terminal; {ELSEWHERE} have them.", style="dim"))
    return Group(*blocks)


def _width(numbers: int, cost: bool) -> int:
    """The characters that a table of so many number columns takes, with or without size and speed."""
    words_and_gaps = METHOD + RESOLUTION + STATUS + 2 * GAP
    return words_and_gaps + numbers * (NUMBER + GAP) + (len("Params") - COST + 3 * (COST + GAP) if cost else 0)


def _table() -> Table:
    return Table(box=_rule(), padding=0, pad_edge=False, show_edge=False, header_style="bold")


def _rule() -> Box:
    from rich.box import Box

    # A rule under the header, a thin one between systems, and spaces of one character (GAP) between columns.
    return Box("    \n    \n ── \n    \n ╌╌ \n ── \n    \n    \n")


def _main_table(report: TableReport, columns: Sequence[int], cost: bool, verbose: bool) -> Table:
    grid = _table()
    grid.add_column("Method", min_width=METHOD, overflow="fold")
    grid.add_column("Input", min_width=RESOLUTION, no_wrap=True)
    room = max(METHOD, *(len(str(row.result.row["title"])) for row in report.rows)) if report.rows else METHOD
    previous = None
    for index in columns:
        part, metric = report.columns[index]
        grid.add_column(f"{_heading(part) if part != previous else ''}\n{metric}", min_width=NUMBER, no_wrap=True,
                        justify="right")
        previous = part
    if cost:
        for name in ("Params", "GMACs", "img/s"):
            grid.add_column(name, min_width=COST, justify="right", no_wrap=True)
    grid.add_column("Status", min_width=STATUS, overflow="fold")
    for row in report.rows:
        lines = system_lines(report, row, sources=verbose)
        if len(lines) > 1:
            grid.add_section()
        for line in lines:
            cells = [_label(line, room), line.resolution.replace(" ", ""), *(_value(line, i) for i in columns),
                     *(line.cost if cost else ()), Text(line.status, style=VERDICT_STYLES.get(line.status, ""))]
            grid.add_row(*cells, style=STYLES[line.kind], end_section=line is lines[-1] and len(lines) > 1)
    return grid


def _value(line: Line, column: int) -> Text:
    """A value in the width of its column: differences have a sign but no zero before the point."""
    text = line.values[column]
    if line.kind == DIFFERENCE and text[0] in "+−":
        text = text.replace("0.", ".", 1)
    return Text(text, style="bold" if line.bold and line.bold[column] else "")


def _heading(part: str) -> str:
    """A part's name in the width of a number's column."""
    return {"wholebody": "whole", "lefthand": "lhand", "righthand": "rhand"}.get(part, part)[:NUMBER]


def _label(line: Line, room: int) -> str:
    if line.kind == PUBLISHED:
        return line.label
    text = f"  {line.label}"
    return text if len(text) <= room else text.replace(", seed", ",\n  seed")  # folded without losing the indent


def _cost_table(report: TableReport) -> list[RenderableType]:
    lines = [(row, line) for row in report.rows for line in system_lines(report, row, sources=False)
             if line.kind == RUN and row.result.measured]
    if not lines:
        return []
    grid = _table()
    for name in ("Size and speed", "Params (M)", "GMACs", "img/s", "Peak memory", "Trained in"):
        grid.add_column(name, justify="left" if name == "Size and speed" else "right", no_wrap=name != "Size and speed")
    networks = [row.result.get("model", "name") for row, _ in lines]
    for row, line in lines:
        # One network may stand in for several rows; in this table no line above says for which.
        own = f" ({row.result.row['id']})" if networks.count(row.result.get("model", "name")) > 1 else ""
        grid.add_row(line.label + own, *line.cost, words.gibibytes(row.result.get("memory", "peak_bytes")),
                     words.seconds(_training_seconds(row)))
    return [Text(""), grid]


def _training_seconds(row: RowReport) -> float | None:
    if not trained_here(row.result):
        return None
    for name in ("training_s", "train_s"):
        value = row.result.get("times", name)
        if value is not None:
            return float(value)
    return None


def _judged(report: TableReport) -> list[RenderableType]:
    refused: dict[str, list[str]] = {}
    judged = []
    for line in judged_lines(report):
        if line.difference == words.NOTHING:
            titles = refused.setdefault(line.reason, [])
            titles += [line.system] if line.system not in titles else []
        else:
            judged.append(line)
    blocks: list[RenderableType] = [Text("")] if judged or refused else []
    blocks += [Text.assemble((", ".join(titles), "bold"), ": ", ("not comparable", VERDICT_STYLES["not comparable"]),
                             (f" ({reason})", "dim")) for reason, titles in refused.items()]
    for line in judged:
        text = Text.assemble((line.system, "bold"), f" against {line.source}: ",
                             (line.verdict, VERDICT_STYLES[line.verdict]))
        if line.difference != words.NOTHING:
            text.append(f", {line.column} {line.measured} for {line.published} printed ({line.difference}); "
                        f"{line.tally} cells reproduced")
        text.append(f" ({line.reason})", style="dim")
        blocks.append(text)
    return blocks


def _differences(report: TableReport) -> list[RenderableType]:
    """Rows against each other: the headline column in words, the others counted."""
    lines = difference_lines(report)
    if not lines:
        return []
    grid = _table()
    for name in ("First minus second, mean of seeds", "Printed", "Measured [interval]", "First is"):
        grid.add_column(name, justify="left" if name[:5] == "First" else "right", overflow="fold")
    for line in lines:
        grid.add_row(line.rows, line.printed, line.measured,
                     Text(line.answer, style=ANSWER_STYLES.get(line.answer, "")))
    blocks: list[RenderableType] = [Text(""), grid]
    blocks += [Text.assemble((f"{line.rows}: ", "bold"), (f"{line.column} {line.answer} ({line.reason}); all columns: "
                                                          f"{line.tally}", "dim")) for line in lines]
    return blocks


def _notes(report: TableReport, verbose: bool) -> list[RenderableType]:
    shown = [note for note in report.notes if verbose or note.kind in SHORT_NOTES]
    blocks: list[RenderableType] = [Text("")] if shown or report.damaged else []
    blocks += [_note(note) for note in shown]
    blocks += [Text(line, style="red") for line in report.damaged]
    hidden = len(report.notes) - len(shown)
    if hidden:
        blocks.append(Text(f"{hidden} more notes (how to read the columns, protocol gaps, settings): {ELSEWHERE} have "
                           "them.", style="dim"))
    return blocks


def _note(note: Note) -> Text:
    return Text.assemble((f"{note.row}: ", "bold") if note.row else "",
                         (note.text, "red" if note.kind == "failed" else ""))
