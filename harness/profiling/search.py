"""The largest number that fits, by doubling and bisection, where each trial costs something or may do harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MOST = 2**16
"""No batch above this is tried."""

FITS, TOO_MUCH, PREDICTED = "fits", "too much", "predicted too much"


@dataclass(frozen=True)
class Trial:
    """One number, and what came of it."""

    batch: int
    status: str
    """fits | too much | predicted too much (not tried)."""
    peak_bytes: int | None = None
    """Measured, or predicted; None where it ran out of memory."""
    reason: str = ""
    """Why not, where it was tried and did not fit."""


def largest(measure: Callable[[int], Trial], start: int = 1, limit: int | None = None,
            base: int = 0, most: int = MOST) -> list[Trial]:
    """All trials, in order; the largest number that fits is the largest of those that do.

    Args:
        measure: tries a number.
        start: the first number.
        limit: bytes that no trial may go beyond, None for none. Then a number is tried only where `predict` says that
            it stays below; the last numbers are always tried ones.
        base: bytes that are there without any.
    """
    trials: list[Trial] = []

    def fits(batch: int) -> bool:
        expected = predict(trials, batch, base) if limit is not None else None
        if limit is not None and expected is not None and expected > limit:
            trials.append(Trial(batch, PREDICTED, expected))
            return False
        trials.append(measure(batch))
        return trials[-1].status == FITS

    low, high, batch = 0, most + 1, min(start, most)
    while low < batch < high:
        if fits(batch):
            low, batch = batch, min(2 * batch, most)
        else:
            high = batch
    while high - low > 1 and low < most:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return trials


def predict(trials: list[Trial], batch: int, base: int) -> int | None:
    """Bytes at a number, on the line through the two largest measured ones below it, or through one and `base`.

    None before the first. Memory grows in proportion to the batch beside a constant; a library that takes another
    algorithm for large ones can break that, so that the line's answer is tried before it is believed.
    """
    known = sorted((trial.batch, trial.peak_bytes) for trial in trials
                   if trial.status == FITS and trial.peak_bytes is not None and trial.batch < batch)
    if not known:
        return None
    last, peak = known[-1]
    first, lower = known[-2] if len(known) > 1 else (0, min(base, peak))
    return round(peak + max(0, peak - lower) / (last - first) * (batch - last))
