"""Rows against each other as lines of text, the same for every rendering."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from harness.report import words
from harness.report.differences import RowDifference
from harness.report.model import TableReport

INTRODUCTION = ("The mean over seeds of the first row minus that of the second. Intervals are of seeds and images "
                "together, 95 % for all differences of a column at once; better and worse are beyond 0, same is within "
                "the table's margin.")


@dataclass(frozen=True)
class DifferenceLine:
    """One column of a pair of rows; `tally` counts the answers over all columns."""

    rows: str
    column: str
    printed: str
    measured: str
    answer: str
    reason: str
    tally: str


def difference_lines(report: TableReport, every_column: bool = False) -> list[DifferenceLine]:
    """The headline column of every pair: whole-body AP, or the first that was measured; or every column."""
    pairs: dict[tuple[str, str], list[RowDifference]] = {}
    for found in report.differences:
        pairs.setdefault((found.first["id"], found.second["id"]), []).append(found)
    return [_line(cell, cells) for cells in pairs.values() for cell in (cells if every_column else [_headline(cells)])]


def _headline(cells: list[RowDifference]) -> RowDifference:
    whole = [cell for cell in cells if (cell.part, cell.metric) == ("wholebody", "AP")]
    return next((cell for cell in (*whole, *cells) if cell.value is not None), (*whole, *cells)[0])


def _line(cell: RowDifference, cells: Iterable[RowDifference]) -> DifferenceLine:
    counts = Counter(found.answer for found in cells)
    return DifferenceLine(
        f"{cell.first['title']} − {cell.second['title']}", f"{words.part_title(cell.part)} {cell.metric}",
        words.difference(cell.printed), words.difference(cell.value, cell.low, cell.high), cell.answer, cell.reason,
        ", ".join(f"{count} {answer}" for answer, count in counts.items()))
