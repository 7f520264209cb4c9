"""A diagnosis of mistakes as data and as text."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report import words
from harness.report.plain import part_table
from harness.scoring.mistakes import KINDS
from harness.scoring.repairs import CLASSES, ByPart, Diagnosis
from harness.scoring.score import minus

SCHEMA = 1
"""Version of the JSON form; raised when a field changes its meaning or goes."""

TITLES = {
    "swap": "left/right swap", "inversion": "inversion (in the part)", "wrong_person": "wrong person",
    "miss": "miss", "jitter": "jitter", "good": "good, made exact", "false_positive": "false positives",
    "score_order": "score order", "missed": "missed people",
}
"""Every class in words, in the order of `CLASSES`."""

COUNTS = {"people": "people that count", "missed": "of these missed", "points": "labelled points judged",
          "predictions": "predictions", "background": "of these false, background",
          "duplicates": "of these false, duplicates"}


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """Everything, fractions with full digits, the classes in the order in which they are repaired in turn."""
    return {"schema": SCHEMA, "order": list(CLASSES), **asdict(diagnosis)}


def as_text(diagnosis: Diagnosis) -> Group:
    """Four tables for a terminal: what repairs would win alone and in turn, shares of points, and counts."""
    parts = list(diagnosis.found)
    blocks: list[RenderableType] = [
        win_table("AP won if only this were repaired", diagnosis.found,
                  {kind: (diagnosis.found, of) for kind, of in diagnosis.alone.items()}, parts),
        Text("")]
    before = [diagnosis.found, *diagnosis.in_turn.values()]
    steps = {kind: (earlier, of) for (kind, of), earlier in zip(diagnosis.in_turn.items(), before, strict=False)}
    blocks += [win_table("AP won in turn, up to 1", diagnosis.found, steps, parts), Text("")]

    shares = part_table("share of points", parts)
    for kind in KINDS:
        shares.add_row("good" if kind == "good" else TITLES[kind],
                       *(words.NOTHING if (of := diagnosis.shares[part]) is None else f"{of[kind]:.1%}"
                         for part in parts))
    counts = part_table("counts", parts)
    for name, title in COUNTS.items():
        counts.add_row(title, *(str(diagnosis.counts[part][name]) for part in parts))
    blocks += [shares, Text(""), counts]
    return Group(*blocks)


def win_table(title: str, found: ByPart, steps: dict[str, tuple[ByPart, ByPart]], parts: list[str]) -> Table:
    """The AP as it is, and what each class's repair adds: (before, after) by class."""
    table = part_table(title, parts)
    table.add_row("AP as it is", *(words.fraction(found[part]["AP"]) for part in parts), style="bold")
    for kind, (before, after) in steps.items():
        table.add_row(TITLES[kind], *(words.difference(won(before, after, part)) for part in parts))
    return table


def won(before: ByPart, after: ByPart, part: str) -> float | None:
    """The AP of a part that a repair adds; None where nobody counts."""
    return minus(after[part]["AP"], before[part]["AP"])
