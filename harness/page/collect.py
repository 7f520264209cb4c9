"""What a results folder has for a page: its tables, and what lies beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.everything import tables as all_tables
from harness.gate.history.commits import Repository
from harness.kinds import profile_of
from harness.page import history, precision
from harness.page.content import Page, Section
from harness.profiling.revision import ROOT
from harness.record import all_records
from harness.registry import names, spec_data
from harness.report.model import RowResult
from harness.report.show import gather

BASELINES = Path("results/baselines")
"""Where `harness baseline` keeps them unless told otherwise."""


def collect(results: Path, table: str | None = None, profile: str | None = None) -> Page:
    """The page of all tables that a folder has records of, or of one table; of every profile, or of one.

    A table that cannot be shown is named in `notes`. Raises UserError where there is no record, and for a table or
    profile that is not there.
    """
    if table is not None:
        profile_of(spec_data("tables", table), profile)
    sections: list[Section] = []
    files: dict[str, str] = {}
    notes: list[str] = []
    for name, of in stored(results, table, profile):
        try:
            report, form = gather(name, of, results)
            sections.append(_with_precision(form.page(report), report, results))
        except UserError as error:
            if table is not None:
                raise
            notes.append(f"{name}, profile {of}, is not shown: {error}")
            continue
        files |= record_files(results, name, of)
    if not sections:
        which = " ".join(["no records", *([f"of {table}"] if table else []), *([f"in profile {profile}"] if profile else
                                                                              [])])
        raise UserError("; ".join([f"{which} in {results} (--results DIR; `harness run` makes them)", *notes]))
    keys = {str(results / Path(file).relative_to(Path(file).parts[0])): key for key, file in files.items()}
    charts, skipped = history.chart(results, BASELINES, Repository(ROOT), keys)
    notes += [f"not in the history: {line}" for line in skipped]
    title = sections[0].title if len({section.table for section in sections}) == 1 else "Tables and records"
    return Page(title, results.resolve().name, tuple(sections), tuple(charts), files=files, notes=tuple(notes))


def stored(results: Path, table: str | None, profile: str | None) -> Iterator[tuple[str, str]]:
    """Tables and profiles that have a record or a failure, those that `harness run all` leaves out last."""
    in_all = all_tables()
    for name in [table] if table else [*in_all, *(name for name in names("tables") if name not in in_all)]:
        for folder in sorted(path for path in (results / name).glob("*") if path.is_dir()):
            ended = (path for file in ("record.json", "failure.json") for path in folder.glob(f"*/{file}"))
            if profile in (None, folder.name) and any(ended):
                yield name, folder.name


def record_files(results: Path, table: str, profile: str) -> dict[str, str]:
    """Of each record and failure its key and its file, from the results folder's own name on."""
    found = {}
    for folder, record in all_records(results, table, profile)[0]:
        file = "failure.json" if record.get("status") == "failed" else "record.json"
        found[record["key"]] = str(Path(results.resolve().name) / (folder / file).relative_to(results))
    return found


def records(page: Page) -> dict[str, Mapping[str, Any]]:
    """All records of a page by key."""
    return {record["key"]: record for section in page.sections for record in section.records}


def _with_precision(section: Section, report: Any, results: Path) -> Section:
    """The section with the curves that stored predictions give, behind its own charts."""
    folders = {record["key"]: folder for folder, record in all_records(results, section.table, section.profile)[0]}
    found = [(result, folders[result.record["key"]]) for result in results_of(report)
             if result.measured and result.record is not None and precision.has_predictions(result.record)]
    charts = precision.chart(found, list(report.table.get("parts") or ()), section.id)
    rows = tuple(str(result.row["id"]) for result in results_of(report))
    return replace(section, charts=tuple(replace(chart, rows=rows) for chart in (*section.charts, *charts)))


def results_of(report: Any) -> Iterator[RowResult]:
    """The rows of a report of any kind."""
    for row in report.rows:
        yield row if isinstance(row, RowResult) else row.result
