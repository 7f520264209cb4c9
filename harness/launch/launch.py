"""How rows are to be started: which launcher, how many at once, how many processes for a training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import UserError, unknown
from harness.hardware import cuda_device_count, usable_cores
from harness.launch.local import ToRun, prepare, run_rows
from harness.launch.shown import Progress

LAUNCHERS = ("local",)
PROCESSES = "HARNESS_PROCESSES"
"""Environment variable of a job: the most processes that its training may have."""
LAUNCHER = "HARNESS_LAUNCHER"
"""Environment variable of a job: who started it."""
FORCE = "HARNESS_FORCE"
"""Environment variable: set where checkpoints of other code may be continued; every process of a training sees it."""


@dataclass(frozen=True)
class Launch:
    """How rows are started."""

    launcher: str = "local"
    processes: int | None = None
    """The most that a training may have; None: as many as there are GPUs, or one."""
    jobs: int = 1
    """Rows at once."""
    force: bool = False
    """Continue trainings that were begun with other code."""

    def run(self, rows: list[ToRun], progress: Progress) -> dict[str, str]:
        """Run rows; returns what came of each by name: ran, failed or busy (another process runs it)."""
        for row in rows:
            prepare(row)
        return run_rows(rows, self.slots(), progress)

    def slots(self) -> list[Mapping[str, str]]:
        """The environment of each of the rows that run at once: its share of threads and GPUs."""
        common = {LAUNCHER: self.launcher, **({PROCESSES: str(self.processes)} if self.processes else {}),
                  **({FORCE: "1"} if self.force else {})}
        if self.jobs == 1:
            return [common]
        threads = {} if "OMP_NUM_THREADS" in os.environ else {
            "OMP_NUM_THREADS": str(max(1, usable_cores() // self.jobs))}
        return [{**common, **threads, **gpus} for gpus in shares(visible_gpus(), self.jobs)]


HERE = Launch()
"""On this machine, one row after the other."""


def make_launch(launcher: str, device: str, gpus: int | None, processes: int | None, jobs: int | None,
                force: bool = False) -> Launch:
    """What the options of `harness run` ask for; `device` is cpu or cuda. Raises UserError for what does not fit."""
    if launcher not in LAUNCHERS:
        raise unknown("launcher", launcher, LAUNCHERS)
    if gpus is not None and processes is not None:
        raise UserError("--gpus and --processes: a training has one process a GPU, so only one of them")
    if gpus is not None and device == "cpu":
        raise UserError(f"--gpus {gpus}: on a CPU it is --processes {gpus}")
    if processes is not None and device == "cuda":
        raise UserError(f"--processes {processes}: on GPUs it is --gpus {processes}, one process each")
    if launcher == "local" and gpus is not None and gpus * (jobs or 1) > cuda_device_count():
        at_once = f" for each of {jobs} rows at once" if (jobs or 1) > 1 else ""
        raise UserError(f"--gpus {gpus}{at_once}: this machine has {cuda_device_count()}")
    return Launch(launcher, gpus or processes, jobs or 1, force)


def visible_gpus() -> list[str]:
    """The CUDA devices that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = cuda_device_count()
    return named.split(",")[:count] if named else [str(number) for number in range(count)]


def shares(gpus: list[str], jobs: int) -> list[dict[str, str]]:
    """Which GPUs each of several rows at once may use: equal shares, or one in turn where there are fewer."""
    if not gpus:
        return [{} for _ in range(jobs)]
    each = max(1, len(gpus) // jobs)
    return [{"CUDA_VISIBLE_DEVICES": ",".join(gpus[(number * each + k) % len(gpus)] for k in range(each))}
            for number in range(jobs)]


def launched_by() -> dict[str, Any]:
    """For a record: who started this job, and its number on a cluster."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    slurm = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID')}" if array else os.environ.get("SLURM_JOB_ID")
    return {"launcher": os.environ.get(LAUNCHER, "local"), "slurm_job": slurm}
