"""A table of architectures on the screen and as Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from harness.architecture.page import section
from harness.architecture.printed import printed_facts
from harness.architecture.sheets import ArchitectureReport, Sheet, build_report, sheets, title_of
from harness.report.forms import Form
from harness.report.latex import escape as tex
from harness.report.markdown import escape as md
from harness.report.markdown import table as md_table
from harness.report.model import Note, RowResult
from harness.report.plain import plain_table

SCHEMA = 1
"""Version of the JSON form; raised when a field changes its meaning or goes."""
SHORT_NOTES = ("marks", "failed", "stale", "missing", "machine", "source")
"""Kinds of notes that the screen shows."""


def screen(report: ArchitectureReport, width: int) -> RenderableType:
    """The report for a terminal; columns wrap where it is narrow."""
    blocks: list[RenderableType] = [
        Text(str(report.table["title"]), style="bold"),
        Text(f"profile {report.profile['name']}; {report.summary}", style="dim")]
    for sheet in sheets(report):
        grid = plain_table()
        for name, right in zip(sheet.header, sheet.numeric, strict=True):
            grid.add_column(name, justify="right" if right else "left", overflow="fold")
        for number, row in enumerate(sheet.rows):
            grid.add_row(*row, end_section=number + 1 in sheet.groups)
        blocks += [Text(""), Text(sheet.title), grid]
    blocks.append(Text(""))
    blocks += [Text.assemble((f"{finding.named}: ", "bold"), finding.text) for finding in report.findings]
    if not report.findings and any(row.measured for row in report.rows):
        blocks.append(Text("All that is printed of the measured systems holds."))
    blocks.append(Text(""))
    blocks += [Text(_noted(note), style="red" if note.kind == "failed" else "dim")
               for note in report.notes if note.kind in SHORT_NOTES]
    blocks += [Text(line, style="red") for line in report.damaged]
    return Group(*blocks)


def markdown(report: ArchitectureReport) -> str:
    """The whole report."""
    blocks = [f"# {md(report.table['title'])}",
              f"Printed numbers: {md(report.table['source'])}. Profile `{report.profile['name']}`. {report.summary}"]
    for sheet in sheets(report):
        rows = [[md(cell) for cell in row] for row in sheet.rows]
        blocks += [f"## {md(sheet.title)}", md_table([md(name) for name in sheet.header], rows, sheet.numeric)]
    blocks += ["## Findings", _bullets([f"**{md(f.named)}**: {md(f.text)}" for f in report.findings]
                                       or ["None: all that is printed of the measured systems holds."])]
    blocks += ["## Notes", _bullets([md(_noted(note)) for note in report.notes])]
    if report.damaged:
        blocks += ["## Records that could not be read", _bullets([md(line) for line in report.damaged])]
    return "\n\n".join(blocks) + "\n"


def latex(report: ArchitectureReport) -> str:
    """A `table*` float for each sheet, then findings and notes outside of them."""
    lines = ["% Made by harness report; needs \\usepackage{booktabs}."]
    for sheet in sheets(report):
        lines += _float(report, sheet)
    items = [rf"\textbf{{{tex(finding.named)}}}: {tex(finding.text)}" for finding in report.findings]
    items += [tex(_noted(note)) for note in report.notes] + [tex(line) for line in report.damaged]
    lines += [r"\begin{itemize}\footnotesize", *(rf"  \item {item}" for item in items), r"\end{itemize}"] \
        if items else []
    return "\n".join(lines) + "\n"


def _float(report: ArchitectureReport, sheet: Sheet) -> list[str]:
    body: list[str] = []
    for number, row in enumerate(sheet.rows):
        body += [r"\addlinespace"] if number and number in sheet.groups else []
        body.append(" & ".join(tex(cell) for cell in row) + r" \\")
    caption = f"{tex(report.table['title'])}. {tex(sheet.title)}. {tex(report.summary)}"
    return [
        r"\begin{table*}[t]", r"\centering\scriptsize\setlength{\tabcolsep}{3pt}", rf"\caption{{{caption}}}",
        rf"\label{{tab:{report.name.replace('_', '-')}-{sheet.name}}}",
        rf"\begin{{tabular}}{{{''.join('r' if right else 'l' for right in sheet.numeric)}}}", r"\toprule",
        " & ".join(tex(name) for name in sheet.header) + r" \\", r"\midrule", *body, r"\bottomrule", r"\end{tabular}",
        r"\end{table*}", ""]


def csv_text(report: ArchitectureReport) -> str:
    """Long form, a line for every value: of stages with stage and input, of networks with network and input."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("table", "row", "title", "status", "network", "input", "stage", "quantity", "measured", "source",
                     "published"))
    for row in report.rows:
        head = (report.name, row.row["id"], title_of(row), row.status)
        for line in _values(report, row) if row.measured and row.record else [("",) * 7]:
            writer.writerow((*head, *line))
    return text.getvalue()


def _values(report: ArchitectureReport, row: RowResult) -> list[tuple[Any, ...]]:
    """network, input, stage, quantity, measured, source row, published."""
    facts = printed_facts(row.row)
    assert row.record is not None
    lines: list[tuple[Any, ...]] = []
    for at, stages in row.record["architecture"]["stages"].items():
        height, width = map(int, at.split("x"))
        for i, stage in enumerate(stages):
            given = [(fact.id, "tokens", height * width // fact.stages["divisor"][i] ** 2) for fact in facts
                     if "divisor" in fact.stages]
            given += [(fact.id, name, fact.stages[name][i]) for fact in facts for name in fact.stages if name in stage]
            for name in ("tokens", "channels", "heads", "reduction", "expansion", "blocks", "merging_blocks"):
                against: list[tuple[str, Any]] = [(fact, value) for fact, of, value in given if of == name]
                lines += [("classifier", at, i + 1, name, stage[name], *pair) for pair in against or [("", "")]]
    for network in row.record["architecture"]["networks"]:
        own = facts if network["name"] == "classifier" else ()
        against = [(f.id, f.values["parameters_m"] * 1e6) for f in own if "parameters_m" in f.values] or [("", "")]
        lines += [(network["name"], "", "", "parameters", network["parameters"], *pair) for pair in against]
        for at, counts in network["operations"].items():
            for name, value in counts.items():
                against = [(f.id, f.values["gmacs"]) for f in own
                           if "gmacs" in f.values and name == report.table["published_convention"]] or [("", "")]
                lines += [(network["name"], at, "", name, value, *pair) for pair in against]
    return lines


def json_data(report: ArchitectureReport) -> dict[str, Any]:
    """Everything as JSON-able data: table, profile, rows with records and published facts, findings, notes."""
    rows = [{"id": row.row["id"], "title": title_of(row), "status": row.status, "stale": row.stale,
             "log": str(row.log) if row.log else None,
             "published": [asdict(fact) for fact in printed_facts(row.row)],
             "record": dict(row.record) if row.record is not None else None} for row in report.rows]
    return {"schema": SCHEMA, "kind": "architecture", "table": report.name, "title": report.table["title"],
            "source": report.table["source"],
            "profile": {name: report.profile.get(name) for name in ("name", "title", "reproduces")},
            "summary": report.summary, "rows": rows,
            "findings": [{**asdict(finding), "text": finding.text} for finding in report.findings],
            "notes": [asdict(note) for note in report.notes], "damaged": list(report.damaged)}


def _noted(note: Note) -> str:
    return f"{note.row}: {note.text}" if note.row else note.text


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


ARCHITECTURE = Form(published=lambda row: (), build=build_report, screen=screen, markdown=markdown, latex=latex,
                    csv=csv_text, data=json_data, page=section)
