"""What else a CPU did while a block was timed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psutil

from harness.profiling.seen import Seen

SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
"""Linux drivers of processors' temperature, as psutil names them."""


class CpuWatch:
    """Load of other processes and the hypervisor's steal, in cores; frequency and temperature where they are told.

    `own` gives the processes that do not count as others.
    """

    def __init__(self, own: Callable[[], Iterable[int]]) -> None:
        self.own = own

    @contextlib.contextmanager
    def block(self) -> Iterator[Seen]:
        """See `Watch`. Processor times come in hundredths of a second: single blocks are coarse, medians are not."""
        seen = Seen()
        before = self._times()
        yield seen
        after = self._times()
        seconds, busy, own, stolen = (b - a for a, b in zip(before, after, strict=True))
        seconds = max(seconds, 1e-9)
        seen.values = {"others_cores": max(0.0, busy - own) / seconds, "steal_cores": stolen / seconds,
                       "mhz": _frequency(), "celsius": _celsius()}

    def _times(self) -> tuple[float, float, float, float]:
        """Clock; seconds of all processors that were busy; of those, our own; and those stolen."""
        own = 0.0
        for pid in set(self.own()):
            with contextlib.suppress(psutil.Error):
                spent = psutil.Process(pid).cpu_times()
                own += spent.user + spent.system
        every = psutil.cpu_times()
        busy = sum(getattr(every, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq"))
        return time.monotonic(), busy, own, getattr(every, "steal", 0.0)

    def about(self) -> dict[str, Any]:
        """See `Watch`."""
        return {"source": "psutil", "cores": psutil.cpu_count()}


def _frequency() -> float | None:
    """MHz, mean of the processors."""
    found = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
    return float(found.current) if found and found.current else None


def _celsius() -> float | None:
    """Of the hottest sensor of a processor."""
    sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    found = [one.current for name in SENSORS for one in sensors.get(name, [])]
    return float(max(found)) if found else None
