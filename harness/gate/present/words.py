"""A comparison's numbers and names as words: the one place for units, digits and signs of the gate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.gate.findings import ACCURACY, Finding

NOTHING = "-"
"""Stands where there is no number."""
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
LONGEST = 1000
"""Characters of a text from outside that are shown."""
LARGEST = 1e100
"""No figure is larger; in percent, the largest of floating point would be infinite."""
BYTES = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def plain(text: Any, longest: int = LONGEST) -> str:
    """A text from outside on one line, cut at `longest` characters.

    What is not printable (control characters, half of a surrogate pair, marks that turn the reading direction) is
    replaced. So the result is legal in XML, moves no cursor, and starts no second line anywhere.
    """
    line = " ".join(str(text).split())
    line = "".join(character if character.isprintable() else UNPRINTABLE for character in line)
    return line if len(line) <= longest else line[: longest - 3].rstrip() + "..."


def finite(value: float | None) -> float | None:
    """The value, or None where it is no number to speak of: absent, NaN, infinite, or beyond LARGEST."""
    return None if value is None or math.isnan(value) or abs(value) > LARGEST else value


def count(value: int | float) -> str:
    """A count with thousands separators."""
    return f"{value:,.0f}"


def counted(value: int, thing: str) -> str:
    """A count of things: 1 metric, 1,200 metrics."""
    return f"{count(value)} {thing.removesuffix('s') if value == 1 else thing}"


def digits(value: float) -> str:
    """Three significant digits without an exponent; all of them before the point, with thousands separators."""
    rounded = abs(float(f"{value:.2e}"))
    if rounded == 0 or rounded >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 - math.floor(math.log10(rounded))}f}"


def amount(value: float | None, finding: Finding) -> str:
    """A side's value with its unit: 146 ms, 1.25 GiB, AP and AR as 0.531, counts as 63,601,429."""
    value = finite(value)
    if value is None:
        return NOTHING
    if finding.unit == "bytes":
        return memory(value)
    if finding.unit:
        return f"{digits(value)} {plain(finding.unit, 20)}"
    return f"{value:.3f}" if finding.kind == ACCURACY else count(value)


def memory(value: float) -> str:
    """Bytes in the largest unit of which there is a tenth at least."""
    for unit, size in BYTES:
        if abs(value) >= size / 10:
            return f"{value / size:.{2 if unit == 'GiB' else 1}f} {unit}"
    return f"{value:,.0f} bytes"


def change(finding: Finding) -> str:
    """The change with its interval: +4.8 % [3.1, 6.2], or -0.012 [-0.019, -0.005] for accuracy."""
    value, low, high = finite(finding.change), finite(finding.low), finite(finding.high)
    if value is None:
        return NOTHING
    if low is None or high is None:
        return signed(value, finding.relative, exact=True)
    bounds = ", ".join(_rounded(bound, finding.relative) for bound in (low, high))
    return f"{signed(value, finding.relative)} [{bounds}]"


def signed(value: float, relative: bool, exact: bool = False) -> str:
    """One change: +4.8 % or -0.012; without a sign where it rounds to nothing.

    With `exact`, what would round to nothing is given its first two digits instead: of exact figures none is noise.
    """
    scaled = value * 100 if relative else value
    text = _rounded(value, relative)
    if float(text.replace(",", "")) == 0 and exact and scaled != 0:
        places = 1 - math.floor(math.log10(abs(scaled)))
        text = f"{scaled:.{places}f}" if places <= 12 else f"{scaled:.1e}"
    sign = "+" if float(text.replace(",", "")) > 0 else ""
    return f"{sign}{text}{' %' if relative else ''}"


def _rounded(value: float, relative: bool) -> str:
    """A change without sign for above 0 or unit: per cent with a digit, accuracy with three."""
    text = f"{value * 100:,.1f}" if relative else f"{value:.3f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def margin(finding: Finding) -> str:
    """What counts as the same: 3.0 %, or 0.005 for accuracy."""
    value = finite(finding.margin)
    return NOTHING if value is None else size(value, finding.relative)


def size(value: float, relative: bool) -> str:
    """The size of a change, whatever its direction."""
    return signed(abs(value), relative, exact=True).lstrip("+")


def probability(value: float | None) -> str:
    """A p value; below 0.001 it says so."""
    value = finite(value)
    if value is None:
        return NOTHING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def evidence(finding: Finding) -> str:
    """What a verdict rests on, as far as it is known: margin, p and samples."""
    parts = []
    if finite(finding.margin) is not None:
        parts.append(f"margin {margin(finding)}" if finding.margin else "no margin")
    if finite(finding.p) is not None:
        parts.append(f"p {probability(finding.p)}")
    if finding.samples is not None:
        parts.append(counted(finding.samples, plain(finding.of, 20) or "samples"))
    return ", ".join(parts)


def side(side: Mapping[str, Any]) -> str:
    """A side: its name as the user gave it, with the commit where that says more."""
    name = plain(side.get("name") or "?")
    commit = plain(side.get("commit") or "", 40)[:7]
    changes = " with changes" if side.get("dirty") else ""
    return f"{name} ({commit}{changes})" if commit and not name.startswith(commit) else name + changes


def machine(facts: Any) -> str:
    """A machine as a record states it: GPU, processor, cores, system and Python, as far as they are known."""
    if not isinstance(facts, Mapping):
        return plain(facts or "")
    cores = facts.get("threads") or facts.get("cores")
    parts = [facts.get("gpu"), facts.get("processor"), f"{cores} {'threads' if facts.get('threads') else 'cores'}"
             if cores else None, facts.get("system"), f"Python {facts['python']}" if facts.get("python") else None]
    return plain(", ".join(str(part) for part in parts if part))
