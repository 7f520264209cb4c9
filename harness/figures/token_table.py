"""The shares of tokens over a set of boxes: as data and as a table for a terminal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.table import Table

from harness.figures.shares import AREAS, Share, summarise
from harness.report.plain import plain_table

SCHEMA = 1
"""Version of the JSON form; raised when a field changes its meaning or goes."""


@dataclass(frozen=True)
class Measured:
    """One network on a set of boxes."""

    title: str
    weights: str
    boxes: int
    images: int
    stages: list[dict[str, Share]]


def measured(title: str, weights: str, shares: np.ndarray, image_id: np.ndarray) -> Measured:
    """Of shares (N, S, len(AREAS)) on images (N,)."""
    return Measured(title, weights, len(shares), len(np.unique(image_id)), summarise(shares, image_id))


def as_json(found: list[Measured]) -> dict[str, Any]:
    """Everything, fractions with full digits."""
    return {"schema": SCHEMA, "networks": [asdict(of) for of in found]}


def as_table(found: list[Measured]) -> Table:
    """A line for each network and stage: share of the tokens, and how dense they lie, with the interval."""
    table = plain_table("tokens on", "stage")
    for area in AREAS:
        table.add_column(area, justify="right", no_wrap=True)
    for of in found:
        for number, stage in enumerate(of.stages, start=1):
            table.add_row(of.title if number == 1 else "", str(number), *(cell(stage[area]) for area in AREAS))
    return table


def starved_table(found: list[Measured]) -> Table:
    """A line for each network and stage: in how many crops people, faces and hands have fewer tokens than in an even
    spread."""
    areas = AREAS[:-1]
    table = plain_table("crops with fewer tokens than evenly spread on", "stage")
    for area in areas:
        table.add_column(area, justify="right", no_wrap=True)
    for of in found:
        for number, stage in enumerate(of.stages, start=1):
            if number > 1:
                table.add_row(of.title if number == 2 else "", str(number),
                              *("—" if (part := stage[area].starved) is None else f"{part:.0%}" for area in areas))
    return table


def cell(share: Share) -> str:
    """"9.1 % x1.32 [1.28, 1.36]"."""
    if share.density is None:
        return f"{share.share:.1%}"
    interval = "" if share.interval is None else f" [{share.interval[0]:.2f}, {share.interval[1]:.2f}]"
    return f"{share.share:.1%} x{share.density:.2f}{interval}"
