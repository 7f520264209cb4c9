"""Rows as jobs of a SLURM cluster, by submitit: submitted once, found again, waited for."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.files import locked, write_json
from harness.launch.local import ToRun, forget, prepare
from harness.launch.queue import ask_queue, controller_fault
from harness.launch.resources import Resources
from harness.launch.shown import Progress, Shown
from harness.launch.submitted import Submitted, submitit_folder
from harness.launch.telling import boot_id, read_status, start_of, submission_of
from harness.record import read_record, write_failure

CLUSTER = "HARNESS_SUBMITIT"
"""Environment variable: another of submitit's executors in place of SLURM: local (processes) or debug (this one)."""
REQUEUES = 1000
"""How often a job may come back after its time limit; each time it must have saved something new."""
LOOK = 1.0
ASK = 15.0
"""Seconds between two looks at status files, and between two questions to the queue, which serves everybody."""


def check_here() -> str:
    """Which of submitit's executors is used. Raises UserError where it cannot be."""
    if importlib.util.find_spec("submitit") is None:
        raise UserError("--launcher slurm needs submitit: python -m pip install 'wholebody-harness[slurm]'")
    cluster = os.environ.get(CLUSTER, "slurm")
    if cluster not in ("slurm", "local", "debug"):
        raise UserError(f"{CLUSTER}={cluster}: choices are slurm, local, debug")
    if cluster == "slurm" and not (shutil.which("sbatch") and shutil.which("srun")):
        raise UserError("--launcher slurm: there is no sbatch here; run it on a login node of the cluster")
    return cluster


def check_reachable() -> None:
    """Raises UserError where nothing can be submitted: before anything is written."""
    fault = controller_fault() if check_here() == "slurm" else None
    if fault is not None:
        raise UserError(f"--launcher slurm: the cluster's controller does not answer ({fault}); nothing was submitted")


@dataclass
class Submission:
    """A row's job: submitted now, or found in the queue."""

    row: ToRun
    facts: dict[str, Any]
    """As in status.json: cluster, job, and of submitit's local executor what tells its process from others."""
    found: bool
    finish: Callable[[], None] = lambda: None
    """What makes a job of the debug executor run."""


def alive(facts: list[dict[str, Any]]) -> dict[str, str] | None:
    """Those jobs that wait or run, by number, with what the queue says; None where the queue does not answer."""
    there = {one["job"]: "running" for one in facts if one["cluster"] == "local" and one["boot"] == boot_id()
             and start_of(one["pid"]) == one["started"]}
    numbers = [one["job"] for one in facts if one["cluster"] == "slurm"]
    if numbers:
        queue = ask_queue(numbers)
        if queue is None:
            return None
        there |= queue
    return there


def jobs_of(rows: list[ToRun]) -> dict[str, str]:
    """By row the number of its job that waits or runs; a row without one is left out, all where squeue is silent."""
    known = {row.name: facts for row in rows if "job" in (facts := submission_of(row.folder))}
    there = alive(list(known.values())) or {}
    return {name: facts["job"] for name, facts in known.items() if facts["job"] in there}


def submit(rows: list[ToRun], resources: Resources, environment: Mapping[str, str], jobs: int | None, results: Path
           ) -> list[Submission]:
    """Every row as a job: one that was submitted before and still waits or runs is taken as it is.

    Raises UserError where the cluster refuses, or its queue does not answer.
    """
    cluster = check_here()
    with locked(results / ".submit.lock", "submitting", wait=True):
        known = {row.name: facts for row in rows if "job" in (facts := submission_of(row.folder))}
        there = alive(list(known.values()))
        if there is None:
            raise UserError("squeue does not answer, so it is not known which rows have jobs already; try again later")
        found = [Submission(row, known[row.name], True) for row in rows
                 if row.name in known and known[row.name]["job"] in there]
        taken = {one.row.name for one in found}
        return found + _submit([row for row in rows if row.name not in taken], cluster, resources, environment, jobs,
                               results)


