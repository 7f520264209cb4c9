"""The charts of a table: accuracy by part, accuracy against cost, and how trainings went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.page.content import PUBLISHED, RECORD, Chart, Curve, Point, Ref, View
from harness.report import words
from harness.report.model import RowReport, RowResult, TableReport


@dataclass(frozen=True)
class Cost:
    """A size or time of a record that accuracy can be held against."""

    title: str
    path: tuple[str, ...]
    words: Callable[[float], str]
    scale: Callable[[float], float] = float
    """From the record's number to what is shown."""
    timed: bool = False
    """Depends on the machine."""
    printed: str = ""
    """Its name in `printed` and `counted` of published rows, which have it in the shown unit."""

    def of(self, result: RowResult) -> float | None:
        """The value in the record's unit; of `ms an image`, which no record has as such, in milliseconds."""
        value = result.get(*self.path)
        return None if value is None or isinstance(value, bool) or not value else self.scale(float(value))


def _per_image(rate: float) -> float:
    return 1000 / rate


COSTS = (
    Cost("Params (M)", ("model", "parameters"), lambda value: words.quantity(value), lambda count: count / 1e6,
         printed="parameters_m"),
    Cost("GMACs", ("model", "gmacs"), words.quantity, printed="gmacs"),
    Cost("img/s", ("times", "images_per_second"), words.quantity, timed=True),
    Cost("ms an image", ("times", "images_per_second"), words.quantity, _per_image, timed=True),
    Cost("Peak memory (GiB)", ("memory", "peak_bytes"), words.quantity, lambda count: count / 2**30, timed=True),
    Cost("Trained in (min)", ("times", "training_s"), words.quantity, lambda seconds: seconds / 60, timed=True),
)
"""In the order of the columns of size and speed."""
ACROSS = ("ms an image", "GMACs", "Params (M)", "Peak memory (GiB)", "img/s", "Trained in (min)")
"""The axis of the chart of accuracy against cost, in the order in which they are offered."""


def conditions(result: RowResult) -> str:
    """Under which a time was measured."""
    times = result.get("times") or {}
    parts = [f"network alone, on {times.get('device') or result.get('device')}"]
    parts += [f"batch {times['batch_size']}"] if times.get("batch_size") else []
    parts += [str(times["precision"])] if times.get("precision") else []
    parts += ["flip counted as two passes"] if result.get("protocol", "test", "flip") else []
    machine = result.get("machine", "gpu") if times.get("device") == "cuda" else result.get("machine", "processor")
    return ", ".join([*parts, *([str(machine)] if machine else [])])


def of_table(report: TableReport, name: str) -> Iterator[Chart]:
    """The charts that a table's own numbers make."""
    measured = [row.result for row in report.rows if row.result.measured]
    yield by_part(report, name)
    if measured:
        yield against_cost(report, name)
        yield from trainings(measured, name)


def _id(row: RowReport) -> str:
    return str(row.result.row["id"])


def _name(row: RowReport, published: bool) -> str:
    title = str(row.result.row["title"])
    if published:
        return f"{title}, {row.result.published[0].source.short}"
    model = row.result.get("model", "name")
    return f"{title} ({row.result.status}: {model})" if row.result.status != "measured" else title


def by_part(report: TableReport, name: str) -> Chart:
    """Every metric of the table: a mark for each row and part, measured with its interval, published hollow."""
    parts = list(report.table["parts"])
    views = []
    for metric in report.table["metrics"]:
        curves = []
        for row in report.rows:
            source = row.result.published[0] if row.result.published else None
            if source:
                curves.append(Curve(_name(row, True), tuple(
                    Point(i, value, ref=Ref(PUBLISHED, source.id, ("metrics", part, metric), "published"))
                    for i, part in enumerate(parts) if (value := source.value(part, metric)) is not None), _id(row),
                    hollow=True))
            curves.append(Curve(_name(row, False), tuple(_measured(row.result, parts, metric)), _id(row)))
        views.append(View((metric,), tuple(curve for curve in curves if curve.points), "part", metric))
    return Chart(f"{name}-by-part", f"{' and '.join(report.table['metrics'])} by part, with intervals", "dots",
                 (("Metric", tuple(report.table["metrics"])),), tuple(views),
                 tuple(words.part_title(part) for part in parts),
                 ("Filled: measured, with the interval of resampled images where there is one. Hollow: published.",))


