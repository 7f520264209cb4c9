"""What is printed of a row: facts of `results/published/facts/`, by the ids that the table's row names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from harness.errors import unknown
from harness.published import Fact, load_facts

FILES = ("architecture", "classification")
"""Of the files of facts: how networks are built, and the classifiers' sizes."""


@cache
def _facts() -> dict[str, Fact]:
    return {fact.id: fact for name in FILES for fact in load_facts(name)}


def printed_facts(row: Mapping[str, Any]) -> tuple[Fact, ...]:
    """A row's published facts in its order, the table's own first. Raises UserError for an id that is not there."""
    known = _facts()
    for name in row.get("published") or ():
        if name not in known:
            raise unknown("published fact", name, known, f"of row {row['id']}")
    return tuple(known[name] for name in row.get("published") or ())


def decimals(printed: float) -> int:
    """The digits after the point with which a number is printed."""
    return len(repr(float(printed)).partition(".")[2])


def prints_as(value: float, printed: float) -> bool:
    """Whether a value, rounded as the printed one is, is the printed one."""
    return f"{value:.{decimals(printed)}f}" == f"{printed:.{decimals(printed)}f}"
