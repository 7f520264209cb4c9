"""Measurements in comparisons that `harness gate` and `harness compare` measured: ratios of times, memory, operations.

Their scores are not used: a comparison does not state the protocol and the weights, which are the same on both sides.
What compares files that lie on disk is not used at all: those files are the measurements.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.gate.contents import side_origin
from harness.gate.findings import MEMORY as MEMORY_KIND
from harness.gate.findings import OPERATIONS, SPEED, Comparison
from harness.gate.history.measurements import Link, Measurement, Unplaced, machine_conditions, short_names
from harness.gate.history.metrics import MACS, MEMORY, PARAMETERS, TIME
from harness.gate.history.timings import memory_tolerance
from harness.gate.paired import BAND
from harness.gate.pairs import Block, Pair
from harness.gate.sides import REVISION, WORKTREE

COSTS = {MEMORY: (MEMORY_KIND, "peak memory"), PARAMETERS: (OPERATIONS, "parameters")}
"""Metric -> kind and metric of the finding."""


def of_comparison(comparison: Comparison, metric: str, source: str) -> Iterator[Measurement | Link | Unplaced]:
    """What a measured comparison says of a metric; nothing of another one.

    Raises KeyError or TypeError for one that lacks what its kind has.
    """
    if not {comparison.base.get("kind"), comparison.candidate.get("kind")} <= {REVISION, WORKTREE}:
        return
    if metric == TIME:
        yield from _links(comparison, source)
    elif metric == MACS:  # of the findings nobody can tell which operators were counted
        for row, sides in (comparison.details.get("operations") or {}).items():
            for side, found in ((comparison.base, sides["base"]), (comparison.candidate, sides["candidate"])):
                yield _cost(comparison, side, row, metric, found["macs"], source,
                            {"counted share": str(found["counted_share"])})
    elif metric in COSTS:
        kind, name = COSTS[metric]
        for finding in comparison.findings:
            if (finding.kind, finding.metric) == (kind, name):
                for side, value in ((comparison.base, finding.base), (comparison.candidate, finding.candidate)):
                    if value:
                        yield _cost(comparison, side, finding.row, metric, value, source)


def _cost(comparison: Comparison, side: dict[str, Any], row: str, metric: str, value: float, source: str,
          where: dict[str, str] | None = None) -> Measurement:
    known, machine = side_origin(side, comparison.created), side.get("machine") or {}
    tolerance = 0.0
    if metric == MEMORY:
        tolerance = memory_tolerance(value, str(machine.get("device")))
        where = _where(side)
    return Measurement(row, short_names(row), where or {}, float(value), known.commit, known.dirty, known.created,
                       source, tolerance=tolerance)


def _where(side: dict[str, Any]) -> dict[str, str]:
    machine = side.get("machine") or {}
    return machine_conditions(machine, machine.get("device"), machine.get("threads"), None)


def _links(comparison: Comparison, source: str) -> Iterator[Link | Unplaced]:
    """Of every row with pairs: a ratio where both sides are commits without changes of their own."""
    sides = [side_origin(side, comparison.created) for side in (comparison.base, comparison.candidate)]
    base, candidate = (None if side.dirty else side.commit for side in sides)
    if base is not None and base == candidate:
        return
    bands = {finding.row: finding.margin for finding in comparison.findings if finding.kind == SPEED}
    for timing in comparison.details.values():
        pairs = tuple(_pair(one) for one in timing.get("pairs", ()))
        for row in dict.fromkeys(row for pair in pairs for row in pair.log_ratios()):
            where, created = _where(comparison.base), sides[1].created
            if base is None or candidate is None:
                yield Unplaced(row, short_names(row), where, created, source)
            else:
                yield Link(row, short_names(row), where, base, candidate, created, source, pairs, row,
                           bands.get(row) or BAND)


def _pair(data: dict[str, Any]) -> Pair:
    blocks = [Block(data[side]["ms"]) for side in ("base", "candidate")]
    return Pair(blocks[0], blocks[1], data["first"] == "base")