def _measured(result: RowResult, parts: Iterable[str], metric: str) -> Iterator[Point]:
    for i, part in enumerate(parts):
        value = result.value(part, metric)
        if value is not None:
            yield _point(i, value, result, part, metric)


def _point(x: float, value: float, result: RowResult, part: str, metric: str) -> Point:
    low, high = result.interval(part, metric) or (None, None)
    return Point(x, value, low, high, ref=Ref(RECORD, str(result.get("key")), ("metrics", "parts", part, metric),
                                              "measured"))


def against_cost(report: TableReport, name: str) -> Chart:
    """Every cost across, every column of the table up."""
    columns = {f"{words.part_title(part)} {metric}": (part, metric) for part, metric in report.columns}
    costs = {cost.title: cost for cost in COSTS}
    views = []
    for across in ACROSS:
        for up, column in columns.items():
            curves = [curve for row in report.rows for curve in _against(row, costs[across], *column)]
            views.append(View((across, up), tuple(curves), across, up))
    timed = dict.fromkeys(conditions(row.result) for row in report.rows if row.result.measured)
    whole = f"{words.part_title('wholebody')} {report.table['metrics'][0]}"
    return Chart(f"{name}-cost", "Accuracy against cost", "scatter",
                 (("Across", ACROSS), ("Up", tuple(columns))), tuple(views), (),
                 (*(f"Times and memory: {text}." for text in timed),
                  "Hollow: published; its size as printed, or counted here where it is not printed. Systems of "
                  "different data or schedule, stand-ins above all, may not be held against each other."),
                 start=(ACROSS[0], whole if whole in columns else next(iter(columns))))


def _against(row: RowReport, cost: Cost, part: str, metric: str) -> Iterator[Curve]:
    source = row.result.published[0] if row.result.published else None
    if source and cost.printed:
        size = source.printed.get(cost.printed, source.counted.get(cost.printed))
        value = source.value(part, metric)
        if size is not None and value is not None:
            yield Curve(_name(row, True), (Point(size, value, ref=Ref(
                PUBLISHED, source.id, ("metrics", part, metric), "published")),), _id(row), hollow=True)
    if row.result.measured:
        value, size = row.result.value(part, metric), cost.of(row.result)
        if value is not None and size is not None:
            yield Curve(_name(row, False), (_point(size, value, row.result, part, metric),), _id(row))


def trainings(results: Iterable[RowResult], name: str) -> Iterator[Chart]:
    """What records keep of each epoch: loss, learning rate, and the score where it was evaluated; each seed a curve."""
    records = [(result, record) for result in results for record in result.trainings if history_of(record)]
    figures = list(dict.fromkeys(figure for _, record in records for epoch in history_of(record) for figure in epoch
                                 if figure not in ("epoch", "seconds")))
    figures = [figure for figure in figures if figure == "loss"] + [f for f in figures if f != "loss"]
    if not records:
        return
    views = []
    for figure in figures:
        curves = [Curve(_training_name(result, record), tuple(
            Point(epoch["epoch"], epoch[figure], ref=Ref(RECORD, record["key"], ("training", "history", i, figure),
                                                         f"epoch {epoch['epoch']}"))
            for i, epoch in enumerate(history_of(record)) if epoch.get(figure) is not None), str(result.row["id"]))
            for result, record in records]
        views.append(View((TITLES.get(figure, figure),), tuple(c for c in curves if c.points), "epoch",
                          TITLES.get(figure, figure)))
    yield Chart(f"{name}-training", "Training curves", "lines",
                (("Figure", tuple(TITLES.get(figure, figure) for figure in figures)),), tuple(views), (),
                ("Means over an epoch's steps. Losses of different kinds or targets may not be held against each "
                 "other.",))


TITLES = {"lr": "learning rate"}
"""Of the figures of an epoch whose name says little."""


def history_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a record keeps of its training's epochs; empty where it was given its weights."""
    return list((record.get("training") or {}).get("history") or ())


def _training_name(result: RowResult, record: Mapping[str, Any]) -> str:
    model = result.get("model", "name")
    seed = f", seed {record.get('seed')}" if len(result.trainings) > 1 else ""
    return f"{result.row['title']} ({model}){seed}"
