"""How rows are to be started: which launcher, how many at once, how many processes for a training."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import UserError, unknown
from harness.hardware import cuda_device_count, usable_cores
from harness.launch.local import ToRun, prepare, run_rows
from harness.launch.resources import Resources
from harness.launch.shown import Progress

LAUNCHERS = ("local", "slurm")
PROCESSES = "HARNESS_PROCESSES"
"""Environment variable of a job: the most processes that its training may have."""
LAUNCHER = "HARNESS_LAUNCHER"
"""Environment variable of a job: who started it."""
CORES = "HARNESS_CORES"
"""Environment variable of a job: its share of this machine's cores, where rows run at once and nobody chose threads."""
FORCE = "HARNESS_FORCE"
"""Environment variable: set where checkpoints of other code may be continued; every process of a training sees it."""


@dataclass(frozen=True)
class Launch:
    """How rows are started."""

    launcher: str = "local"
    device: str = "auto"
    """Of the rows; cpu or cuda where they run elsewhere."""
    processes: int | None = None
    """The most that a training may have; None: as many as there are GPUs, or one."""
    jobs: int | None = None
    """Rows at once; None: one here, all on a cluster."""
    force: bool = False
    """Continue trainings that were begun with other code."""
    resources: Resources | None = None
    """Of each row's job on a cluster."""
    wait: bool = True
    """Wait for a cluster's jobs to end."""

    @property
    def elsewhere(self) -> bool:
        """Whether rows run on other machines than this one."""
        return self.resources is not None

    def check(self) -> None:
        """Raises UserError where rows cannot be started at all."""
        if self.resources is not None:
            from harness.launch.slurm import check_reachable

            check_reachable()

    def run(self, rows: list[ToRun], progress: Progress) -> dict[str, str]:
        """Run rows; returns what came of each by name: ran, failed, busy (another process runs it), stopped (its job
        was cancelled), or submitted where jobs are not waited for."""
        if not rows:
            return {}
        if self.resources is not None:
            return self._submit(rows, self.resources, progress)
        from harness.launch.slurm import jobs_of

        jobs = jobs_of(rows)
        for name, job in jobs.items():
            progress(name, {"phase": "failed", "text": f"it is job {job} of a cluster; --launcher slurm waits for it"})
        free = [row for row in rows if row.name not in jobs]
        for row in free:
            prepare(row)
        return {**dict.fromkeys(jobs, "busy"), **run_rows(free, self.slots(), progress)}

    def _submit(self, rows: list[ToRun], resources: Resources, progress: Progress) -> dict[str, str]:
        from harness.launch import slurm

        jobs = slurm.submit(rows, resources, self.environment(), self.jobs, rows[0].results)
        for one in jobs:
            phase = "found again:" if one.found else "submitted:"
            progress(one.row.name, {"phase": phase, "text": f"job {one.facts['job']}"})
        if not self.wait:
            return {one.row.name: "submitted" for one in jobs}
        try:
            return slurm.wait(jobs, progress)
        except KeyboardInterrupt:
            numbers = " ".join(one.facts["job"] for one in jobs)
            print(f"the jobs go on without this command; they are ended by: scancel {numbers}", file=sys.stderr)
            raise

    def available(self, device: str) -> int:
        """How many processes a training may have, as far as it is known here."""
        if self.processes is not None:
            return self.processes
        if device == "cpu":
            return 1
        return (self.resources.gpus or 1) if self.resources is not None else max(1, cuda_device_count())

    def environment(self) -> dict[str, str]:
        """What every row's process is told by its environment."""
        return {LAUNCHER: self.launcher, **({PROCESSES: str(self.processes)} if self.processes else {}),
                **({FORCE: "1"} if self.force else {})}

    def slots(self) -> list[Mapping[str, str]]:
        """The environment of each of the rows that run at once: its share of threads and GPUs."""
        common = self.environment()
        if self.jobs in (None, 1):
            return [common]
        threads = share_of_cores(max(1, usable_cores() // self.jobs))
        return [{**common, **threads, **gpus} for gpus in shares(visible_gpus(), self.jobs)]


HERE = Launch()
"""On this machine, one row after the other."""


def make_launch(launcher: str, device: str, gpus: int | None, processes: int | None, jobs: int | None,
                force: bool = False, resources: Resources | None = None, wait: bool = True) -> Launch:
    """What the options of `harness run` ask for; `device` is cpu or cuda. Raises UserError for what does not fit."""
    if launcher not in LAUNCHERS:
        raise unknown("launcher", launcher, LAUNCHERS)
    if gpus is not None and processes is not None:
        raise UserError("--gpus and --processes: a training has one process a GPU, so only one of them")
    if gpus is not None and device == "cpu":
        raise UserError(f"--gpus {gpus}: on a CPU it is --processes {gpus}")
    if processes is not None and device == "cuda":
        raise UserError(f"--processes {processes}: on GPUs it is --gpus {processes}, one process each")
    if launcher == "slurm" and resources is None:
        raise UserError("--launcher slurm needs --partition NAME; sinfo lists them")
    if launcher == "local" and gpus is not None and gpus * (jobs or 1) > cuda_device_count():
        at_once = f" for each of {jobs} rows at once" if (jobs or 1) > 1 else ""
        raise UserError(f"--gpus {gpus}{at_once}: this machine has {cuda_device_count()}")
    return Launch(launcher, device, gpus or processes, jobs, force, resources, wait)


def share_of_cores(cores: int) -> dict[str, str]:
    """The environment of a row that has so many cores; what the user has set stays."""
    return {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(cores), CORES: str(cores)}


def processes_for(wanted: int, available: int) -> int:
    """The most processes, of those available, that can share the batches of `wanted` evenly; at least 1."""
    return max(n for n in range(1, max(min(wanted, available), 1) + 1) if wanted % n == 0)


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
