"""A report as data: CSV with a line for every cell and source, and JSON with everything."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

from harness.published import PublishedRow
from harness.report.differences import RowDifference
from harness.report.model import Comparison, RowReport, TableReport
from harness.report.verdicts import Verdict

SCHEMA = 1
"""Version of the JSON form; raised when a field changes its meaning or goes."""

CSV_COLUMNS = (
    "table", "profile", "row", "title", "source", "source_row", "part", "metric", "published", "measured", "low",
    "high", "compared", "difference", "difference_low", "difference_high", "margin", "status", "stale", "verdict",
    "reason", "seeds", "training_sd", "evaluation_sd", "best", "model", "height", "width", "dataset", "split", "boxes",
    "key", "warning", "minus",
)
"""Long form: numbers are fractions with full digits, empty where there is none. `low` and `high` are over images,
`compared` is the mean over seeds and repeats, `difference` that minus published with its interval, `training_sd` and
`evaluation_sd` are spreads of the row itself, `best` the values that tables print bold; `warning` is the banner. Where
`minus` names a row, the line is the difference of two: `published` of their printed numbers, `difference` of their
means over seeds with its interval, `verdict` what `row` is to `minus`."""


def csv_text(report: TableReport) -> str:
    """One line for every row, source, part and metric; rows without a published number have one without a source.

    Then one for every difference between rows and every part and metric.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in report.rows:
        for cell in row.comparisons:
            writer.writerow(_csv_row(report, row, cell))
    writer.writerows(_csv_difference(report, found) for found in report.differences)
    return text.getvalue()


def _csv_difference(report: TableReport, found: RowDifference) -> dict[str, Any]:
    return {
        "table": report.name, "profile": report.profile["name"], "row": found.first["id"],
        "title": f"{found.first['title']} - {found.second['title']}", "part": found.part, "metric": found.metric,
        "published": found.printed, "difference": found.value, "difference_low": found.low,
        "difference_high": found.high, "verdict": found.answer, "reason": " ".join(found.reason.split()),
        "seeds": " and ".join(map(str, found.seeds)), "warning": report.banner, "minus": found.second["id"],
    }


def _csv_row(report: TableReport, row: RowReport, cell: Comparison) -> dict[str, Any]:
    result = row.result
    low, high = cell.interval or (None, None)
    judged = cell.verdict
    if cell.verdict is None:
        reason = result.get("error") or result.row.get("cited") or ""
    else:
        reason = cell.verdict.reason
    return {
        "table": report.name, "profile": report.profile["name"], "row": result.row["id"], "title": result.row["title"],
        "source": cell.source.source.id if cell.source else None, "source_row": cell.source.id if cell.source else None,
        "part": cell.part, "metric": cell.metric, "published": cell.published, "measured": cell.measured,
        "low": low, "high": high, "compared": result.mean(cell.part, cell.metric),
        "difference": judged.difference if judged else None,
        "difference_low": judged.low if judged else None, "difference_high": judged.high if judged else None,
        "margin": judged.margin if judged else None, "seeds": max(1, len(result.seeds)) if result.measured else None,
        "training_sd": cell.training.sd if cell.training else None,
        "evaluation_sd": cell.evaluation.sd if cell.evaluation else None,
        "best": "yes" if (cell.part, cell.metric) in row.best else "no",
        "status": result.status, "stale": "yes" if result.stale else "no",
        "verdict": judged.verdict if judged else None, "reason": " ".join(str(reason).split()),
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
        "differences": [_json_difference(found) for found in report.differences],
        "notes": [asdict(note) for note in report.notes],
        "damaged": list(report.damaged),
    }


def _json_difference(found: RowDifference) -> dict[str, Any]:
    return {"first": found.first["id"], "second": found.second["id"], "part": found.part, "metric": found.metric,
            "printed": found.printed, "difference": found.value,
            "interval": [found.low, found.high] if found.low is not None else None, "seeds": list(found.seeds),
            "first_is": found.answer, "reason": found.reason}


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
        "seeds": [record.get("seed") for record in result.seeds],
        "best": [{"part": part, "metric": metric} for part, metric in sorted(row.best)],
        "comparisons": [_json_cell(row, cell) for cell in row.comparisons],
        "record": dict(result.record) if result.record is not None else None,
    }


def _json_published(row: PublishedRow) -> dict[str, Any]:
    return {**asdict(row), "input": list(row.input) if row.input else None}


def _json_cell(row: RowReport, cell: Comparison) -> dict[str, Any]:
    return {
        "source_row": cell.source.id if cell.source else None, "part": cell.part, "metric": cell.metric,
        "published": cell.published, "measured": cell.measured,
        "interval": list(cell.interval) if cell.interval else None,
        "compared": row.result.mean(cell.part, cell.metric),
        "training_spread": asdict(cell.training) if cell.training else None,
        "evaluation_spread": asdict(cell.evaluation) if cell.evaluation else None,
        **_json_verdict(cell.verdict),
    }


def _json_verdict(judged: Verdict | None) -> dict[str, Any]:
    """The verdict with its interval, its margin and the spreads that the interval is made of."""
    if judged is None:
        return {"difference": None, "difference_interval": None, "margin": None, "noise": None, "verdict": None,
                "reason": None}
    interval = [judged.low, judged.high] if judged.low is not None else None
    return {"difference": judged.difference, "difference_interval": interval, "margin": judged.margin,
            "noise": asdict(judged.noise) if judged.noise else None, "verdict": judged.verdict,
            "reason": judged.reason}
