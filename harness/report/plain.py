"""Tables without lines on a terminal, whole in a pipe or file."""

from __future__ import annotations

import os
from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.table import Table

HEADINGS = {"wholebody": "whole", "lefthand": "lhand", "righthand": "rhand"}
"""Parts by shorter names, so that seven of them fit beside a first column in 80 characters."""


def plain_table(*columns: str) -> Table:
    """A table of texts, which wrap where the line is too short."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold underline")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def part_table(title: str, parts: Iterable[str]) -> Table:
    """A table with a column of numbers for each part; only the first column, headed `title`, wraps."""
    table = plain_table(title)
    for part in parts:
        table.add_column(HEADINGS.get(part, part), justify="right", min_width=6, no_wrap=True)
    return table


def print_whole(block: RenderableType) -> None:
    """Print to standard output; where that is no terminal and COLUMNS says nothing, as wide as the block is."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = max(console.width, console.measure(block, options=console.options.update(width=1000)).maximum)
    console.print(block)
