"""Where the memory of a call goes, in words. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.profiling.words import title

COLUMNS = {"Params": "parameters", "Buffers": "buffers", "Inputs": "inputs", "Activ.": "activations"}
TRAINING = {"Temp.": "temporary", "Grads": "gradients", "Optim.": "optimiser"}
"""Heading -> part; the second only where a training step is among the rows."""


def headings(rows: list[dict[str, Any]]) -> list[str]:
    """Of `table`."""
    return ["MiB of a call at its peak", *_columns(rows), "Workspace", "Peak"]


def _columns(rows: list[dict[str, Any]]) -> dict[str, str]:
    training = any(row["what"] == "training" for row in rows)
    return {**COLUMNS, **(TRAINING if training else {})}


def table(record: dict[str, Any]) -> list[list[str]]:
    """A line for each row whose memory is known."""
    rows = record["rows"]
    return [[title(row), *_cells(row, list(_columns(rows).values()))] for row in rows if row.get("memory")]


def _cells(row: dict[str, Any], names: list[str]) -> list[str]:
    memory = row["memory"]
    parts = memory["parts"]
    known = [mebibytes(parts[name]) for name in names] if parts else ["-"] * len(names)
    return [*known, mebibytes(memory["workspace_bytes"]), mebibytes(own_peak(row))]


def own_peak(row: dict[str, Any]) -> int | None:
    """Bytes of the call's peak that are the subject's own: on CPU without what its process had before."""
    peak = row["memory"]["peak_bytes"]
    return None if peak is None else int(peak - (row["before_bytes"] or 0))


def mebibytes(count: int | None) -> str:
    """"12.3"; "-" for none."""
    if count is None:
        return "-"
    value = count / 2**20
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def memory_lines(record: dict[str, Any]) -> Iterator[str]:
    """What the columns mean."""
    rows = [row for row in record["rows"] if row.get("memory")]
    if not rows:
        return
    if record["settings"]["device"] == "cuda":
        yield ("Peak: the allocator's, of one call after the rounds. Workspace: the rest, which cuDNN, cuBLAS "
               "and operators take for themselves, and rounding.")
        for row in rows:
            kept = (row["memory"]["reserved_bytes"] - row["memory"]["peak_bytes"]) / 2**20
            yield f"{title(row)}: the allocator holds {kept:.0f} MiB more of the device than it gives out at the peak"
    else:
        yield ("Peak: resident, of one call after the rounds, less the process before it built the network. "
               "Workspace: the rest, of operators and libraries, with freed memory that the heap keeps.")
    if any(row["memory"]["parts"] is None for row in rows):
        yield "-: what is compiled, captured or packed does not show its tensors; its peak does."
