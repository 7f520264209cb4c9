"""A report as Markdown (GitHub's tables)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report import words
from harness.report.difference_lines import INTRODUCTION, difference_lines
from harness.report.lines import DIFFERENCE, MEAN, OTHER, PUBLISHED, RUN, VERDICT, Line, judged_lines, system_lines
from harness.report.model import Note, TableReport


def markdown(report: TableReport) -> str:
    """The whole report. Every system's printed line is bold; what was run here and other sources follow it."""
    blocks = [f"> **{escape(report.banner)}**"] if report.banner else []
    blocks.append(f"# {escape(report.table['title'])}")
    source = report.table.get("source")
    blocks.append(" ".join([*([f"Printed numbers: {escape(source)}."] if source else []),
                            f"Profile `{report.profile['name']}`.", report.summary]))
    blocks.append(_main_table(report))
    judged = _judged_table(report)
    if judged:
        blocks += ["## Against the printed numbers", judged]
    between = _differences_table(report)
    if between:
        blocks += ["## Rows against each other", escape(INTRODUCTION), between]
    blocks += _notes(report)
    return "\n\n".join(blocks) + "\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> str:
    """A Markdown table; `numeric` columns are set flush right."""
    rule = ["---:" if right else "---" for right in numeric]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def escape(text: object) -> str:
    """Text that Markdown shows as it is: no emphasis, no cell borders, no tags."""
    escaped = words.one_line(text, 4000).replace("\\", "\\\\")
    for character in "|*`<>[]":
        escaped = escaped.replace(character, f"\\{character}")
    return escaped.replace("_", "\\_")


def _main_table(report: TableReport) -> str:
    header = ["Method", "Resolution", *(f"{words.part_title(part)} {metric}" for part, metric in report.columns),
              "Params (M)", "GMACs", "img/s", "Status"]
    rows = [_cells(line) for row in report.rows for line in system_lines(report, row)]
    return table(header, rows, [False, False] + [True] * (len(report.columns) + 3) + [False])


def _cells(line: Line) -> list[str]:
    label = escape(line.label)
    label = {PUBLISHED: f"**{label}**", OTHER: f"· {label}", RUN: f"→ {label}", MEAN: f"→ {label}",
             DIFFERENCE: f"Δ {label}", VERDICT: f"Δ {label}"}[line.kind]
    bold = line.bold or (False,) * len(line.values)
    values = [f"**{text}**" if strong else text for text, strong in zip(line.values, bold, strict=True)]
    return [label, line.resolution, *values, *line.cost, escape(line.status)]


def _judged_table(report: TableReport) -> str:
    judged = judged_lines(report)
    if not judged:
        return ""
    header = ["System", "Source", "Cell", "Published", "Measured [over images]", "Difference [interval]", "Verdict",
              "Cells reproduced", "Why"]
    rows = [[escape(text) for text in (j.system, j.source, j.column, j.published)]
            + [escape(j.measured), j.difference, f"**{j.verdict}**", j.tally, escape(j.reason)] for j in judged]
    return table(header, rows, [False, False, False, True, True, True, False, True, False])


def _differences_table(report: TableReport) -> str:
    lines = difference_lines(report, every_column=True)
    if not lines:
        return ""
    header = ["First minus second", "Cell", "Printed", "Measured [interval]", "First is", "Why"]
    rows = [[escape(line.rows), escape(line.column), line.printed, line.measured, f"**{line.answer}**",
             escape(line.reason)] for line in lines]
    return table(header, rows, [False, False, True, True, False, False])


def _notes(report: TableReport) -> list[str]:
    blocks = ["## Notes", _bullets([note for note in report.notes if note.row is None])]
    for row in report.rows:
        title = str(row.result.row["title"])
        own = [note for note in report.notes if note.row == title]
        if own:
            blocks += [f"**{escape(title)}**", _bullets(own)]
    if report.damaged:
        blocks += ["## Records that could not be read", "\n".join(f"- {escape(line)}" for line in report.damaged)]
    return blocks


def _bullets(notes: Sequence[Note]) -> str:
    return "\n".join(f"- {escape(note.text)}" for note in notes)
