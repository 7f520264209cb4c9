"""Run a plan: each row that has no record yet in a fresh process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.kinds import kind_of
from harness.launch.launch import HERE, Launch
from harness.launch.local import ToRun
from harness.launch.shown import Progress
from harness.plan import Plan
from harness.record import DamagedRecord, RowFolder, code_hash, read_record
from harness.registry import model_spec
from harness.task import Task


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


def run_plan(plan: Plan, fresh: bool, stale: bool, progress: Progress, launch: Launch = HERE) -> dict[str, str]:
    """Run what is not done. Returns for each job by name: done, ran, failed, damaged, stopped or submitted.

    `fresh` runs every row again, trainings included; `stale` those whose code has changed; `launch` says where and how.
    Raises UserError where another process runs one of the rows, when the others are done.
    """
    outcome = {}
    rows = []
    for name, job in plan.jobs.items():
        state = state_of(plan.results, job)
        again = fresh or (stale and state.name == "stale")
        if state.name == "damaged":
            progress(name, {"phase": "failed", "text": state.detail})
            outcome[name] = "damaged"
        elif state.name in ("done", "stale") and not again:
            outcome[name] = "done"
        else:
            rows.append(ToRun(name, job, plan.results, again))
    if rows:
        launch.check()
    check_writable(plan.results)
    ran = launch.run(rows, progress)
    busy = [row for row in rows if ran[row.name] == "busy"]
    if busy:
        raise UserError("; ".join(f"row {row.name} is being run by another process or job (lock {row.folder.lock}); "
                                  "harness status shows it" for row in busy))
    return {name: {**outcome, **ran}[name] for name in plan.jobs}
