"""What a row asks of a SLURM cluster, read from the options of `harness run`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from harness.errors import UserError
from harness.launch.words import duration

UNITS = {"K": 2**-20, "M": 2**-10, "G": 1.0, "T": 2.0**10}
"""Suffix of a size -> GiB, as SLURM reads them."""


@dataclass(frozen=True)
class Resources:
    """Of one row's job; None leaves it to the cluster."""

    partition: str
    minutes: int = 1440
    gpus: int | None = None
    cpus: int | None = None
    memory_gib: float | None = None
    account: str | None = None
    qos: str | None = None
    more: tuple[tuple[str, str], ...] = ()
    """Further options of sbatch, as (name, value)."""

    @property
    def warning_seconds(self) -> int:
        """How long before its time limit a job is told to save: three minutes, or a quarter of a short limit.

        SLURM looks once a minute, so it may tell up to a minute earlier than asked for.
        """
        return min(180, self.minutes * 15)

    def text(self) -> str:
        """In a few words, for the plan."""
        parts = [f"partition {self.partition}", f"at most {duration(60 * self.minutes)} at a time"]
        parts += [f"{self.gpus} GPU(s)"] if self.gpus else []
        parts += [f"{self.cpus} core(s)"] if self.cpus else []
        parts += [f"{self.memory_gib:g} GiB"] if self.memory_gib else []
        parts += [f"account {self.account}"] if self.account else []
        parts += [f"qos {self.qos}"] if self.qos else []
        return ", ".join([*parts, *(f"{name} {value}".rstrip() for name, value in self.more)])

    def parameters(self) -> dict[str, Any]:
        """As submitit's AutoExecutor takes them; its None is left out."""
        return {
            "nodes": 1, "tasks_per_node": 1, "timeout_min": self.minutes, "gpus_per_node": self.gpus,
            "cpus_per_task": self.cpus, "mem_gb": self.memory_gib, "slurm_partition": self.partition,
            "slurm_account": self.account, "slurm_qos": self.qos, "slurm_signal_delay_s": self.warning_seconds,
            "slurm_additional_parameters": {"requeue": True, **{name: value or True for name, value in self.more}},
        }


def minutes_of(text: str) -> int:
    """A time limit as SLURM writes it: minutes, MM:SS, HH:MM:SS, D-HH, D-HH:MM or D-HH:MM:SS. Raises UserError."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text)
    if not match:
        raise UserError(f"--time {text}: expected minutes, HH:MM:SS or D-HH:MM:SS, for example 2-00:00:00")
    days, first, second, third = (int(part) if part is not None else None for part in match.groups())
    assert first is not None
    if days is not None:
        minutes = float(days * 1440 + first * 60 + (second or 0)) + (third or 0) / 60
    elif third is not None:
        minutes = float(first * 60 + (second or 0)) + third / 60
    else:
        minutes = first + (second or 0) / 60
    if minutes <= 0:
        raise UserError(f"--time {text}: a job needs some time")
    return math.ceil(minutes)


def gib_of(text: str) -> float:
    """A size with its unit: 64G, 64GB, 512000M. Raises UserError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT])(?:i?B)?", text, re.IGNORECASE)
    if not match or float(match[1]) == 0:
        raise UserError(f"--memory {text}: expected a size with its unit, for example 64G")
    return float(match[1]) * UNITS[match[2].upper()]


def sbatch_option(text: str) -> tuple[str, str]:
    """A further option of sbatch, NAME=VALUE or NAME. Raises UserError for what this program sets itself."""
    name, _, value = text.lstrip("-").partition("=")
    if not re.fullmatch(r"[a-z][a-z-]*", name):
        raise UserError(f"--sbatch {text}: expected NAME=VALUE, for example constraint=a100")
    if name in OURS:
        raise UserError(f"--sbatch {text}: {OURS[name]}")
    return name, value


OURS = {"partition": "it is --partition", "time": "it is --time", "account": "it is --account", "qos": "it is --qos",
        "mem": "it is --memory", "cpus-per-task": "it is --cpus", "gpus-per-node": "it is --gpus",
        "array": "rows are an array; --jobs says how many run at once", "signal": "jobs are told early enough to save",
        "requeue": "jobs are requeued when their time is up", "output": "a row's log lies in its folder",
        "error": "a row's log lies in its folder", "nodes": "a row is trained on one machine; torchrun takes several",
        "ntasks": "a job is one task, which starts its processes itself",
        "job-name": "jobs are named after their table"}
"""Options of sbatch that others stand for."""
