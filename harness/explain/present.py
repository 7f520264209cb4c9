"""An explanation as data, and as text on a screen."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.explain.effects import ALL_AS_B, Change, Explanation
from harness.explain.rescoring import AP_AR
from harness.explain.settings import as_option, say, title_of
from harness.explain.subjects import Metrics, Subject
from harness.report import words
from harness.report.plain import part_table, plain_table

SCHEMA = 1
"""Version of the JSON form; raised when a field changes its meaning or goes."""

CAVEAT = ("One setting at a time, from A as it is. Effects do not add up, and a setting that would close a gap need "
          "not be what opened it.")

def as_json(found: Explanation) -> dict[str, Any]:
    """Everything, fractions with full digits; signs as in "value - A" and "B - A"."""
    return {
        "schema": SCHEMA,
        "a": subject_json(found.a), "b": subject_json(found.b) if found.b else None,
        "differences": [{**asdict(difference), "known": difference.known} for difference in found.differences],
        "changes": [change_json(found, change) for change in found.changes],
        "gap": found.gap, "not_comparable": found.refused or None,
        "out_of_reach": [{**asdict(difference), "option": as_option(difference)} for difference in found.out_of_reach],
        "notes": found.notes, "caveat": CAVEAT,
    }


def subject_json(subject: Subject) -> dict[str, Any]:
    """A side of the comparison."""
    return {"name": subject.name, "settings": subject.settings, "metrics": subject.metrics,
            "can_be_scored_again": subject.evidence is not None, "notes": list(subject.notes)}


def change_json(found: Explanation, change: Change) -> dict[str, Any]:
    """A change by part and metric: the new value, the effect and, with a gap, what would remain of it."""
    parts: dict[str, Any] = {}
    for part, of in change.figures.items():
        parts[part] = {metric: {"value": of[metric], "effect": change.effect[part][metric],
                                **({"remaining_gap": found.remaining(change, part, metric)} if found.gap else {})}
                       for metric in AP_AR}
    return {"setting": change.setting, "title": title_of(change.setting), "value": change.value, "as_b": change.as_b,
            "parts": parts}


def as_text(found: Explanation, metric: str = "AP") -> Group:
    """The explanation for a terminal, with the effects on one metric."""
    blocks: list[RenderableType] = [Text.assemble(("A  ", "bold"), found.a.name)]
    blocks += [Text(f"   {words.one_line(note)}", style="dim") for note in found.a.notes]
    if found.b:
        blocks.append(Text.assemble(("B  ", "bold"), found.b.name))
        blocks += [Text(f"   {words.one_line(note)}", style="dim") for note in found.b.notes]
        blocks += [Text(""), difference_table(found)]
    blocks += [Text(""), effect_table(found, metric), Text(""), Text(CAVEAT, style="dim")]
    if found.refused:
        blocks.append(Text(f"{found.refused}: no gap is computed.", style="yellow"))
    elsewhere = [difference for difference in found.out_of_reach if not found.b]
    if elsewhere:
        named = ", ".join(f"{difference.title} ({say(difference.setting, difference.a)})" for difference in elsewhere)
        blocks.append(Text(f"Not to be changed afterwards, but by a new run or training: {named}."))
    options = [option for difference in found.out_of_reach if (option := as_option(difference))]
    if options and found.b:
        blocks.append(Text(f"A new run of A as B says: harness run ... {' '.join(options)}"))
    blocks += [Text(note, style="yellow") for note in found.notes]
    return Group(*blocks)


def difference_table(found: Explanation) -> Table:
    """Every setting that differs, or that only one side states."""
    table = plain_table("Differs", "A", "B", "Can be changed")
    for difference in found.differences:
        a, b = (say(difference.setting, value) for value in (difference.a, difference.b))
        table.add_row(difference.title, a, b, difference.changeable, style="" if difference.known else "dim")
    if not found.differences:
        table.add_row("nothing that is known", "", "", "")
    return table


def effect_table(found: Explanation, metric: str) -> Table:
    """A's figures, B's gap, and by how much each change would move A, with the gap that would be left."""
    assert found.a.metrics is not None
    parts = list(found.a.metrics)
    table = part_table(f"{metric} would move by", parts)
    table.add_row("A as it is", *row_of(found.a.metrics, parts, metric, words.fraction), style="bold")
    if found.gap is not None:
        table.add_row("gap (B − A)", *row_of(found.gap, parts, metric, words.difference), style="bold")
    for change in found.changes:
        table.add_row(name_of(change), *row_of(change.effect, parts, metric, words.difference))
        if found.gap is not None:
            left = {part: {metric: found.remaining(change, part, metric)} for part in parts}
            table.add_row("  remaining gap", *row_of(left, parts, metric, words.difference), style="dim")
    return table


def row_of(figures: Metrics, parts: list[str], metric: str, form: Any) -> list[str]:
    """A metric of every part as text."""
    return [form(figures.get(part, {}).get(metric)) for part in parts]


def name_of(change: Change) -> str:
    """A change in words."""
    if change.setting == ALL_AS_B:
        values = (f"{title_of(name)} {say(name, value)}" for name, value in change.value.items())
        return f"{ALL_AS_B}: {', '.join(values)}"
    return f"{title_of(change.setting)}: {say(change.setting, change.value)}" + (" (B's)" if change.as_b else "")
