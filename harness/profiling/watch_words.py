"""What was seen of the machine, in words. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from harness.profiling.gpu_watch import LIMITS, THROTTLING


def watch_lines(record: dict[str, Any]) -> Iterator[str]:
    """One line, and one for each row with limits of the GPU. Records of earlier versions have neither."""
    about = record["settings"].get("telemetry")
    if about is None:
        return
    seen: dict[str, list[Any]] = {}
    for row in record["rows"]:
        for name, values in (row.get("telemetry") or {}).items():
            seen.setdefault(name, []).extend(values)
    if about["source"] is None:
        yield f"What else the machine did is not known: {about['why']}."
    elif about["source"] == "NVML":
        yield _gpu(seen, about)
    elif seen.get("others_cores"):
        yield _cpu(seen, about)


def _cpu(seen: dict[str, list[Any]], about: dict[str, Any]) -> str:
    parts = [f"others took {_middle(seen['others_cores'])} of {about['cores']} cores",
             f"the hypervisor {_middle(seen['steal_cores'])}"]
    parts.append(_range(seen["mhz"], "MHz", "clock"))
    parts.append(_range(seen["celsius"], "°C", "temperature"))
    return f"While {_blocks(len(seen['others_cores']))} ran: {', '.join(parts)}."


def _gpu(seen: dict[str, list[Any]], about: dict[str, Any]) -> str:
    parts = [_range(seen.get(name, []), unit, what) for name, unit, what in (
        ("sm_mhz", "MHz", "SM clock"), ("memory_mhz", "MHz", "memory clock"), ("celsius", "°C", "temperature"),
        ("watts", "W", "power"))]
    blocks = [limits for limits in seen.get("limits", []) if limits is not None]
    for name in (*THROTTLING.values(), *LIMITS.values()):
        count = sum(name in limits for limits in blocks)
        if count:
            parts.append(f"{name} in {count} of {len(blocks)} blocks")
    others = [count for count in seen.get("others", []) if count is not None]
    before = about.get("processes_before")
    if not others:
        parts.append("other processes on the GPU not visible")
    elif max(others):
        parts.append(f"up to {max(others)} other process(es) on the GPU")
    else:
        parts.append("no other process on the GPU")
    if before:
        parts.append(f"{len(before)} there before the first row")
    return f"While {_blocks(len(blocks))} ran: {', '.join(parts)}."


def _blocks(count: int) -> str:
    return "it" if count == 1 else f"the {count} blocks"


def _middle(values: list[float]) -> str:
    """Median and largest."""
    return f"{median(values):.2f} (at most {max(values):.2f})"


def _range(values: list[Any], unit: str, what: str) -> str:
    """Smallest to largest, or that it is not told."""
    known = [value for value in values if value is not None]
    if not known:
        return f"{what} not told"
    low, high = round(min(known)), round(max(known))
    return f"{what} {low} {unit}" if low == high else f"{what} {low}-{high} {unit}"
