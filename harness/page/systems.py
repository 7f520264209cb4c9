"""The section of a table whose rows have parts and metrics: all columns, a tab for each part, size and speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.page import charts
from harness.page.content import (
    PUBLISHED,
    RECORD,
    Cell,
    Column,
    Finding,
    Grid,
    Line,
    Ref,
    Section,
)
from harness.published import PublishedRow
from harness.report import lines as kinds
from harness.report import words
from harness.report.lines import system_lines
from harness.report.model import MEASURED, Comparison, RowReport, RowResult, TableReport
from harness.report.verdicts import NOT_REPRODUCED

LEADING = ("Systems are sorted by their measured number; by the published one where there is none, or only that of a "
           "stand-in. Lines of one system stay together. Enter or a click on a number opens where it comes from.")


def section(report: TableReport) -> Section:
    """Everything that the page shows of a table."""
    name = f"{report.name}-{report.profile['name']}"
    grids = [all_columns(report, name), *(one_part(report, name, part) for part in report.table["parts"])]
    if any(row.result.measured for row in report.rows):
        grids.append(sizes(report, name))
    if report.differences:
        grids.append(differences(report, name))
    return Section(
        id=name, title=str(report.table["title"]), table=report.name, profile=str(report.profile["name"]),
        summary=report.summary, source=str(report.table.get("source") or ""), banner=report.banner, grids=tuple(grids),
        findings=tuple(findings(report)), charts=tuple(charts.of_table(report, name)),
        notes=tuple((note.row or "", note.kind, note.text) for note in report.notes), damaged=report.damaged,
        records=tuple(records_of(report)))


def records_of(report: TableReport) -> Iterator[Mapping[str, Any]]:
    """All records and failures that the table shows, once each."""
    seen = set()
    for row in report.rows:
        for record in (*((row.result.record,) if row.result.record else ()), *row.result.trainings):
            if record["key"] not in seen:
                seen.add(record["key"])
                yield record


def findings(report: TableReport) -> Iterator[Finding]:
    """Printed numbers that look wrong, and rows that were not reproduced."""
    for note in report.notes:
        if note.kind == "doubtful":
            yield Finding(note.row or report.name, note.text, "doubtful")
    for row in report.rows:
        cell = row.headline(row.result.published[0].id) if row.result.published else None
        if cell and cell.verdict and cell.verdict.verdict == NOT_REPRODUCED:
            yield Finding(str(row.result.row["title"]), f"{column_name(cell)} not reproduced: {_compared(cell)}",
                          NOT_REPRODUCED)


def all_columns(report: TableReport, name: str) -> Grid:
    """Every part and metric: published lines, what was run, means, differences and verdicts."""
    columns = (Column("Method", numeric=False), Column("Input", numeric=False), *(
        Column(metric, words.part_title(part)) for part, metric in report.columns), Column("Status", numeric=False))
    groups, leads = [], []
    for row in report.rows:
        group = list(_lines(report, row))
        groups.append(tuple(group))
        leads.append(_leading(row, group))
    return Grid(f"{name}-all", "All parts", columns, tuple(groups), tuple(leads), LEADING)


def _leading(row: RowReport, group: Sequence[Line]) -> int:
    wanted = (kinds.MEAN, kinds.RUN) if row.result.status == MEASURED else (kinds.PUBLISHED,)
    for kind in wanted:
        for number, line in enumerate(group):
            if line.kind == kind and any(cell.value is not None for cell in line.cells):
                return number
    return next((i for i, line in enumerate(group) if any(cell.value is not None for cell in line.cells)), 0)


def _lines(report: TableReport, row: RowReport) -> Iterator[Line]:
    """The lines of the other renderings, each number with where it comes from."""
    sources = iter(row.result.published)
    source = None
    for line in system_lines(report, row):
        if line.kind in (kinds.PUBLISHED, kinds.OTHER):
            source = next(sources, None)
        bold = line.bold or (False,) * len(line.values)
        cells = [_cell(row, line.kind, column, text, strong, source if line.kind in (kinds.PUBLISHED, kinds.OTHER)
                       else None) for column, text, strong in zip(report.columns, line.values, bold, strict=True)]
        yield Line((Cell(line.label), Cell(line.resolution), *cells, _status(row, line)), line.kind)


def _status(row: RowReport, line: kinds.Line) -> Cell:
    hint: tuple[str, ...] = ()
    if line.kind == kinds.RUN and row.result.get("error"):
        hint = (words.one_line(row.result.get("error")),)
    if line.kind == kinds.PUBLISHED and row.result.row.get("cited"):
        hint = (words.one_line(row.result.row["cited"]),)
    refs = (Ref(RECORD, str(row.result.get("key"))),) if line.kind == kinds.RUN and row.result.get("key") else ()
    return Cell(line.status, refs=refs, hint=hint, mark=line.status.split(",")[0])


def _cell(row: RowReport, kind: str, column: tuple[str, str], text: str, strong: bool, source: PublishedRow | None
          ) -> Cell:
    result = row.result
    if kind in (kinds.PUBLISHED, kinds.OTHER):
        return published_cell(source, *column)
    if kind == kinds.RUN:
        return measured_cell(row, *column, strong=strong)
    own = next((cell for cell in row.first if (cell.part, cell.metric) == column), None)
    if text == words.NOTHING or own is None:
        return Cell(text)
    if kind == kinds.MEAN:
        return Cell(text, result.mean(*column), seed_refs(result, *column), (f"{result.averaged}", *_spreads(own)))
    refs = (*seed_refs(result, *column), *published_refs(own.source, *column))
    verdict = own.verdict.verdict if own.verdict else ""
    value = own.verdict.difference if own.verdict and kind == kinds.DIFFERENCE else None
    return Cell(text, value, refs, (_compared(own),), verdict)


def published_cell(source: PublishedRow | None, part: str, metric: str) -> Cell:
    """A printed number, with who printed it."""
    value = source.value(part, metric) if source else None
    if source is None or value is None:
        return Cell(words.NOTHING)
    hint = [f"{source.source.short}{': ' + source.where if source.where else ''}"]
    cell = f"{part}.{metric}"
    hint += ["probably a misprint: no verdict uses it"] if cell in source.doubtful else []
    hint += ["worked out here from what is printed"] if cell in source.derived else []
    return Cell(words.fraction(value), value, published_refs(source, part, metric), tuple(hint),
                "doubtful" if cell in source.doubtful else "")


def measured_cell(row: RowReport, part: str, metric: str, strong: bool = False) -> Cell:
    """A measured number, with its interval and what it says of each published one."""
    result = row.result
    value = result.value(part, metric)
    if value is None:
        return Cell(words.NOTHING)
    compared = [cell for cell in row.comparisons if (cell.part, cell.metric) == (part, metric)]
    interval = result.interval(part, metric)
    hint = [_interval_words(result, interval)] if interval else []
    hint += ["bold: not worse than the best of the column beyond the paired interval"] if strong else []
    said: dict[str, list[str]] = {}
    for cell in compared:
        if cell.source and cell.verdict:
            said.setdefault(_compared(cell), []).append(cell.source.source.short)
    hint += [f"{', '.join(names)}: {text}" for text, names in said.items()]
    hint += list(_spreads(compared[0])) if compared else []
    first = compared[0].verdict if compared else None
    refs = (Ref(RECORD, str(result.get("key")), ("metrics", "parts", part, metric), "measured"),
            *(ref for cell in compared for ref in published_refs(cell.source, part, metric)))
    return Cell(words.fraction(value), value, refs, tuple(hint), first.verdict if first else "", strong)


def _interval_words(result: RowResult, pair: tuple[float, float]) -> str:
    level, method = result.get("intervals", "level"), result.get("intervals", "method")
    resamples = result.get("intervals", "resamples")
    count = f", {resamples} resamples" if resamples else ""
    return f"{level:.0%} interval {words.interval(pair)} ({method}{count})"


def _compared(cell: Comparison) -> str:
    judged = cell.verdict
    if judged is None:
        return ""
    printed = f"published {words.fraction(cell.published)}"
    by = f", difference {words.difference(judged.difference, judged.low, judged.high)}" \
        if judged.difference is not None else ""
    return f"{printed}{by}: {judged.verdict} ({judged.reason})"


def _spreads(cell: Comparison) -> Iterator[str]:
    for what, spread in (("training seeds", cell.training), ("repeated evaluations", cell.evaluation)):
        if spread and spread.n > 1:
            yield f"standard deviation over {spread.n} {what}: {spread.sd:.4f} [{spread.low:.4f}, {spread.high:.4f}]"


def column_name(cell: Comparison) -> str:
    """Part and metric in words."""
    return f"{words.part_title(cell.part)} {cell.metric}"


def seed_refs(result: RowResult, part: str, metric: str) -> tuple[Ref, ...]:
    """Every number that the mean of a row is made of: its seeds, or the repeated evaluations of each."""
    refs = []
    repeated = [(record.get("evaluation_noise") or {}).get("repeats") or () for record in result.trainings]
    for record, repeats in zip(result.trainings, repeated, strict=True):
        if all(repeated):
            refs += [Ref(RECORD, record["key"], ("evaluation_noise", "repeats", i, part, metric),
                         f"seed {record.get('seed')}, repeat {i + 1}") for i in range(len(repeats))]
        else:
            refs.append(Ref(RECORD, record["key"], ("metrics", "parts", part, metric), f"seed {record.get('seed')}"))
    return tuple(refs)


def published_refs(source: PublishedRow | None, part: str, metric: str) -> tuple[Ref, ...]:
    """Where a printed number stands."""
    if source is None or source.value(part, metric) is None:
        return ()
    return (Ref(PUBLISHED, source.id, ("metrics", part, metric), "published"),)


def one_part(report: TableReport, name: str, part: str) -> Grid:
    """One part: for each metric published, measured, interval, difference and verdict, source by source; then the
    other figures that the records have of the part."""
    metrics = list(report.table["metrics"])
    more = list(dict.fromkeys(metric for row in report.rows if row.result.measured
                              for metric in row.result.get("metrics", "parts", part) or () if metric not in metrics))
    columns = [Column("Method", numeric=False), Column("Against", numeric=False), Column("Status", numeric=False)]
    for metric in metrics:
        columns += [Column("published", metric), Column("measured", metric), Column("interval", metric),
                    Column("difference", metric), Column("verdict", metric, numeric=False)]
    columns += [Column(metric, "also measured") for metric in more]
    groups = []
    for row in report.rows:
        for source in row.result.published or (None,):
            cells = [Cell(str(row.result.row["title"])), Cell(source.source.short if source else words.NOTHING),
                     Cell(row.result.status, mark=row.result.status)]
            compared = {cell.metric: cell for cell in row.against(source.id if source else None) if cell.part == part}
            for metric in metrics:
                cells += _compared_cells(row, source, compared[metric])
            cells += [measured_cell(row, part, metric) for metric in more]
            groups.append((Line(tuple(cells)),))
    return Grid(f"{name}-{part}", words.part_title(part), tuple(columns), tuple(groups), (0,) * len(groups))


def _compared_cells(row: RowReport, source: PublishedRow | None, cell: Comparison) -> list[Cell]:
    column, judged = (cell.part, cell.metric), cell.verdict
    strong = column in row.best
    measured = measured_cell(row, *column, strong=strong)
    refs = (*seed_refs(row.result, *column), *published_refs(source, *column)) if row.result.measured else ()
    pair = cell.interval
    paths = ("intervals", "parts", *column)
    width = Cell(words.interval(pair), pair[1] - pair[0], (Ref(RECORD, str(row.result.get("key")), paths, "interval"),),
                 (_interval_words(row.result, pair),)) if pair else Cell("")
    if judged is None:
        return [published_cell(source, *column), measured, width, Cell(""), Cell("")]
    difference = Cell("") if judged.difference is None else Cell(
        words.difference(judged.difference, judged.low, judged.high), judged.difference, refs, (_compared(cell),))
    return [published_cell(source, *column), measured, width, difference,
            Cell(judged.verdict, None, refs, (judged.reason,), judged.verdict)]


def sizes(report: TableReport, name: str) -> Grid:
    """Parameters, operations, speed and memory of what was run, and what is printed of the parameters and operations.
    """
    columns = (Column("Method", numeric=False), Column("Network", numeric=False), Column("Params (M)"),
               Column("GMACs"), Column("img/s"), Column("ms an image"), Column("Peak memory"), Column("Trained in"))
    groups = []
    for row in report.rows:
        group = [Line((Cell(str(row.result.row["title"])), Cell(source.source.short), *_printed_cost(source), Cell(""),
                       Cell(""), Cell(""), Cell("")), kinds.OTHER)
                 for source in row.result.published if source.counted or source.printed]
        if row.result.measured:
            group.append(Line((Cell(str(row.result.row["title"])), Cell(str(row.result.get("model", "name"))), *(
                cost_cell(row.result, cost) for cost in charts.COSTS)), kinds.RUN))
        groups += [tuple(group)] if group else []
    return Grid(f"{name}-size", "Size and speed", columns, tuple(groups), tuple(len(group) - 1 for group in groups),
                "Lines of one system stay together, and are sorted by the network that was run.")


def _printed_cost(source: PublishedRow) -> Iterator[Cell]:
    for name, text in (("parameters_m", words.quantity), ("gmacs", words.quantity)):
        kept = "printed" if name in source.printed else "counted"
        value = getattr(source, kept).get(name)
        yield Cell("") if value is None else Cell(
            text(value), value, (Ref(PUBLISHED, source.id, (kept, name), kept),),
            ("printed" if kept == "printed" else "worked out here, not by the source",))


def cost_cell(result: RowResult, cost: charts.Cost) -> Cell:
    """A size or time of a row that was run."""
    value = cost.of(result)
    if value is None:
        return Cell(words.NOTHING)
    refs = (Ref(RECORD, str(result.get("key")), cost.path, cost.title),)
    return Cell(cost.words(value), value, refs, (charts.conditions(result),) if cost.timed else ())


def differences(report: TableReport, name: str) -> Grid:
    """Rows against each other, every column of every pair."""
    columns = (Column("First minus second", numeric=False), Column("Column", numeric=False), Column("printed"),
               Column("measured"), Column("interval"), Column("First is", numeric=False),
               Column("Why", numeric=False))
    results = {row.result.row["id"]: row.result for row in report.rows}
    groups = []
    for found in report.differences:
        pair = results[found.first["id"]], results[found.second["id"]]
        column = found.part, found.metric
        known = pair if found.value is not None else ()
        measured = tuple(ref for result in known for ref in seed_refs(result, *column))
        printed = tuple(ref for result in pair for ref in published_refs(
            result.published[0] if result.published else None, *column)) if found.printed is not None else ()
        limits = f"[{words.difference(found.low)}, {words.difference(found.high)}]" if found.low is not None else ""
        groups.append((Line((
            Cell(f"{found.first['title']} − {found.second['title']}"),
            Cell(f"{words.part_title(found.part)} {found.metric}"),
            Cell(words.difference(found.printed), found.printed, printed),
            Cell(words.difference(found.value), found.value, measured), Cell(limits, found.low, measured),
            Cell(found.answer, None, measured, (), found.answer), Cell(found.reason))),))
    return Grid(f"{name}-differences", "Differences", columns, tuple(groups), (0,) * len(groups),
                "The mean over seeds of the first row minus that of the second. Intervals are of seeds and images "
                "together, 95 % for all differences of a column at once.")
