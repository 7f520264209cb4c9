"""Measurements in records of `harness profile` and in files of pytest-benchmark: one session each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import numpy as np

from harness.gate.benchmarks import Block
from harness.gate.contents import origin
from harness.gate.exact import CPU_LEAST, CPU_TOLERANCE, CUDA_TOLERANCE
from harness.gate.history.measurements import Measurement, machine_conditions, short_names
from harness.gate.history.metrics import MEMORY, TIME
from harness.gate.paired import quantile_rank, walsh_means
from harness.gate.profiles import title
from harness.gate.reading import File
from harness.statistics import LEVEL


def of_profile(record: dict[str, Any], metric: str, source: str) -> Iterator[Measurement]:
    """Times and memory of every row that was measured; of a row at another commit, that commit's."""
    known = origin(record)
    settings, torch = record["settings"], ((record.get("code") or {}).get("packages") or {}).get("torch")
    device = str(settings.get("device"))
    where = machine_conditions(record["machine"], device, settings.get("threads"), torch)
    for row in record["rows"]:
        if row["status"] != "measured":
            continue
        name = title({**row, "revision": None})
        commit, dirty = (row["revision"], False) if row.get("revision") else (known.commit, known.dirty)
        # A row of another commit has that commit's network under this one's harness; the rest of it is the same.
        names = (row["model"], f"{row['model']} {row['input'][0]}x{row['input'][1]}")
        if metric == TIME and row["median_ms"]:
            low, high = interval(row.get("samples_ms") or ())
            yield Measurement(name, names, {**where, "images": str(settings.get("images"))}, row["median_ms"], commit,
                              dirty, known.created, source, low, high)
        elif metric == MEMORY and row.get("peak_bytes"):
            tolerance = memory_tolerance(row["peak_bytes"], device)
            yield Measurement(name, names, where, float(row["peak_bytes"]), commit, dirty, known.created, source,
                              tolerance=tolerance)


def memory_tolerance(peak: float, device: str) -> float:
    """The share by which the peak of a process of its own may differ and count as the same, as in the gate."""
    return CUDA_TOLERANCE if device == "cuda" else max(CPU_TOLERANCE, CPU_LEAST / peak)


def interval(rounds: Sequence[Sequence[float]]) -> tuple[float | None, float | None]:
    """Of a row's time, 95 %, from the medians of its rounds: what the session itself could not tell.

    Another session differs by more, as the machine has changed by then.
    """
    medians = np.array([median(one) for one in rounds if one], float)
    rank = quantile_rank(len(medians), (1 - LEVEL) / 2) if len(medians) else 0
    if rank == 0:
        return None, None
    means = walsh_means(medians)
    return float(means[rank - 1]), float(means[-rank])


def of_benchmarks(file: File, metric: str, source: str) -> Iterator[Measurement]:
    """Median times of a file of pytest-benchmark. Raises UserError for a file without its time."""
    if metric != TIME:
        return
    known, block = origin(file.data, file.kind), Block.of(file)
    where = {"machine": known.machine, **{name: str(value) for name, value in block.machine.items()}}
    for name, value in block.medians.items():
        yield Measurement(name, short_names(name), where, value, known.commit, known.dirty, known.created, source)
