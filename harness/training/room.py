"""How much room the files of a training take. Imports no torch: a plan asks, too."""

from __future__ import annotations

KEEP = 3
"""Newest checkpoints kept: should the last one be damaged, the one before is used."""

BYTES = 4
"""Of a number in fp32, in which weights and moments are kept whatever the precision of a step."""


def checkpoint_bytes(parameters: int, ema: bool, buffers: int = 0) -> int:
    """Weights, Adam's two moments, and the running mean of the weights where there is one."""
    return BYTES * ((parameters + buffers) * (2 if ema else 1) + 2 * parameters)


def training_bytes(parameters: int, ema: bool, buffers: int = 0) -> int:
    """The most that a training's folder holds: the checkpoints that are kept, the one that is being written, and the
    weights of the best and of the last epoch."""
    return (KEEP + 1) * checkpoint_bytes(parameters, ema, buffers) + 2 * BYTES * (parameters + buffers)


def size_text(count: int) -> str:
    """Bytes for reading."""
    return f"{count / 2**30:.2g} GiB" if count >= 2**30 else f"{count / 2**20:.3g} MiB"
