"""What a page is made of: plain data, made by each kind of table and rendered the same for all of them.

Every number on the page is a `Cell` or a `Point` with references: where it can be looked up, in a record or among the
published numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RECORD, PUBLISHED, FACT = "record", "published", "fact"
"""Kinds of references: a run's record, a row of results/published, a fact of results/published/facts."""


@dataclass(frozen=True)
class Ref:
    """Where a number stands: `path` into the data of record `id` (its key) or of a published row or fact."""

    kind: str
    id: str
    path: tuple[str | int, ...] = ()
    role: str = ""
    """What the number there is to the cell, such as "measured" or "seed 1"."""


@dataclass(frozen=True)
class Cell:
    """A cell of a grid. `value` is what columns are sorted by: a number with full digits, else the text is."""

    text: str
    value: float | None = None
    refs: tuple[Ref, ...] = ()
    """Where the number comes from; several for one that is worked out of others. Cells without any open nothing."""
    hint: tuple[str, ...] = ()
    """Lines shown on hover and on focus: interval, verdict, reason."""
    mark: str = ""
    """A verdict or status, for its colour and sign."""
    strong: bool = False


@dataclass(frozen=True)
class Column:
    """A column; columns of one `group` that stand side by side have a common heading."""

    title: str
    group: str = ""
    numeric: bool = True
    help: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a grid; the first cell is its heading."""

    cells: tuple[Cell, ...]
    kind: str = ""
    """How it is shown: published, other, run, mean, difference, verdict."""


@dataclass(frozen=True)
class Grid:
    """A table under a tab. `groups` are lines that stay together when it is sorted, by their leading line."""

    id: str
    title: str
    columns: tuple[Column, ...]
    groups: tuple[tuple[Line, ...], ...]
    leads: tuple[int, ...]
    """Of each group the index of the line that it is sorted by."""
    caption: str = ""


@dataclass(frozen=True)
class Finding:
    """Something printed that does not hold, or a verdict that a reader should not miss."""

    about: str
    text: str
    mark: str = ""


@dataclass(frozen=True)
class Point:
    """A point of a chart: `x` is a number, or the index of a category."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    label: str = ""
    ref: Ref | None = None


@dataclass(frozen=True)
class Curve:
    """Points of one row. `hollow`: published, not measured. `step`: drawn as a level, without marks."""

    name: str
    points: tuple[Point, ...]
    row: str = ""
    """Curves of one row have one colour."""
    hollow: bool = False
    step: bool = False


@dataclass(frozen=True)
class View:
    """What a chart shows for one choice of its selectors: one of `options` of each."""

    choice: tuple[str, ...]
    curves: tuple[Curve, ...]
    x: str
    y: str
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart with selectors; `form` is dots (categories along x), scatter or lines."""

    id: str
    title: str
    form: str
    selectors: tuple[tuple[str, tuple[str, ...]], ...]
    """Name and options of each; a view for every combination that there is."""
    views: tuple[View, ...]
    categories: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    """The choice that is shown first; the first of each selector where it is not given."""
    rows: tuple[str, ...] = ()
    """In the order in which they take colours: the same in all charts of a table."""


@dataclass(frozen=True)
class Section:
    """A table of one profile."""

    id: str
    title: str
    table: str
    profile: str
    summary: str
    source: str
    banner: str | None
    grids: tuple[Grid, ...]
    findings: tuple[Finding, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[tuple[str, str, str], ...] = ()
    """Row (or ""), kind and text of each."""
    damaged: tuple[str, ...] = ()
    records: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """All records and failures that its numbers come from."""


@dataclass(frozen=True)
class Figure:
    """A picture with what is known of it."""

    title: str
    alt: str
    uri: str | None
    """data: URI; None where it did not fit or cannot be shown, which `notes` then says."""
    file: str
    command: str = ""
    notes: tuple[str, ...] = ()
    rows: tuple[tuple[str, str], ...] = ()
    """In words, and the key of each one's record."""
    numbers: tuple[tuple[str, ...], ...] = ()
    """What was measured, as lines of cells, the first one the head; its file is the one that describes the picture."""


@dataclass(frozen=True)
class Page:
    """Everything that is on it."""

    title: str
    results: str
    """The results folder's name."""
    sections: tuple[Section, ...]
    charts: tuple[Chart, ...] = ()
    """Of all tables together."""
    figures: tuple[Figure, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    """Of each record's key the file, from the results folder's name on."""
    notes: tuple[str, ...] = ()
    """What could not be shown, and why."""


def lookup(data: Any, path: Sequence[str | int]) -> Any:
    """The value at a path. Raises KeyError, IndexError or TypeError where it is not there."""
    for step in path:
        data = data[step]
    return data
