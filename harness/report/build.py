"""From rows and their records to a report: every cell against every published source, then the notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import UserError, unknown
from harness.published import PublishedRow, load_published
from harness.report.best import best_cells
from harness.report.comparability import comparability, used_published_weights
from harness.report.differences import row_differences
from harness.report.model import BANNER, FAILED, OTHER_BANNER, STAND_IN, Comparison, RowReport, RowResult, TableReport
from harness.report.noise import cell_noise, evaluation_spread, training_spread
from harness.report.notes import all_notes
from harness.report.verdicts import MARGIN, Verdict, verdict


def build_report(table: Mapping[str, Any], profile: Mapping[str, Any], rows: Sequence[RowResult],
                 damaged: Sequence[str] = (), others: Sequence[str] = ()) -> TableReport:
    """Compare every row with its published numbers.

    `table` and `profile` are the data of their YAML files, `rows` are shown in the order given, `damaged` are lines
    about records that could not be read, `others` about such as are not shown. Raises UserError for a table without
    name, parts, metrics or with an unknown tolerance.
    """
    for name in ("name", "title", "parts", "metrics"):
        if not table.get(name):
            raise UserError(f"table {table.get('name', '(unnamed)')} has no {name}")
    margin, trainings = margin_of(table), published_rows(table, load_published(), "trainings", str(table["name"]))
    columns = [(part, metric) for part in table["parts"] for metric in table["metrics"]]
    best = best_cells(rows, columns)
    compared = tuple(RowReport(result, _comparisons(table, profile, result, margin, trainings),
                               best.get(str(result.row["id"]), frozenset())) for result in rows)
    banner = banner_of({**profile, "dataset": profile.get("dataset") or table.get("dataset")}, rows)
    return TableReport(table, profile, banner, compared, all_notes(table, profile, compared, others),
                       row_differences(table, rows, columns, margin), tuple(damaged))


def published_rows(row: Mapping[str, Any], published: Mapping[str, PublishedRow], field: str = "published",
                   place: str | None = None) -> tuple[PublishedRow, ...]:
    """The published rows that a table's row names, in its order. Raises UserError for an id that is not there."""
    ids = row.get(field) or ()
    for name in ids:
        if name not in published:
            raise unknown("published row", name, published, f"of {place or 'row ' + str(row['id'])}")
    return tuple(published[name] for name in ids)


def margin_of(table: Mapping[str, Any]) -> float:
    """How far apart two values of a table may lie and still count as the same. Raises UserError for what is no such."""
    given = table.get("tolerance") or {}
    for name in given:
        if name != "margin":
            raise unknown("tolerance", str(name), ["margin"], f"of table {table['name']}")
    margin = given.get("margin", MARGIN)
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 <= margin <= 1:
        raise UserError(f"margin {margin!r} of table {table['name']} must be a fraction 0 to 1, for example 0.005")
    return float(margin)


def banner_of(profile: Mapping[str, Any], rows: Sequence[RowResult]) -> str | None:
    """The line above a table with stand-ins; None where there is none."""
    stand_ins = [result for result in rows if result.status == STAND_IN]
    failed = [result for result in rows if result.status == FAILED]
    if profile.get("reproduces"):
        return OTHER_BANNER if stand_ins else None
    own = profile.get("dataset")
    # A failure says what it was to be evaluated on, not what it was to be trained on.
    if any(result.get("data", "train", "dataset") != own for result in stand_ins) or any(
            result.get("data", "eval", "dataset") not in (None, own) for result in failed):
        return OTHER_BANNER
    return str(profile.get("banner") or BANNER)


def _comparisons(table: Mapping[str, Any], profile: Mapping[str, Any], result: RowResult, margin: float,
                 trainings: Sequence[PublishedRow]) -> tuple[Comparison, ...]:
    cells = [(part, metric) for part in table["parts"] for metric in table["metrics"]]
    sources: Sequence[PublishedRow | None] = result.published or (None,)
    found = []
    for source in sources:
        reasons: list[str] = []
        same = False
        if result.measured and source is not None:
            reasons = comparability(result, source, profile, table.get("annotations"))
            same = used_published_weights(result, source)
        for part, metric in cells:
            printed = source.value(part, metric) if source else None
            measured, interval = result.value(part, metric), result.interval(part, metric)
            judged: Verdict | None = None
            if result.measured and source is not None:
                doubts = [*reasons]
                if f"{part}.{metric}" in source.doubtful:
                    doubts.append("the printed value is doubtful")
                noise = cell_noise(result, part, metric, not same, trainings)
                judged = verdict(printed, result.seed_values(part, metric), doubts, noise=noise, margin=margin)
            found.append(Comparison(part, metric, source, printed, measured, interval, judged,
                                    training_spread(result, part, metric), evaluation_spread(result, part, metric)))
    return tuple(found)
