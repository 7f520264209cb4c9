"""Files of pytest-benchmark: each is a block, and the blocks of both sides, in order of their time, make pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Any

from harness.errors import UserError
from harness.gate.findings import CANNOT_TELL, NOT_COMPARABLE, SAME, SPEED, Finding
from harness.gate.paired import BAND, LEAST_PAIRS, Decision, decide, why
from harness.gate.reading import File

MACHINE = {"node": ("node",), "processor": ("cpu", "brand_raw"), "Python": ("python_version",),
           "implementation": ("python_implementation",)}
"""What must be the same -> where a file states it in `machine_info`."""


@dataclass(frozen=True)
class Block:
    """One file."""

    time: datetime
    machine: dict[str, Any]
    medians: dict[str, float]
    """Milliseconds, by the benchmark's full name."""

    @classmethod
    def of(cls, file: File) -> Block:
        """Raises UserError for a file without its time."""
        try:
            time = datetime.fromisoformat(str(file.data["datetime"]))
        except (KeyError, ValueError) as error:
            raise UserError(f"{file.path} does not say when it was measured (datetime: "
                            f"{file.data.get('datetime')})") from error
        info = file.data.get("machine_info") or {}
        machine = {}
        for name, place in MACHINE.items():
            value = info
            for step in place:
                value = value.get(step) if isinstance(value, dict) else None
            machine[name] = value
        medians = {one["fullname"]: 1e3 * one["stats"]["median"] for one in file.data["benchmarks"]}
        return cls(time if time.tzinfo else time.replace(tzinfo=UTC), machine, medians)


def benchmark_findings(base: Sequence[File], candidate: Sequence[File], band: float = BAND
                       ) -> tuple[list[Finding], list[str]]:
    """A finding for every benchmark, and notes. Changes up to `band` count as the same."""
    before, after = (sorted(map(Block.of, files), key=lambda block: block.time) for files in (base, candidate))
    notes = []
    if len(before) != len(after):
        notes.append(f"{len(before)} blocks of the base and {len(after)} of the candidate: the last ones are not used")
    pairs = list(zip(before, after, strict=False))
    if len({old.time < new.time for old, new in pairs}) == 1 < len(pairs):
        notes.append("the same side was first in every pair: a steady drift of the machine looks like a change")
    differences, fault = machine_differences([*before, *after]), out_of_turn(pairs)
    ratios: dict[str, list[float]] = {}
    findings = []
    for name in dict.fromkeys(name for block in [*before, *after] for name in block.medians):
        old, new = _median(name, before), _median(name, after)
        both = [(one, other) for one, other in pairs if name in one.medians and name in other.medians]
        reasons = differences
        if old is None or new is None:
            reasons = [f"only in the {'candidate' if old is None else 'base'}"]
        elif not both:
            reasons = [*reasons, "no pair of blocks has it on both sides"]
        if reasons:
            findings.append(Finding(name, "time", SPEED, NOT_COMPARABLE, "; ".join(reasons), old, new, "ms"))
        else:
            ratios[name] = [math.log(other.medians[name] / one.medians[name]) for one, other in both]
    decisions = decide(ratios, dict.fromkeys(ratios, band))
    return findings + [_finding(name, one, pairs, fault) for name, one in decisions.items()], notes


def machine_differences(blocks: Sequence[Block]) -> list[str]:
    """What differs between the machines of any two blocks, one phrase each."""
    found = {name: list(dict.fromkeys(str(block.machine[name]) for block in blocks)) for name in MACHINE}
    return [f"{name}: {', then '.join(values)}" for name, values in found.items() if len(values) > 1]


def out_of_turn(pairs: Sequence[tuple[Block, Block]]) -> str:
    """What keeps the blocks from being pairs: the next pair began before the last one was over. "" where nothing does.

    If all of one side is measured before the other, the drift of the machine looks like a change.
    """
    spans = [(min(old.time, new.time), max(old.time, new.time)) for old, new in pairs]
    if any(end > start for (_, end), (start, _) in pairwise(spans)):
        return "the blocks of the two sides were not measured in turn, so drift of the machine would look like a change"
    return ""


def _median(name: str, blocks: Sequence[Block]) -> float | None:
    values = [block.medians[name] for block in blocks if name in block.medians]
    return median(values) if values else None


def _finding(name: str, decision: Decision, pairs: Sequence[tuple[Block, Block]], fault: str) -> Finding:
    one = decision.estimate
    low, high = (one.low, one.high) if math.isfinite(one.high) else (None, None)  # too few pairs for an interval
    verdict, needed = decision.verdict, decision.needed
    if pairs and all(old == new for old, new in pairs):
        verdict, reason, needed = SAME, "one and the same measurement", None
    elif fault:
        verdict, reason, needed = CANNOT_TELL, fault, LEAST_PAIRS
    else:
        reason = why(decision)
    return Finding(name, "time", SPEED, verdict, reason, _median(name, [old for old, _ in pairs]),
                   _median(name, [new for _, new in pairs]), "ms", change=one.change, low=low, high=high,
                   margin=decision.band, p=decision.p, samples=one.pairs, of="pairs",
                   needed=needed)
