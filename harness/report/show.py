"""From the folder that runs leave to a report: which record each row shows, then screen and files."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.errors import UserError, unknown
from harness.kinds import kind_of, profile_of
from harness.plan import Plan, is_runnable
from harness.record import DamagedRecord, RowFolder, all_records, newest, of_one_data_set, read_record
from harness.registry import spec_data
from harness.report.forms import FORMATS, SCREEN, SYSTEMS, Form
from harness.report.model import CITED, FAILED, MISSING, RowResult
from harness.report.noise import same_but_for_seed
from harness.report.words import one_line
from harness.report.write import write_report
from harness.run import is_stale
from harness.scoring.resample import Samples, load_samples


def show_report(table_name: str, profile_name: str | None, results: Path, output: str = SCREEN) -> list[str]:
    """Show a table from the newest record of each row; returns a line for each record that cannot be read.

    `output` is one of FORMATS; without a profile it is the one that tables of the kind have by default.
    All rows are of the images that the newest record of all was evaluated on. Rows that are not the table's own
    (mmpose configurations) follow those that are.
    """
    check_format(output)
    report, form = gather(table_name, profile_name, results)
    show(report, results, output, form)
    return list(report.damaged)


def gather(table_name: str, profile_name: str | None, results: Path) -> tuple[Any, Form]:
    """The report of a table as `show_report` shows it, and the form that it has."""
    table = spec_data("tables", table_name)
    profile, form = profile_of(table, profile_name), kind_of(table).load("report")
    everything, damaged = all_records(results, table_name, profile["name"])
    records, others = of_one_data_set(everything)
    rows = whole_table(table, profile, records, form)
    return form.build(table, profile, rows, damaged, [*others, *not_shown(rows, records)]), form


def not_shown(rows: Sequence[RowResult], records: Sequence[tuple[Path, dict[str, Any]]]) -> list[str]:
    """A line for what there is of a row beside the record that a table shows: records with other settings, weights or
    code, and an attempt that failed later."""
    lines = []
    for result in rows:
        if result.record is None or result.status == FAILED:
            continue
        name, own = result.row["id"], [pair for pair in records if pair[1]["row"] == result.row["id"]]
        shown = {(data["key"], data["created"]) for data in result.seeds} | {(result.get("key"), result.get("created"))}
        count = sum(data["status"] != FAILED and (data["key"], data["created"]) not in shown for _, data in own)
        if count:
            lines.append(f"{name}: {count} other record{'s' * (count != 1)}, with other settings, weights or code, "
                         f"{'are' if count != 1 else 'is'} not shown")
        lines += [f"{name}: a later attempt failed and is not shown: {one_line(data['error'])} "
                  f"(log: {RowFolder(folder).log})" for folder, data in own
                  if data["status"] == FAILED and data["created"] > str(result.get("created"))]
    return lines


def whole_table(table: Mapping[str, Any], profile: Mapping[str, Any], records: list[tuple[Path, dict[str, Any]]],
                form: Form, known: Sequence[RowResult] = ()) -> list[RowResult]:
    """Every row of a table, each with the newest of the records; rows of records that are not the table's own follow.

    `known` stand for their rows, but for those without a record, or with a failure, where there is a record.
    """
    found = newest(records)
    done = {name for name, (_, data) in found.items() if data["status"] != FAILED}
    own = {str(result.row["id"]): result for result in known
           if (result.record and result.status != FAILED) or result.row["id"] not in done}
    rows = {row["id"]: row for row in table["rows"]}
    names = [name for name, row in rows.items() if not row.get("alternative_to") or name in {**own, **found}]
    shown = []
    for name in dict.fromkeys([*names, *own, *found]):
        folder, record = found.get(name, (None, None))
        row = rows[name] if name in rows else foreign_row(name, record or {})
        shown.append(own.get(name) or row_result(row, profile, folder, record, records, form))
    return shown


def show_plan_report(plan: Plan, output: str = SCREEN) -> Any:
    """Show the rows of a plan, each with the record of its own key; returns the report.

    The files have the table's other rows as well, with their newest records of the same images.
    """
    form = kind_of(plan.table).load("report")
    everything, unreadable = all_records(plan.results, str(plan.table["name"]), str(plan.profile["name"]))
    shown, damaged = [], []
    for row in plan.rows:
        folder, record = None, None
        if row["id"] in plan.jobs:
            files = RowFolder.of(plan.results, plan.jobs[row["id"]])
            folder = files.path
            try:
                record = read_record(files.record) or read_record(files.failure)
            except DamagedRecord as error:
                damaged.append(str(error))
        shown.append(row_result(row, plan.profile, folder, record, everything, form))
    failed = failed_repeats(plan)
    report = whole = form.build(plan.table, plan.profile, shown, damaged, failed)
    records, others = of_one_data_set(everything, next((row.record for row in shown if row.record), None))
    rows = whole_table(plan.table, plan.profile, records, form, shown)
    if [id(row) for row in rows] != [id(row) for row in shown]:
        whole = form.build(plan.table, plan.profile, rows, unreadable,
                           [*failed, *others, *not_shown(rows, records)])
    show(report, plan.results, output, form, whole)
    return report


def failed_repeats(plan: Plan) -> list[str]:
    """A line for each further seed of a row that failed: the row's own line shows its first."""
    said = []
    for name, job in plan.jobs.items():
        files = RowFolder.of(plan.results, job)
        failure = read_record(files.failure) if name != job.row and not files.record.is_file() else None
        if failure is not None:
            said.append(f"{name} failed and is in no mean: {' '.join(failure['error'].split())} (log: {files.log})")
    return said


