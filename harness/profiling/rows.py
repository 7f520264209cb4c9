"""What was measured, as rows of a record."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from harness.profiling.latency import Latency
from harness.profiling.subjects import Subject
from harness.profiling.timings import ratio, samples_needed

PERCENTILES = (90, 99)


def row(one: Latency, found: list[Latency], first: int | None) -> dict[str, Any]:
    """A subject's row; times in ms, memory in bytes. `first` is the row of its group that ratios refer to."""
    return {
        **asdict(one.subject), "input": list(one.subject.input), "status": one.status, "path": one.path,
        **_times(one),
        "images_per_second": one.images_per_second,
        "ratio": None if first is None else {"to": first, **_ratio(one, found[first])},
        "peak_bytes": one.peak_bytes, "before_bytes": one.before_bytes, "memory": one.memory,
        "difference": asdict(one.difference) if one.difference else None, "notes": one.notes,
        "telemetry": one.log.columns(), "discarded": one.log.discarded,
        "samples_ms": one.rounds,
    }


def _times(one: Latency) -> dict[str, Any]:
    percentiles = {f"p{percent}_ms": one.percentile(percent) for percent in PERCENTILES}
    return {"median_ms": one.median, **percentiles, "samples": len(one.samples), "first_ms": one.first_ms,
            "samples_needed": {f"p{percent}_ms": samples_needed(percent) for percent in PERCENTILES},
            "warm_up": asdict(one.warm_up) if one.warm_up else None}


def _ratio(one: Latency, base: Latency) -> dict[str, Any]:
    found = ratio(one.rounds, base.rounds)
    return asdict(found) if found else {}


def layers_row(alone: Latency, found: list[Latency]) -> dict[str, Any]:
    """Layers' times, and how many times that each subject of the same model and work takes."""
    return {"model": alone.subject.model, "input": list(alone.subject.input), "batch": alone.subject.batch,
            **_times(alone),
            "whole": [{"row": i, **_ratio(one, alone)} for i, one in enumerate(found)
                      if _work(one.subject) == _work(alone.subject) and one.rounds and alone.rounds],
            "samples_ms": alone.rounds}


def _work(subject: Subject) -> tuple[Any, ...]:
    return (subject.model, subject.group, subject.precision)
