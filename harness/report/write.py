"""A report as files, each whole or not there at all."""

from __future__ import annotations

from pathlib import Path

from harness.files import write_json, write_text
from harness.report.data import csv_text, json_data
from harness.report.latex import latex
from harness.report.markdown import markdown
from harness.report.model import TableReport


def write_report(report: TableReport, folder: Path) -> dict[str, Path]:
    """Write `NAME.md`, `.tex`, `.csv` and `.json` into a folder (made if need be); returns their paths by ending.

    Raises UserError where a file cannot be written.
    """
    paths = {ending: folder / f"{report.name}.{ending}" for ending in ("md", "tex", "csv", "json")}
    write_text(paths["md"], markdown(report))
    write_text(paths["tex"], latex(report))
    write_text(paths["csv"], csv_text(report))
    write_json(paths["json"], json_data(report))
    return paths