def _submit(rows: list[ToRun], cluster: str, resources: Resources, environment: Mapping[str, str], jobs: int | None,
            results: Path) -> list[Submission]:
    from submitit import AutoExecutor
    from submitit.core.utils import FailedJobError

    if not rows:
        return []
    executor = AutoExecutor(submitit_folder(results), cluster=cluster, slurm_max_num_timeout=REQUEUES)
    executor.update_parameters(name=f"harness-{rows[0].job.table}", slurm_array_parallelism=jobs or len(rows),
                               **resources.parameters())
    tasks: list[Submitted] = []
    written: dict[Path, bytes | None] = {}
    with _taken_back(written, results):
        for row in rows:
            row.folder.path.mkdir(parents=True, exist_ok=True)
            with locked(row.folder.lock, f"row {row.name}"):
                folder = row.folder
                for file in (folder.job, folder.status, folder.failure, folder.submitted):
                    written[file] = file.read_bytes() if file.is_file() else None
                if row.again:
                    forget(row)
                row.folder.failure.unlink(missing_ok=True)
                prepare(row)
            tasks.append(Submitted(ToRun(row.name, row.job, row.results), dict(environment),
                                   max(10.0, resources.warning_seconds - 20.0)))
        try:
            with contextlib.redirect_stderr(io.StringIO()), executor.batch():  # submitit prints what it raises
                handles = [executor.submit(task) for task in tasks]
        except FailedJobError as error:
            raise UserError(f"sbatch refused: {' '.join(str(error).split())[:400]}; nothing was submitted") from error
    done = []
    for row, handle in zip(rows, handles, strict=True):
        facts: dict[str, Any] = {"cluster": cluster, "job": str(handle.job_id), "output": str(handle.paths.stdout)}
        if cluster == "local":
            pid = int(handle.job_id)
            facts.update(pid=pid, started=start_of(pid), boot=boot_id(), host=socket.gethostname())
        write_json(row.folder.submitted, facts)
        done.append(Submission(row, facts, False, handle.wait if cluster == "debug" else lambda: None))
    return done


@contextlib.contextmanager
def _taken_back(written: Mapping[Path, bytes | None], results: Path) -> Iterator[None]:
    """Where the cluster refuses, what was written for its jobs is as it was before, None for not there."""
    place = submitit_folder(results).parent
    known = set(place.glob("*"))
    try:
        yield
    except UserError:
        for file, before in written.items():
            if before is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(before)
        for left in set(place.glob("*")) - known:
            if left.is_file():  # a folder is that of a job that was submitted
                left.unlink()
        for folder in {place, *(file.parent for file in written)}:
            _remove_empty(folder, results)
        raise


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder with nothing in it but a lock, and so those above it, below `top`."""
    if {path.name for path in folder.glob("*")} == {".lock"}:
        (folder / ".lock").unlink()
    with contextlib.suppress(OSError):
        while folder != top:
            folder.rmdir()
            folder = folder.parent


def wait(submissions: list[Submission], progress: Progress) -> dict[str, str]:
    """Show submitted rows until all have ended: ran, failed, or stopped (cancelled, with the training saved)."""
    outcome: dict[str, str] = {}
    shown = {one.row.name: Shown(one.row.name, one.row.folder, progress) for one in submissions}
    for one in submissions:
        one.finish()
    asked, missing, why = 0.0, set[str](), dict[str, str]()
    while True:
        for one in submissions:
            name, folder = one.row.name, one.row.folder
            if name in outcome:
                continue
            shown[name].look()
            if folder.record.is_file():
                outcome[name] = "ran"
                progress(name, {"phase": "end", "text": ""})
            elif folder.failure.is_file():
                outcome[name] = "failed"
                failure = read_record(folder.failure)
                progress(name, {"phase": "failed", "text": f"{failure and failure['error']} (log: {folder.log})"})
        rest = [one for one in submissions if one.row.name not in outcome]
        if not rest:
            return outcome
        if time.monotonic() - asked > ASK or all(one.facts["cluster"] != "slurm" for one in rest):
            asked = time.monotonic()
            there = alive([one.facts for one in rest])
            # Looked at twice: on a cluster a record may be seen here only a while after its job has left the queue.
            lost = {one.row.name for one in rest if there is not None and one.facts["job"] not in there}
            for one in rest:
                words = (there or {}).get(one.facts["job"], "running")
                if words != "running" and words != why.get(one.row.name):
                    progress(one.row.name, {"phase": "waiting", "text": words})
                why[one.row.name] = words
                if one.row.name in lost & missing and not one.row.folder.record.is_file():
                    outcome[one.row.name] = _lost(one, progress)
            missing = lost
        time.sleep(LOOK)


def _lost(one: Submission, progress: Progress) -> str:
    """A job that is no longer there and left neither record nor failure."""
    name, folder, job = one.row.name, one.row.folder, one.facts["job"]
    if read_status(folder).get("how") == "stopped":
        progress(name, {"phase": "failed", "text": f"job {job} was cancelled; its training is saved, and the same "
                                                   "command continues"})
        return "stopped"
    text = (f"job {job} ended without a word (cancelled, out of memory, or its machine failed); see "
            f"{one.facts['output']}")
    write_failure(folder, one.row.job, text)
    progress(name, {"phase": "failed", "text": text})
    return "failed"
