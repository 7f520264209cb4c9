"""An evaluation as text: figures, intervals, differences, and what was left out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from harness.holdings.finding import many

WIDTH = 12
"""Of the column of parts."""

SKIPPED = {
    "other_categories": "of other categories",
    "suppressed": "suppressed by OKS-NMS",
    "predictions_elsewhere": "on images that are not evaluated",
    "silent": "without a point score above 0",
    "beyond_20": "beyond the 20 best of their image",
    "ranked_by_person_score": "without a part score, ranked by the person's",
}
"""Predictions, by the count's name in the result."""


def show(result: dict[str, Any]) -> Iterator[str]:
    """The lines of a result of `evaluating.evaluate_files`."""
    truth, predictions = result["truth"], result["predictions"]
    yield f"{truth['file']}: {many(truth['people'], 'person', 'people')} in {many(truth['images'], 'image')}"
    yield f"{predictions['file']}: {many(predictions['people'], 'prediction')}"
    rules = result["mode"] if result["evaluator"] == "ours" else result["evaluator"]
    yield f"layout {result['layout']}; {rules}; ranked by {RANKED[predictions['ranked_by']]}"
    yield ""
    yield from figures(result["parts"], result.get("informed", {}))
    if "intervals" in result:
        yield from _intervals(result)
    if "against" in result:
        yield from _against(result)
    if "quirks" in result:
        yield from quirk_table(result["quirks"])
    left = list(_left_out(result))
    if left:
        yield ""
        yield "Left out, or stood in for:"
        yield from (f"- {line}" for line in left)


RANKED = {"person": "person scores", "part": "part scores where there are any"}
"""By `ranked_by`."""


def number(value: float | None, sign: bool = False) -> str:
    """Three digits, "-" where there is none."""
    return "-" if value is None else f"{value:+.3f}" if sign else f"{value:.3f}"


def figures(parts: dict[str, dict[str, float | None]], informed: dict[str, dict[str, int]]) -> Iterator[str]:
    """The table of parts and metrics, with what informs each part."""
    metrics = list(next(iter(parts.values()), {}))
    counts = ["people", "images"] if informed else []
    yield f"{'':<{WIDTH}}" + "".join(f"{name:>7}" for name in metrics) + "".join(f"{name:>8}" for name in counts)
    for part, values in parts.items():
        yield (f"{part:<{WIDTH}}" + "".join(f"{number(values[name]):>7}" for name in metrics)
               + "".join(f"{informed[part][name]:>8}" for name in counts))


def _intervals(result: dict[str, Any]) -> Iterator[str]:
    some = next((i for by in result["intervals"].values() for i in by.values() if i), None)
    yield ""
    if some is None:
        yield "No intervals: nobody counts in any resample."
        return
    yield (f"{some['level']:.0%} intervals, {some['resamples']} resamples of the images: how far a figure could move "
           "with other images")
    for part, by_metric in result["intervals"].items():
        cells = (f"{m} {number(result['parts'][part][m])} " + (f"[{i['low']:.3f}, {i['high']:.3f}]" if i else "[-]")
                 for m, i in by_metric.items())
        yield f"{part:<{WIDTH}}" + "   ".join(cells)


def _against(result: dict[str, Any]) -> Iterator[str]:
    other = result["against"]
    yield ""
    yield f"Against {other['predictions']['file']}, on the same images (positive: the first is higher)"
    mine, theirs = result["predictions"]["ranked_by"], other["predictions"]["ranked_by"]
    if mine != theirs:
        yield (f"The first is ranked by {RANKED[mine]}, the other by {RANKED[theirs]}: differences may come from that "
               "alone (--score-key person ranks both alike)")
    yield (f"{'':<{WIDTH}}{'':4}{'first':>7}{'other':>7}{'diff.':>8}  {'interval':<18}{'favours':>14}"
           f"{'detectable':>12}  verdict")
    for part, by_metric in other["difference"].items():
        for metric, d in by_metric.items():
            if d is None:
                yield f"{part:<{WIDTH}}{metric:<4}  no figure on one side"
                continue
            span = f"[{d['low']:+.3f}, {d['high']:+.3f}]"
            favours = f"{d['favours_first']:.0%} : {d['favours_second']:.0%}"
            yield (f"{part:<{WIDTH}}{metric:<4}{number(result['parts'][part][metric]):>7}"
                   f"{number(other['parts'][part][metric]):>7}{number(d['value'], True):>8}  {span:<18}{favours:>14}"
                   f"{number(d['detectable']):>12}  {d['verdict']}")


def quirk_table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The list of quirks with the AP that each makes here."""
    yield ""
    yield "Quirks of the reference, and AP without each minus AP with it (corrected mode mends those marked *)"
    parts = list(rows[0]["effect"])
    yield f"{'':30}" + "".join(f"{part:>11}" for part in parts)
    for row in rows:
        mark = "*" if row["corrected"] else " "
        yield (f"{row['number']:>2}{mark} {row['name']:<26}"
               + "".join(f"{number(row['effect'][part], True):>11}" for part in parts))
    for row in rows:
        verb = "mended" if row["corrected"] else "kept"
        text = f"{row['does']} Off: {row['off']} ({verb}: {row['why']})"
        yield from textwrap.wrap(text, 110, initial_indent=f"{row['number']:>2}  ", subsequent_indent="    ")


def _left_out(result: dict[str, Any]) -> Iterator[str]:
    truth, predictions, skipped = result["truth"], result["predictions"], result.get("skipped", {})
    if truth["other_categories"]:
        yield f"{truth['other_categories']} annotations of other categories"
    if truth["areas_estimated"]:
        yield f"{truth['areas_estimated']} people have no area; 0.53 of the box's w h stands in"
    for name, text in SKIPPED.items():
        total = predictions.get(name, 0) + skipped.get(name, 0)
        if total:
            yield f"{total} predictions {text}"
        by_part = {part: counts[name] for part, counts in skipped.get("parts", {}).items() if counts.get(name)}
        if by_part:
            yield f"predictions {text}: " + ", ".join(f"{part} {count}" for part, count in by_part.items())
    if skipped.get("crowds"):
        yield f"{skipped['crowds']} crowds count for nobody"
    if skipped.get("images_without_predictions"):
        yield f"{skipped['images_without_predictions']} images have no prediction"
