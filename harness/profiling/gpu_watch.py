"""Clocks, temperature, power, throttling and other processes of a GPU while a block was timed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from harness.profiling.seen import Seen, Values

THROTTLING = {0x8: "HW slowdown", 0x20: "SW thermal slowdown", 0x40: "HW thermal slowdown", 0x80: "HW power brake"}
"""Bits of nvmlClocksThrottleReasons (nvml.h) with which a block says nothing about a healthy card: it is discarded."""
LIMITS = {0x2: "applications' clocks", 0x4: "SW power cap", 0x10: "sync boost", 0x100: "display clocks"}
"""Bits that are recorded only. A power cap is how a card with much to do runs: without those blocks nothing is left."""
PERIOD = 0.01
"""Seconds between two readings of a GPU. NVML takes well under a millisecond for each."""


class GpuWatch:
    """Clocks, temperature, power, limits and other processes of a GPU, read while a block runs.

    Args:
        nvml: the module `pynvml`.
        handle: its device.
        own: how many of our processes are on it. Their ids are of no use: in a container NVML gives those of the host.
    """

    def __init__(self, nvml: Any, handle: Any, own: Callable[[], int]) -> None:
        self.nvml, self.handle, self.own = nvml, handle, own
        self.before = self._processes() if own() == 0 else None

    @contextlib.contextmanager
    def block(self) -> Iterator[Seen]:
        """See `Watch`. Clocks are medians of the readings, temperature and power their largest."""
        seen, readings, ended = Seen(), [self._read()], threading.Event()

        def read() -> None:
            while not ended.wait(PERIOD):
                readings.append(self._read())

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            ended.set()
            thread.join()
        readings = readings[1:] or readings  # the first was of a card that waited
        bits = 0
        for reading in readings:
            bits |= reading["bits"] or 0
        present, own = self._processes(), self.own()
        seen.values = {
            "sm_mhz": _of(median, readings, "sm_mhz"), "memory_mhz": _of(median, readings, "memory_mhz"),
            "celsius": _of(max, readings, "celsius"), "watts": _of(max, readings, "watts"),
            "limits": [name for bit, name in {**THROTTLING, **LIMITS}.items() if bits & bit],
            "others": len(present) - own if present is not None and len(present) >= own else None}
        seen.throttled = tuple(name for bit, name in THROTTLING.items() if bits & bit)

    def _read(self) -> Values:
        nvml, handle = self.nvml, self.handle
        milliwatts = self._get(nvml.nvmlDeviceGetPowerUsage, handle)
        return {"sm_mhz": self._get(nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM),
                "memory_mhz": self._get(nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_MEM),
                "celsius": self._get(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
                "watts": None if milliwatts is None else milliwatts / 1e3,
                "bits": self._get(nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)}

    def _processes(self) -> list[Any] | None:
        return self._get(self.nvml.nvmlDeviceGetComputeRunningProcesses, self.handle)

    def _get(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What NVML answers, or None where card, driver or rights do not allow it."""
        try:
            return function(*arguments)
        except self.nvml.NVMLError:
            return None

    def about(self) -> dict[str, Any]:
        """See `Watch`."""
        found = None if self.before is None else [
            {"pid": one.pid, "bytes": getattr(one, "usedGpuMemory", None)} for one in self.before]
        return {"source": "NVML", "processes_before": found}


def _of(function: Callable[[list[Any]], Any], readings: list[Values], name: str) -> Any:
    """Over those readings that have a value; None where none has."""
    values = [reading[name] for reading in readings if reading[name] is not None]
    return function(values) if values else None
