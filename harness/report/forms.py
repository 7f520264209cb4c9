"""The forms of a report: what a kind of table needs to be built from records and shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType

from harness.errors import unknown
from harness.page.content import Section
from harness.page.systems import section
from harness.published import PublishedRow, load_published
from harness.report.build import build_report, published_rows
from harness.report.data import csv_text, json_data
from harness.report.latex import document, latex
from harness.report.markdown import markdown
from harness.report.screen import render

SCREEN = "text"
FORMATS = (SCREEN, "md", "latex", "csv", "json")


@dataclass(frozen=True)
class Form:
    """Functions of one kind of report; the report itself is the kind's own class, with `name` and `profile`."""

    published: Callable[[Mapping[str, Any]], tuple[PublishedRow, ...]]
    """The published pose results of a row."""
    build: Callable[..., Any]
    """(table, profile, results of the rows, damaged, others) -> report."""
    screen: Callable[[Any, int], RenderableType]
    """For a terminal of so many columns."""
    markdown: Callable[[Any], str]
    latex: Callable[[Any], str]
    """Floats with captions and labels, for a document that has booktabs."""
    csv: Callable[[Any], str]
    data: Callable[[Any], dict[str, Any]]
    page: Callable[[Any], Section] = section
    """For the page of a results folder; without one of its own, that of tables with parts and metrics."""

    def text(self, report: Any, name: str) -> str:
        """The report in one of FORMATS but the screen's. Raises UserError for another name."""
        forms: dict[str, Callable[[Any], str]] = {
            "md": self.markdown, "latex": lambda found: document(self.latex(found)), "csv": self.csv,
            "json": lambda found: json.dumps(self.data(found), indent=2, allow_nan=False, ensure_ascii=False) + "\n"}
        if name not in forms:
            raise unknown("format", name, FORMATS)
        return forms[name](report)


SYSTEMS = Form(lambda row: published_rows(row, load_published()), build_report, render, markdown, latex, csv_text,
               json_data)
"""Of tables of systems that are trained and scored."""
