"""A report as a LaTeX table (needs the booktabs package) with its notes as a list behind it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report import words
from harness.report.difference_lines import INTRODUCTION, difference_lines
from harness.report.lines import DIFFERENCE, MEAN, OTHER, PUBLISHED, RUN, VERDICT, Line, system_lines
from harness.report.model import TableReport

ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$", "|": r"$|$",
    "†": r"$^\dagger$", "‡": r"$^\ddagger$", "×": r"$\times$", "±": r"$\pm$", "−": r"$-$", "—": "--", "–": "--",
    "…": r"\dots{}", "→": r"$\rightarrow$", "≠": r"$\neq$", "·": r"$\cdot$", "Δ": r"$\Delta$",
    "“": "``", "”": "''", "’": "'", "*": r"$^*$", '"': "''",
}
"""Characters with a meaning in LaTeX, and those beyond ASCII that this project writes."""


DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[a4paper,landscape,margin=12mm]{geometry}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""
"""A document that holds floats and lists as they are made here, and compiles as it stands."""


def document(body: str) -> str:
    """A whole document around the LaTeX of a report."""
    return DOCUMENT % body.rstrip("\n")


def escape(text: object) -> str:
    """Text that LaTeX sets as it is; a star is raised, as the marks of a table are, and two hyphens stay two."""
    line = words.one_line(text, 4000).replace("--", "\0")
    return "".join(ESCAPES.get(character, character) for character in line).replace("\0", "-{}-")


def latex(report: TableReport) -> str:
    """A `table*` float: printed lines, what was run, differences; then the notes, outside the float."""
    parts = list(report.table["parts"])
    metrics = list(report.table["metrics"])
    columns = len(report.columns) + 6
    rules, start = [], 3
    for _ in parts:
        rules.append(rf"\cmidrule(lr){{{start}-{start + len(metrics) - 1}}}")
        start += len(metrics)
    groups = [rf"\multicolumn{{{len(metrics)}}}{{c}}{{{escape(words.part_title(part))}}}" for part in parts]
    head = ["Method", "Resolution", *(escape(metric) for _ in parts for metric in metrics),
            "Params", "GMACs", "img/s", "Status"]
    banner = [rf"\multicolumn{{{columns}}}{{l}}{{\textbf{{{escape(report.banner)}}}}} \\", r"\midrule"] \
        if report.banner else []
    body: list[str] = []
    for number, row in enumerate(report.rows):
        body += [r"\addlinespace"] if number else []
        body += [_row(line) for line in system_lines(report, row)]
    caption = f"{escape(report.table['title'])}. {escape(report.summary)} Profile {escape(report.profile['name'])}."
    if report.banner:
        caption = rf"\textbf{{{escape(report.banner)}}} {caption}"
    lines = [
        *([f"% {words.one_line(report.banner)}"] if report.banner else []),
        "% Made by harness report; needs \\usepackage{booktabs}.",
        r"\begin{table*}[t]", r"\centering\scriptsize\setlength{\tabcolsep}{2.5pt}",
        rf"\caption{{{caption}}}", rf"\label{{tab:{report.name.replace('_', '-')}-{report.profile['name']}}}",
        rf"\begin{{tabular}}{{ll*{{{len(report.columns)}}}{{c}}rrrl}}", r"\toprule", *banner,
        " & ".join(["", "", *groups, "", "", "", ""]) + r" \\", "".join(rules), " & ".join(head) + r" \\", r"\midrule",
        *body, r"\bottomrule", r"\end{tabular}", r"\end{table*}",
    ]
    return "\n".join([*lines, "", *_notes(report)]) + "\n"


def _row(line: Line) -> str:
    label = escape(line.label)
    label = {PUBLISHED: rf"\textbf{{{label}}}", OTHER: rf"\quad {label}", RUN: rf"\quad \textit{{{label}}}",
             MEAN: rf"\quad \textit{{{label}}}", DIFFERENCE: rf"\quad {label}", VERDICT: rf"\quad {label}"}[line.kind]
    bold = line.bold or (False,) * len(line.values)
    values = [rf"\textbf{{{escape(text)}}}" if strong else escape(text)
              for text, strong in zip(line.values, bold, strict=True)]
    cells = [escape(line.resolution), *values, *(escape(text) for text in (*line.cost, line.status))]
    return " & ".join([label, *cells]) + r" \\"


def _differences(report: TableReport) -> list[str]:
    """Rows against each other: how to read it, then the headline column of each pair, the others counted."""
    lines = difference_lines(report)
    said = [rf"  \item \textbf{{{escape(line.rows)}}}, {escape(line.column)}: {escape(line.measured)} measured, "
            rf"{escape(line.printed)} printed; \textbf{{{escape(line.answer)}}} ({escape(line.reason)}). All columns: "
            rf"{escape(line.tally)}." for line in lines]
    return [rf"  \item {escape(INTRODUCTION)}", *said] if said else []


def _notes(report: TableReport) -> Sequence[str]:
    titles = [rf"\textbf{{{escape(note.row)}}}: " if note.row else "" for note in report.notes]
    items = [rf"  \item {title}{escape(note.text)}" for title, note in zip(titles, report.notes, strict=True)]
    items = [*_differences(report), *items, *(rf"  \item {escape(line)}" for line in report.damaged)]
    return [r"\begin{itemize}\footnotesize", *items, r"\end{itemize}"] if items else []
