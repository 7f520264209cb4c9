"""Numbers and names as words: the one place for units, digits and signs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NOTHING = "—"
"""Stands where there is no number."""

PART_TITLES = {"wholebody": "whole-body", "lefthand": "left hand", "righthand": "right hand"}


def part_title(part: str) -> str:
    """A part as the tables head it."""
    return PART_TITLES.get(part, part)


def fraction(value: float | None) -> str:
    """AP or AR with three digits, as published tables print them."""
    return NOTHING if value is None else f"{value:.3f}"


def difference(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A difference with its sign and, where there is one, its interval; no sign for what rounds to nothing."""
    if value is None:
        return NOTHING
    if low is not None and high is not None:
        return f"{difference(value)} [{difference(low)}, {difference(high)}]"
    text = f"{value:+.3f}"
    return "0.000" if float(text) == 0 else text.replace("-", "−")


def interval(pair: tuple[float, float] | None) -> str:
    """An interval in brackets, or nothing at all."""
    return "" if pair is None else f"[{pair[0]:.3f}, {pair[1]:.3f}]"


def size(height_width: Sequence[Any] | None) -> str:
    """A network input, height × width."""
    if not height_width or any(side is None for side in height_width):
        return NOTHING
    return f"{height_width[0]} × {height_width[1]}"


def millions(count: float | None) -> str:
    """A number of parameters, in millions: two digits below 10, one above."""
    if count is None:
        return NOTHING
    return f"{count / 1e6:.2f}" if count < 1e7 else f"{count / 1e6:.1f}"


def quantity(value: float | None) -> str:
    """A positive quantity to three significant digits, without an exponent."""
    if value is None:
        return NOTHING
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def seconds(value: float | None) -> str:
    """A duration in the unit that suits it."""
    if value is None:
        return NOTHING
    if value < 100:
        return f"{quantity(value)} s"
    return f"{value / 60:.0f} min" if value < 6000 else f"{value / 3600:.1f} h"


def gibibytes(count: float | None) -> str:
    """Memory in GiB."""
    return NOTHING if count is None else f"{count / 2**30:.1f} GiB"


def size_in_bytes(count: int) -> str:
    """The size of a file in the unit that suits it: bytes, KiB, MiB or GiB."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{quantity(count / unit)} {name}"
    return f"{count} bytes"


def one_line(text: Any, longest: int = 400) -> str:
    """A text on one line, cut where it is longer than `longest` characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
