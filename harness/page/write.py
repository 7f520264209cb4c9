"""From a results folder to the page's file."""

from __future__ import annotations

from pathlib import Path

from harness.files import write_text
from harness.page.collect import collect
from harness.page.render import render


def file_name(table: str | None = None, profile: str | None = None) -> str:
    """Of the page in the results folder: report.html of all, report_TABLE.html and so on of a part."""
    return "_".join(["report", *(name for name in (table, profile) if name)]) + ".html"


def write_page(results: Path, file: Path | None = None, table: str | None = None, profile: str | None = None
               ) -> tuple[Path, list[str]]:
    """Write the page of a results folder, or of one table or profile; its path, and a line for each damaged record.

    Raises UserError as `collect` and `render` do.
    """
    page = collect(results, table, profile)
    path = file or results / file_name(table, profile)
    write_text(path, render(page, results))
    return path, [line for section in page.sections for line in section.damaged]
