"""Times that were measured in one session each: shown side by side, and never judged.

Between two sessions the machine is another one: clocks, neighbours and the heap have moved, by more than most changes
of code. What tells are pairs, measured in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.gate.conditions import machine_differences
from harness.gate.findings import CANNOT_TELL, NOT_COMPARABLE, SAME, SPEED, Finding
from harness.gate.paired import LEAST_PAIRS
from harness.gate.profiles import ProfiledPair
from harness.gate.rows import RowPair

NO_PAIR = "one session against another is no pair; `harness gate REVISION REVISION` measures pairs"


def times_of_profiles(pairs: Sequence[ProfiledPair]) -> list[Finding]:
    """Median times of the rows of `harness profile`."""
    return [_finding(pair.name, pair.base.row["median_ms"], pair.candidate.row["median_ms"], pair.differences,
                     pair.one_measurement) for pair in pairs]


def times_of_rows(pairs: Sequence[RowPair]) -> list[Finding]:
    """Time an image takes the network, from the throughput that rows record; those without any are left out."""
    found = []
    for pair in pairs:
        times = [(row.record.get("times") or {}) for row in (pair.base, pair.candidate)]
        before, after = (1e3 / of["images_per_second"] if of.get("images_per_second") else None for of in times)
        if before is None and after is None:
            continue
        found.append(_finding(pair.name, before, after, _differences(pair, times), pair.one_measurement))
    return found


def _differences(pair: RowPair, times: Sequence[dict[str, Any]]) -> list[str]:
    base, candidate = pair.base.record, pair.candidate.record
    reasons = [f"{name.replace('_', ' ')}: {times[0].get(name)}, then {times[1].get(name)}"
               for name in ("device", "precision", "batch_size") if times[0].get(name) != times[1].get(name)]
    sizes = [(record["protocol"]["crop"]["height"], record["protocol"]["crop"]["width"])
             for record in (base, candidate)]
    if sizes[0] != sizes[1]:
        reasons.append("input: " + ", then ".join(f"{height}x{width}" for height, width in sizes))
    return reasons or machine_differences(base["machine"], candidate["machine"], str(times[0].get("device")))


def _finding(row: str, base: float | None, candidate: float | None, differences: list[str], one: bool) -> Finding:
    if not base or not candidate:
        differences = [*differences, "a side has no time"]
    if differences or not base or not candidate:
        return Finding(row, "time", SPEED, NOT_COMPARABLE, "; ".join(differences), base, candidate, "ms")
    if one:
        return Finding(row, "time", SPEED, SAME, "one and the same measurement", base, candidate, "ms", change=0.0)
    return Finding(row, "time", SPEED, CANNOT_TELL, NO_PAIR, base, candidate, "ms", change=candidate / base - 1,
                   of="pairs", needed=LEAST_PAIRS)
