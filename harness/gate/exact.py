"""Operations, parameters and peak memory: exact, or within a stated tolerance.

None of them is a matter of chance alone, so there is no test: fewer is better, more is worse, beyond the tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.gate.conditions import machine_differences, score_differences, trained_here
from harness.gate.findings import BETTER, MEMORY, NOT_COMPARABLE, OPERATIONS, SAME, WORSE, Finding
from harness.gate.profiles import ProfiledPair
from harness.gate.rows import RowPair

CUDA_TOLERANCE = 0.005
"""Of CUDA's allocator, whose peak depends on the order of what is freed."""
CPU_TOLERANCE = 0.02
"""Of the resident size of a fresh process that does one thing; at least CPU_LEAST."""
CPU_LEAST = 16 * 2**20
"""Bytes. Pages that libraries touch, and the heap's own grain."""
RUN_TOLERANCE = 0.15
"""Of the resident size of a whole run on the CPU, training and all: three runs each of three small networks with equal
code and, of two of them, bit-equal weights differed by up to 3.4, 4.7 and 12.6 %. `harness profile` is sharper."""


def operation_findings(pairs: Sequence[RowPair]) -> list[Finding]:
    """Parameters and multiply-adds of the rows' networks, exact."""
    return [finding for pair in pairs for finding in _operations(pair)]


def _operations(pair: RowPair) -> list[Finding]:
    base, candidate = pair.base.record, pair.candidate.record
    before, after = base["model"], candidate["model"]
    points = [record["data"]["eval"].get("layout") for record in (base, candidate)]
    reasons = [f"key points: {points[0]}, then {points[1]}"] if points[0] != points[1] else []
    found = [_exact(pair.name, "parameters", before.get("parameters"), after.get("parameters"), reasons)]
    sizes = [(record["protocol"]["crop"]["height"], record["protocol"]["crop"]["width"]) for record in
             (base, candidate)]
    if sizes[0] != sizes[1]:
        reasons = [*reasons, "input: " + ", then ".join(f"{height}x{width}" for height, width in sizes)]
    if _counted(before) != _counted(after):
        reasons = [*reasons, f"operators that were counted: {_share(before)}, then {_share(after)}"]
    macs = [None if model.get("gmacs") is None else round(model["gmacs"] * 1e9) for model in (before, after)]
    found.append(_exact(pair.name, "multiply-adds", macs[0], macs[1], reasons))
    return found


def _counted(model: dict[str, Any]) -> tuple[Any, Any]:
    return model.get("gmacs_counted_share"), model.get("gmacs_uncounted")


def _share(model: dict[str, Any]) -> str:
    share, missed = _counted(model)
    names = f" (not {', '.join(sorted(missed))})" if missed else ""
    return f"{share:.2%}{names}" if share is not None else "unknown"


def _exact(row: str, metric: str, base: int | None, candidate: int | None, reasons: list[str]) -> Finding:
    if base is None and candidate is None:
        reasons = ["neither side was counted"]
    elif base is None or candidate is None:
        reasons = [*reasons, "only one side was counted"]
    if reasons or not base or candidate is None:
        return Finding(row, metric, OPERATIONS, NOT_COMPARABLE, "; ".join(reasons), base, candidate)
    verdict = SAME if candidate == base else BETTER if candidate < base else WORSE
    reason = "exactly equal" if verdict == SAME else f"{candidate - base:+,} (counts are exact)"
    return Finding(row, metric, OPERATIONS, verdict, reason, base, candidate, change=candidate / base - 1, margin=0.0)


def operations_findings(row: str, base: dict[str, Any], candidate: dict[str, Any]) -> list[Finding]:
    """Parameters and multiply-adds of a network as `parameters`, `macs` and `counted_share`, exact."""
    shares = base["counted_share"], candidate["counted_share"]
    reasons = [f"operators that were counted: {shares[0]:.2%}, then {shares[1]:.2%}"] if shares[0] != shares[1] else []
    return [_exact(row, "parameters", base["parameters"], candidate["parameters"], []),
            _exact(row, "multiply-adds", base["macs"], candidate["macs"], reasons)]