def check_format(output: str) -> None:
    """Raises UserError for a format that there is not."""
    if output not in FORMATS:
        raise unknown("format", output, FORMATS)


def show(report: Any, results: Path, output: str = SCREEN, form: Form = SYSTEMS, whole: Any = None) -> None:
    """Print the table, or another form of it and nothing else; write its files beside the records if there are any.

    `whole` is what the files show where the report leaves rows out. Records in a folder that cannot be written are
    shown all the same.
    """
    if output == SCREEN:
        console = Console(highlight=False)
        console.print(form.screen(report, console.width))
    else:
        sys.stdout.write(form.text(report, output))
    folder = results / report.name / str(report.profile["name"])
    if not folder.is_dir():
        return
    try:
        said = "written: " + ", ".join(str(path) for path in write_report(whole or report, folder, form).values())
    except UserError as error:
        said = f"not written to files: {error}"
    Console(stderr=output != SCREEN, highlight=False).print(said, style="dim", soft_wrap=True, markup=False)


def row_result(row: Mapping[str, Any], profile: Mapping[str, Any], folder: Path | None,
               record: Mapping[str, Any] | None, records: Sequence[tuple[Path, Mapping[str, Any]]] = (),
               form: Form = SYSTEMS) -> RowResult:
    """What a row shows: its record or failure; without one it is cited or not run yet.

    `records` are all of the table and profile: among them are the row's other training seeds.
    """
    published = form.published(row)
    if record is None:
        return RowResult(row, MISSING if is_runnable(row, profile) else CITED, published=published)
    log = RowFolder(folder).log if folder else None
    status = str(record.get("status", FAILED))
    if status == FAILED:
        return RowResult(row, status, record, log, published=published)
    seeds = same_but_for_seed(record, (other for _, other in records))
    folders = {id(other): path for path, other in records}
    samples = tuple(samples_of(folders.get(id(seed), folder), seed) for seed in seeds) if len(seeds) > 1 else ()
    return RowResult(row, status, record, log, is_stale(dict(record)), published, seeds, samples_of(folder, record),
                     samples)


def samples_of(folder: Path | None, record: Mapping[str, Any]) -> Samples:
    """The resampled figures beside a record; none where they are not there or cannot be read."""
    name = (record.get("intervals") or {}).get("file")
    if folder is None or not name:
        return {}
    try:
        return load_samples(folder / Path(name).name)
    except UserError:  # the table then has no bold values; everything else is in the record
        return {}


def foreign_row(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """A row for a record that the table does not list, with nothing published to hold it against."""
    return {"id": name, "title": record.get("title", name), "published": [], "gaps": []}


