"""Tables from rows and records: published and measured side by side, with differences where they mean something.

Runs nothing and imports no torch. `build_report` compares; the other modules render as Markdown, LaTeX, CSV, JSON or
on the screen;
`forms` holds these together, for tables of each kind.
"""

from harness.report.build import build_report, published_rows
from harness.report.data import csv_text, json_data
from harness.report.latex import latex
from harness.report.markdown import markdown
from harness.report.model import RowResult, TableReport
from harness.report.show import show_plan_report, show_report
from harness.report.verdicts import VERDICTS, Verdict, verdict
from harness.report.write import write_report

__all__ = [
    "VERDICTS", "RowResult", "TableReport", "Verdict", "build_report", "csv_text", "json_data", "latex", "markdown",
    "published_rows", "show_plan_report", "show_report", "verdict", "write_report",
]
