"""Run a plan: each row that has no record yet in a fresh process, one after the other."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import Interrupted, UserError
from harness.files import locked, write_json
from harness.job import FORCE
from harness.kinds import kind_of
from harness.launch.local import run_process
from harness.plan import Plan
from harness.record import DamagedRecord, RowFolder, code_hash, read_record, training_path, write_failure
from harness.registry import model_spec
from harness.task import Task

Progress = Callable[[str, dict[str, Any]], None]

STOPPED = {130: 130, -signal.SIGINT: 130, 143: 143, -signal.SIGTERM: 143}
"""Exit status of a job that somebody stopped (`scancel` tells every process of a job) -> the run's own."""


@dataclass(frozen=True)
class State:
    """Where a row stands before a run: done, stale, failed, damaged or new."""

    name: str
    folder: RowFolder
    detail: str = ""


def state_of(results: Path, job: Task) -> State:
    """Look for the record of a job's key."""
    folder = RowFolder.of(results, job)
    try:
        record = read_record(folder.record)
        failure = read_record(folder.failure)
    except DamagedRecord as error:
        return State("damaged", folder, str(error))
    if record is not None:
        return State("stale" if is_stale(record) else "done", folder, record["created"])
    if failure is not None:
        return State("failed", folder, failure["error"])
    return State("new", folder)


def is_stale(record: dict[str, Any]) -> bool:
    """Whether a record was made by other code than there is now."""
    try:
        package = model_spec(record["model"]["name"], record["model"].get("args")).package
    except UserError:  # the model's plug-in is gone: nothing to compare with
        return True
    current = code_hash(package, kind_of(record).name)
    code = record.get("code", {})
    return code.get("hash") != current or code.get("training_hash") not in (None, current)


def check_writable(results: Path) -> None:
    """Raises UserError where the results folder cannot be made or written."""
    try:
        results.mkdir(parents=True, exist_ok=True)
        probe = results / ".write-test"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UserError(f"results folder {results} cannot be written: {error.strerror} (--results DIR)") from error


def run_plan(plan: Plan, fresh: bool, stale: bool, progress: Progress, force: bool = False) -> dict[str, str]:
    """Run what is not done. Returns for each job by name: done, ran, failed or damaged.

    `fresh` runs every row again, trainings included; `stale` those whose code has changed; `force` continues trainings
    that were begun with other code.
    """
    check_writable(plan.results)
    outcome = {}
    for name, job in plan.jobs.items():
        state = state_of(plan.results, job)
        again = fresh or (stale and state.name == "stale")
        if state.name == "damaged":
            progress(name, {"phase": "failed", "text": state.detail})
            outcome[name] = "damaged"
        elif state.name in ("done", "stale") and not again:
            outcome[name] = "done"
        else:
            outcome[name] = run_row(plan.results, name, job, again, progress, force)
    return outcome


def run_row(results: Path, name: str, job: Task, again: bool, progress: Progress, force: bool = False) -> str:
    """Run one row in its own process; returns ran or failed. `name` is the job's in what `progress` is told.

    Raises Interrupted where the job was stopped, and KeyboardInterrupt where this process was.
    """
    folder = RowFolder.of(results, job)
    folder.path.mkdir(parents=True, exist_ok=True)
    with locked(folder.lock, f"row {job.row}"):
        if again:
            _forget(results, job, folder)
        write_json(folder.job, job.to_json())
        progress(name, {"phase": "start", "text": ""})
        code = run_process(folder, results, lambda event: progress(name, event), {FORCE: "1"} if force else {})
        if code == 0 and folder.record.is_file():
            progress(name, {"phase": "end", "text": ""})
            return "ran"
        if code in STOPPED:
            raise Interrupted(STOPPED[code])
        if not folder.failure.is_file():
            reason = f"the process ended with signal {-code}" if code < 0 else f"the process ended with status {code}"
            write_failure(folder, job, f"{reason} (out of memory?)" if code == -signal.SIGKILL else reason)
        failure = read_record(folder.failure)
        progress(name, {"phase": "failed", "text": f"{failure['error'] if failure else ''} (log: {folder.log})"})
        return "failed"


def _forget(results: Path, job: Task, folder: RowFolder) -> None:
    """Set a row's record aside (never deleted) and forget its training, so that it runs again."""
    if folder.record.is_file():
        number = 1
        while (aside := folder.path / f"record-{number}.old.json").exists():
            number += 1
        folder.record.rename(aside)
    if job.train_key is not None:
        training = training_path(results, job)
        for path in [training / "training.json", *training.glob("*.pth")]:
            path.unlink(missing_ok=True)
