"""Rows of a table against each other: which differences are larger than seeds and images make by chance.

The difference of two rows is that of their means over training seeds. It has two sources of chance, which are added in
squares for each end of the interval (MOVER: Zou and Donner, Construction of confidence limits about effect measures,
Statistics in Medicine 27, 2008):

- *seeds*: each row's own spread over its seeds, by Welch's t; with one seed it is not known, and nobody can tell;
- *images*: the rows' resampled figures, which are draws of the same images, averaged over seeds and subtracted.

Intervals of one column hold together: their level is 95 % for all differences of the table (Bonferroni). An interval
beyond 0 says better or worse, one within the margin of the table says same, and nobody can tell from any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import UserError, unknown
from harness.files import digest
from harness.plan import keyed
from harness.report.comparability import flat, trained_here
from harness.report.model import RowResult
from harness.statistics import LEVEL, Spread, difference_reach, repetitions_to_differ, spread

BETTER, WORSE, SAME, CANNOT_TELL, NOT_COMPARABLE = "better", "worse", "same", "cannot tell", "not comparable"
"""What the first row of a difference is to the second; the words of the gate."""

NO_EFFECT = frozenset({"train.workers", "train.checkpoint_minutes", "train.max_broken_images", "test.batch_size",
                       "test.noise_repeats"})
"""Settings that may differ between two rows; a table's `varied` names others, which it varies on purpose."""


@dataclass(frozen=True)
class RowDifference:
    """One column of one row minus another's, fractions 0 to 1."""

    first: Mapping[str, Any]
    second: Mapping[str, Any]
    """The rows as the table's file has them."""
    part: str
    metric: str
    printed: float | None
    """The same difference of the printed numbers; None where one is missing or doubtful."""
    answer: str
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    """Of the interval, as `low`; None where it is not known."""
    seeds: tuple[int, int] = (0, 0)


def row_differences(table: Mapping[str, Any], rows: Sequence[RowResult], columns: Sequence[tuple[str, str]],
                    margin: float) -> tuple[RowDifference, ...]:
    """Every difference that the table asks for (`differences`: pairs of row ids) and whose rows were run.

    Raises UserError for a pair that names no row of the table.
    """
    by_id = {str(result.row["id"]): result for result in rows if result.measured}
    pairs = [_pair(table, given) for given in table.get("differences") or ()]
    pairs = [pair for pair in pairs if all(name in by_id for name in pair)]
    level = 1 - (1 - LEVEL) / max(1, len(pairs))
    varied = frozenset(table.get("varied") or ())
    return tuple(row_difference(by_id[first], by_id[second], column, margin, level, varied)
                 for first, second in pairs for column in columns)


def _pair(table: Mapping[str, Any], given: Any) -> tuple[str, str]:
    ids = [row["id"] for row in table["rows"]]
    if not isinstance(given, list) or len(given) != 2:
        raise UserError(f"difference {given!r} of table {table['name']}: expected two row ids")
    for name in given:
        if name not in ids:
            raise unknown("row", str(name), ids, f"in differences of table {table['name']}")
    return given[0], given[1]


def row_difference(first: RowResult, second: RowResult, column: tuple[str, str], margin: float = 0.0,
                   level: float = LEVEL, varied: frozenset[str] = frozenset()) -> RowDifference:
    """One column of two measured rows, first minus second, with an interval of that level where it is known.

    `varied` are settings that differ on purpose.
    """
    values = first.seed_values(*column), second.seed_values(*column)
    printed = _printed(first, second, column)
    found = RowDifference(first.row, second.row, *column, printed, NOT_COMPARABLE, "", seeds=(len(values[0]),
                                                                                             len(values[1])))
    reasons = against_comparing(first, second, varied)
    if not all(values):
        reasons.append("no labelled person has this part")
    if reasons:
        return replace(found, reason="; ".join(reasons))
    value = math.fsum(values[0]) / len(values[0]) - math.fsum(values[1]) / len(values[1])
    found = replace(found, value=value)
    spreads = spread(values[0]), spread(values[1])
    images = image_reach(first, second, column, level)
    if images is None:
        return replace(found, answer=CANNOT_TELL, reason="there are no resampled figures of both rows")
    if spreads[0] is None or spreads[1] is None:
        return replace(found, answer=CANNOT_TELL, reason="one seed of a row says nothing about its spread: it takes at "
                                                         f"least two of each; other images alone move it by "
                                                         f"−{images[0]:.3f} to +{images[1]:.3f}")
    seeds = difference_reach(spreads[0], spreads[1], level)
    low, high = value - math.hypot(seeds, images[0]), value + math.hypot(seeds, images[1])
    answer = BETTER if low > 0 else WORSE if high < 0 else SAME if -margin <= low <= high <= margin else CANNOT_TELL
    reason = f"seeds ±{seeds:.3f}, images −{images[0]:.3f} to +{images[1]:.3f}"
    if answer == CANNOT_TELL:
        reason += what_it_takes(value, (spreads[0], spreads[1]), images, level, first)
    return replace(found, answer=answer, reason=reason, low=low, high=high)


