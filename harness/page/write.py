"""From a results folder to the page's file."""

from __future__ import annotations

from pathlib import Path

from harness.files import write_text
from harness.page.collect import collect
from harness.page.render import render

NAME = "report.html"
"""Of the file in the results folder, unless another is asked for."""


def write_page(results: Path, file: Path | None = None, table: str | None = None, profile: str | None = None) -> Path:
    """Write the page of a results folder and return its path. Raises UserError as `collect` and `render` do."""
    page = collect(results, table, profile)
    path = file or results / NAME
    write_text(path, render(page, results))
    return path
