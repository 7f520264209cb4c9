"""The machine watched while blocks are timed, and throttled blocks measured again."""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

from harness.hardware import cuda_uuid
from harness.profiling.cpu_watch import CpuWatch
from harness.profiling.gpu_watch import GpuWatch
from harness.profiling.rounds import Block
from harness.profiling.seen import Seen, Values, Watch

REPEATS = 3
"""Times that a throttled block is measured again before it is given up."""
PAUSE = 1.0
"""Seconds before that, in which the card cools."""
class Blind:
    """Reads nothing, and says why."""

    def __init__(self, why: str) -> None:
        self.why = why

    def block(self) -> contextlib.AbstractContextManager[Seen]:
        """See `Watch`."""
        return contextlib.nullcontext(Seen())

    def about(self) -> dict[str, Any]:
        """See `Watch`."""
        return {"source": None, "why": self.why}


def open_watch(device: str, own: Callable[[], Iterable[int]]) -> Watch:
    """What reads this machine, for measurements on "cpu" or "cuda"; `own` gives the processes that measure."""
    if device == "cpu":
        return CpuWatch(own)
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return Blind("the package nvidia-ml-py is not installed")
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{cuda_uuid()}")
    except nvml.NVMLError as error:  # no driver, or a slice of a card that has no clocks of its own
        return Blind(f"NVML: {error}")
    return GpuWatch(nvml, handle, lambda: len(set(own())))


class Log:
    """What was seen of a subject's blocks, in the order of its rounds."""

    def __init__(self) -> None:
        self.kept: list[Values] = []
        self.discarded: list[dict[str, Any]] = []

    def columns(self) -> dict[str, list[Any]]:
        """Readings by name, each a list with an entry for every round; None where its block was given up."""
        names = dict.fromkeys(name for values in self.kept for name in values)
        return {name: [values.get(name) for values in self.kept] for name in names}

    def notes(self) -> list[str]:
        """What was discarded, in words."""
        if not self.discarded:
            return []
        reasons = ", ".join(dict.fromkeys(reason for one in self.discarded for reason in one["reasons"]))
        given_up = sum(one["given_up"] for one in self.discarded)
        return [f"{len(self.discarded)} throttled block(s) discarded ({reasons})"
                + (f"; {given_up} round(s) have none for it: throttled {REPEATS + 1} times" if given_up else "")]


def watched(block: Block, watch: Watch, log: Log, sleep: Callable[[float], None] = time.sleep) -> Block:
    """A block that is measured again where the GPU was throttled; without samples where it always was."""
    def run(calls: int) -> list[float]:
        for attempt in range(1 + REPEATS):
            if attempt:
                sleep(PAUSE)
            with watch.block() as seen:
                samples = block(calls)
            if not seen.throttled:
                log.kept.append(seen.values)
                return samples
            log.discarded.append({"reasons": list(seen.throttled), "median_ms": median(samples),
                                  "given_up": attempt == REPEATS})
        log.kept.append({})  # an entry a round, as the samples have
        return []

    return run
