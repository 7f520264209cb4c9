"""What this machine has, told without importing torch where that is possible."""

from __future__ import annotations

import ctypes
import os
import platform
import uuid
from functools import cache
from typing import Any

from harness.errors import UserError

DEVICES = ("auto", "cpu", "cuda")


@cache
def cuda_device_count() -> int:
    """CUDA devices the driver reports; 0 without a driver. Asks libcuda itself: importing torch takes seconds."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return 0
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def cuda_uuid() -> str | None:
    """The first CUDA device's, in the usual form of a UUID; None without one. Leaves no context on the device."""
    if not cuda_device_count():
        return None
    driver = ctypes.CDLL("libcuda.so.1")
    device, raw = ctypes.c_int(0), (ctypes.c_ubyte * 16)()
    if driver.cuDeviceGet(ctypes.byref(device), 0) != 0 or driver.cuDeviceGetUuid(raw, device) != 0:
        return None
    return str(uuid.UUID(bytes=bytes(raw)))


def resolve_device(asked: str) -> str:
    """"cpu" or "cuda". Raises UserError for an unknown name, or cuda where there is none."""
    if asked not in DEVICES:
        raise UserError(f"--device {asked}: choices are {', '.join(DEVICES)}")
    if asked == "auto":
        return "cuda" if cuda_device_count() else "cpu"
    if asked == "cuda" and cuda_device_count() == 0:
        raise UserError("--device cuda: no CUDA device is usable here; see `harness doctor`, or use --device cpu")
    return asked


def processor_name() -> str:
    """The CPU's model name, as the kernel gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """Processor, cores, memory, system; with torch loaded already, its threads and GPU as well."""
    import sys

    import psutil

    facts: dict[str, Any] = {
        "processor": processor_name(),
        "cores": usable_cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        facts["threads"] = torch.get_num_threads()
        facts["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else None
        facts["gpus"] = torch.cuda.device_count()
    return facts