def image_reach(first: RowResult, second: RowResult, column: tuple[str, str], level: float
                ) -> tuple[float, float] | None:
    """How far other images move the difference down and up, both 0 or more; None without resampled figures."""
    import numpy as np

    from harness.scoring.bootstrap import interval

    part, metric = column
    means = []
    for result in (first, second):
        samples = [values for found in result.seed_samples if (values := found.get(part, {}).get(metric)) is not None]
        if not samples or len(samples) < len(result.trainings):
            return None
        means.append(np.mean(samples, axis=0))
    informing = first.get("intervals", "images", part) or 0
    found = interval(means[0] - means[1], level, informing)
    if found is None:
        return None
    # Around the figures without test noise, which are those that were resampled.
    plain = _plain(first, column) - _plain(second, column)
    return max(0.0, plain - found.low), max(0.0, found.high - plain)


def _plain(result: RowResult, column: tuple[str, str]) -> float:
    part, metric = column
    values = [record["metrics"]["parts"][part][metric] for record in result.trainings]
    return math.fsum(values) / len(values)


def what_it_takes(value: float, spreads: tuple[Spread, Spread], images: tuple[float, float], level: float,
                  result: RowResult) -> str:
    """What would tell the difference from 0, if it stayed what it is: so many seeds, or so many images."""
    towards_zero = images[0] if value > 0 else images[1]
    if towards_zero >= abs(value):
        count = result.get("data", "eval", "images")
        factor = (towards_zero / abs(value)) ** 2 if value else math.inf
        if not count or factor > 1000:
            return ": no number of seeds tells, and hardly any number of images"
        return (f": no number of seeds tells with these {count} images; it takes more than "
                f"{math.ceil(count * factor)}")
    needed = repetitions_to_differ(value, spreads[0].sd, spreads[1].sd, towards_zero, level)
    return f": it takes {needed} seeds of each row at this spread and difference" if needed else (
        ": no number of seeds within reason tells")


def against_comparing(first: RowResult, second: RowResult, varied: frozenset[str] = frozenset()) -> list[str]:
    """What differs between two rows besides the network and the settings `varied`; empty where they may be held against
    each other."""
    reasons = []
    if first.status != second.status:
        reasons.append(f"one is {first.status}, the other {second.status}")
    if drawn_from(first) != drawn_from(second):
        reasons.append("evaluated on other images, or resampled otherwise")
    # A setting that is younger than a record was at its default there.
    settings = flat(keyed(first.get("protocol") or {})), flat(keyed(second.get("protocol") or {}))
    names = sorted(name for name in {*settings[0], *settings[1]} - NO_EFFECT - varied
                   if settings[0].get(name) != settings[1].get(name))
    if not (trained_here(first) and trained_here(second)):
        names = [name for name in names if name.startswith(("crop.", "test."))]
    if names:
        reasons.append(f"other settings: {', '.join(names)}")
    if trained_here(first) != trained_here(second):
        reasons.append("one was trained here, the other was given its weights")
    for what, words in (("train", "trained on other data"), ("boxes", "other boxes")):
        if first.get("hashes", what) != second.get("hashes", what):
            reasons.append(words)
    if bool(first.get("hashes", "init")) != bool(second.get("hashes", "init")):
        reasons.append("one was trained from given weights, the other from random ones")
    if first.get("device") != second.get("device"):
        reasons.append(f"run on {first.get('device')} and {second.get('device')}")
    return reasons


def drawn_from(result: RowResult) -> str:
    """Equal for rows whose resamples are the same draws of the same images."""
    drawn = {name: result.get("intervals", name) for name in ("draws", "resamples", "images", "level")}
    return digest({**drawn, "data": result.get("hashes", "evaluate"), "of": result.get("data", "eval", "images")})


def _printed(first: RowResult, second: RowResult, column: tuple[str, str]) -> float | None:
    values = []
    for result in (first, second):
        source = result.published[0] if result.published else None
        value = source.value(*column) if source and ".".join(column) not in source.doubtful else None
        if value is None:
            return None
        values.append(value)
    return values[0] - values[1]
