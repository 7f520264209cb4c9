"""A report as data: CSV with a line for every cell and source, and JSON with everything."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

from harness.published import PublishedRow
from harness.report.model import Comparison, RowReport, TableReport

SCHEMA = 1
"""Version of the JSON form; raised when a field changes its meaning or goes."""

CSV_COLUMNS = (
    "table", "profile", "row", "title", "source", "source_row", "part", "metric", "published", "measured", "low",
    "high", "difference", "status", "stale", "verdict", "reason", "model", "height", "width", "dataset", "split",
    "boxes", "key", "warning",
)
"""Long form: numbers are fractions with full digits, empty where there is none; `warning` is the banner."""


def csv_text(report: TableReport) -> str:
    """One line for every row, source, part and metric; rows without a published number have one without a source."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in report.rows:
        for cell in row.comparisons:
            writer.writerow(_csv_row(report, row, cell))
    return text.getvalue()


def _csv_row(report: TableReport, row: RowReport, cell: Comparison) -> dict[str, Any]:
    result = row.result
    low, high = cell.interval or (None, None)
    if cell.verdict is None:
        reason = result.get("error") or result.row.get("cited") or ""
    else:
        reason = cell.verdict.reason
    return {
        "table": report.name, "profile": report.profile["name"], "row": result.row["id"], "title": result.row["title"],
        "source": cell.source.source.id if cell.source else None, "source_row": cell.source.id if cell.source else None,
        "part": cell.part, "metric": cell.metric, "published": cell.published, "measured": cell.measured,
        "low": low, "high": high, "difference": cell.verdict.difference if cell.verdict else None,
        "status": result.status, "stale": "yes" if result.stale else "no",
        "verdict": cell.verdict.verdict if cell.verdict else None, "reason": " ".join(str(reason).split()),
        "model": result.get("model", "name"), "height": result.get("protocol", "crop", "height"),
        "width": result.get("protocol", "crop", "width"), "dataset": result.get("data", "eval", "dataset"),
        "split": result.get("data", "eval", "split"), "boxes": result.get("data", "eval", "boxes"),
        "key": result.get("key"), "warning": report.banner,
    }


def json_data(report: TableReport) -> dict[str, Any]:
    """Everything as JSON-able data: table, profile, banner, rows with records and comparisons, notes."""
    return {
        "schema": SCHEMA,
        "table": report.name,
        "title": report.table["title"],
        "source": report.table.get("source"),
        "dataset": report.table.get("dataset"),
        "profile": {name: report.profile.get(name) for name in ("name", "title", "reproduces")},
        "banner": report.banner,
        "summary": report.summary,
        "parts": list(report.table["parts"]),
        "metrics": list(report.table["metrics"]),
        "rows": [_json_row(row) for row in report.rows],
        "notes": [asdict(note) for note in report.notes],
        "damaged": list(report.damaged),
    }


def _json_row(row: RowReport) -> dict[str, Any]:
    result = row.result
    return {
        "id": result.row["id"],
        "title": result.row["title"],
        "status": result.status,
        "verdict": row.verdict,
        "stale": result.stale,
        "log": str(result.log) if result.log else None,
        "cited": result.row.get("cited"),
        "gaps": list(result.row.get("gaps") or ()),
        "published": [_json_published(source) for source in result.published],
        "comparisons": [_json_cell(cell) for cell in row.comparisons],
        "record": dict(result.record) if result.record is not None else None,
    }


def _json_published(row: PublishedRow) -> dict[str, Any]:
    return {**asdict(row), "input": list(row.input) if row.input else None}


def _json_cell(cell: Comparison) -> dict[str, Any]:
    return {
        "source_row": cell.source.id if cell.source else None, "part": cell.part, "metric": cell.metric,
        "published": cell.published, "measured": cell.measured,
        "interval": list(cell.interval) if cell.interval else None,
        "difference": cell.verdict.difference if cell.verdict else None,
        "verdict": cell.verdict.verdict if cell.verdict else None,
        "reason": cell.verdict.reason if cell.verdict else None,
    }
