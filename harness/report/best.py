"""Which measured values are bold: those that are not worse than the best of their column beyond the paired interval.

Records keep the figures of every resample, and all rows draw the same resamples of the same images. The difference
of two rows is thus resampled in pairs without scoring anything again. Numbers that are only printed take no part.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.differences import drawn_from
from harness.report.model import MEASURED, RowResult

Cell = tuple[str, str]


def best_cells(results: Sequence[RowResult], columns: Sequence[Cell]) -> dict[str, frozenset[Cell]]:
    """By row id, the cells that are bold. Rows are held against those on the same images; alone, none is bold."""
    groups: dict[str, list[RowResult]] = {}
    for result in results:
        if result.status == MEASURED and result.samples:
            groups.setdefault(drawn_from(result), []).append(result)
    bold: dict[str, set[Cell]] = {}
    for group in groups.values():
        for column in columns:
            rows = [result for result in group if result.value(*column) is not None]
            if len(rows) > 1:
                best = max(rows, key=lambda result: result.value(*column) or 0.0)
                for result in rows:
                    if result is best or not worse(result, best, column):
                        bold.setdefault(str(result.row["id"]), set()).add(column)
    return {row: frozenset(cells) for row, cells in bold.items()}


def worse(result: RowResult, best: RowResult, column: Cell) -> bool:
    """Whether the whole paired interval of best minus row lies above 0; False where too few images say anything."""
    from harness.scoring.bootstrap import interval

    part, metric = column
    samples = best.samples[part][metric] - result.samples[part][metric]
    images = result.get("intervals", "images", part) or 0
    found = interval(samples, float(result.get("intervals", "level") or 0.95), images)
    return found is not None and found.low > 0