def memory_finding(row: str, base: int, candidate: int, device: str) -> Finding:
    """Peak memory, bytes, of a fresh process a side on one machine."""
    if device == "cuda":
        return _within(row, base, candidate, [], CUDA_TOLERANCE, 0, "CUDA's allocator")
    return _within(row, base, candidate, [], CPU_TOLERANCE, CPU_LEAST, "resident size of a process")


def memory_of_rows(pairs: Sequence[RowPair]) -> list[Finding]:
    """Peak memory of the rows' runs."""
    return [_of_row(pair) for pair in pairs]


def _of_row(pair: RowPair) -> Finding:
    base, candidate = pair.base.record, pair.candidate.record
    before, after = ((record.get("memory") or {}).get("peak_bytes") for record in (base, candidate))
    if pair.one_measurement:
        return _within(pair.name, before, after, [], 0.0, 0, "one and the same run")
    devices = base.get("device"), candidate.get("device")
    reasons = [f"device: {devices[0]}, then {devices[1]}"] if devices[0] != devices[1] else []
    if not reasons:
        reasons = machine_differences(base["machine"], candidate["machine"], str(devices[0]))
    batches = [record["protocol"]["test"]["batch_size"] for record in (base, candidate)]
    if batches[0] != batches[1]:
        reasons.append(f"batch: {batches[0]}, then {batches[1]}")
    reasons += score_differences(base, candidate)
    done = [did(record) for record in (base, candidate)]
    if done[0] != done[1]:
        reasons.append(f"the base's process {done[0]}, the candidate's {done[1]}")
    if devices[0] == "cuda":
        return _within(pair.name, before, after, reasons, CUDA_TOLERANCE, 0, "CUDA's allocator")
    return _within(pair.name, before, after, reasons, RUN_TOLERANCE, 0, "resident size of the run")


def did(record: dict[str, Any]) -> str:
    """What a run's process spent memory on: a training that was there already is only loaded, in a moment."""
    times = record.get("times") or {}
    whole, here = times.get("training_s"), times.get("train_s")
    alone = ((record.get("training") or {}).get("processes") or 1) == 1
    if trained_here(record) and alone and whole and here is not None and here > whole / 2:
        return "trained and tested"
    return "only tested"


def memory_of_profiles(pairs: Sequence[ProfiledPair]) -> list[Finding]:
    """Peak memory of the rows of `harness profile`; those for which it is not known on either side are left out."""
    found = []
    for pair in pairs:
        before, after = (one.row.get("peak_bytes") for one in (pair.base, pair.candidate))
        if before is None and after is None:
            continue
        if pair.base.device == "cuda":
            tolerance, least, what = CUDA_TOLERANCE, 0, "CUDA's allocator"
        else:
            tolerance, least, what = CPU_TOLERANCE, CPU_LEAST, "resident size of a process"
        found.append(_within(pair.name, before, after, pair.differences, tolerance, least, what))
    return found


def _within(row: str, base: float | None, candidate: float | None, reasons: Sequence[str], share: float, least: int,
            what: str) -> Finding:
    """The verdict of two peaks, with a tolerance that is a share of the base, or `least` bytes where that is more."""
    if not base or not candidate:
        reasons = [*reasons, "a side has no peak"]
    if reasons or not base or not candidate:
        return Finding(row, "peak memory", MEMORY, NOT_COMPARABLE, "; ".join(reasons), base, candidate, "bytes")
    margin = max(share, least / base)
    change = candidate / base - 1
    verdict = SAME if abs(change) <= margin else BETTER if change < 0 else WORSE
    where = "within" if verdict == SAME else "beyond"
    return Finding(row, "peak memory", MEMORY, verdict, f"{where} {margin:.1%} of the {what}" if margin else what, base,
                   candidate, "bytes", change=change, margin=margin)
