"""Where every row of a results folder stands, from what rows and runners have left there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.files import read_json
from harness.launch.telling import BEAT, boot_id, read_status, start_of, submission_of
from harness.record import DamagedRecord, RowFolder, read_record

SILENCE = 18 * BEAT
"""Seconds without a sign of life after which a process of another host is taken for gone. Clocks of hosts differ, and
file systems of clusters show a change up to a minute late."""

STATES = ("running", "waiting", "done", "failed", "stopped", "gone", "damaged")
"""stopped: by a signal, with its training saved; gone: without a record, a failure or a last word."""


@dataclass(frozen=True)
class RowStatus:
    """Where a row stands."""

    table: str
    profile: str
    row: str
    seed: int | None
    key: str
    state: str
    """One of `STATES`."""
    text: str
    """What is to be said of it: reason of a failure, text of a running phase."""
    phase: str | None
    done: int | None
    total: int | None
    left_s: float | None
    """Seconds until the phase is over, at its pace."""
    facts: dict[str, Any]
    host: str | None
    pid: int | None
    slurm_job: str | None
    since: str | None
    """When it came into this state, UTC."""
    folder: str
    log: str | None
    """None where there is none yet."""

    def to_json(self) -> dict[str, Any]:
        """As JSON-able data."""
        return asdict(self)


def statuses(results: Path, table: str | None = None, queued: Mapping[str, str] | None = None) -> list[RowStatus]:
    """Every row in a results folder, or of one table. Raises UserError where there is no such folder.

    `queued`: what a cluster says of its jobs by number, where that was asked.
    """
    if not results.is_dir():
        raise UserError(f"--results {results}: no such folder")
    files = sorted(results.glob(f"{table or '*'}/*/*/job.json"))
    return [found for file in files if (found := status_of(RowFolder(file.parent), queued)) is not None]


def status_of(folder: RowFolder, queued: Mapping[str, str] | None = None) -> RowStatus | None:
    """Where the row of a folder stands; None where the folder is not a row's."""
    try:
        job = read_json(folder.job)
        table, profile, row, key = (str(job[name]) for name in ("table", "profile", "row", "key"))
    except (UserError, KeyError, TypeError):
        return None
    said = read_status(folder)
    process = said.get("process") or {}
    submitted = submission_of(folder)
    state, text, since = _state(folder, said, submitted, queued)
    running = state == "running"
    return RowStatus(
        table, profile, row, job.get("seed"), key, state, text, said.get("phase"), said.get("done"), said.get("total"),
        said.get("left_s") if running else None, said.get("facts", {}) if running else {}, process.get("host"),
        process.get("pid"), submitted.get("job") if submitted.get("cluster") == "slurm" else None, since,
        str(folder.path), str(folder.log) if folder.log.is_file() else None)


def _state(folder: RowFolder, said: dict[str, Any], submitted: dict[str, Any], queued: Mapping[str, str] | None
           ) -> tuple[str, str, str | None]:
    """State, what is to be said of it, and since when."""
    since = said.get("since")
    if said.get("state") == "running" and _lives(folder, said.get("process") or {}):
        return "running", said.get("text", ""), since
    waits = _waits(said, submitted, queued)
    if waits is not None:
        return "waiting", waits, since
    try:
        record, failure = read_record(folder.record), read_record(folder.failure)
    except DamagedRecord as error:
        return "damaged", str(error), None
    if record is not None:
        return "done", "", record["created"]
    if failure is not None:
        return "failed", failure["error"], failure["created"]
    if said.get("state") == "ended" and said.get("how") == "stopped":
        return "stopped", "its training is saved; the same command continues", said.get("told")
    if said.get("state") == "waiting":
        what = f"job {submitted['job']} is not in the queue any more" if submitted else "its run has ended"
        return "gone", f"never started: {what}", since
    if said.get("state") == "running":
        return "gone", _gone(folder, said.get("process") or {}), since
    return "gone", "no status and no record", since


def _lives(folder: RowFolder, process: dict[str, Any]) -> bool:
    """Whether the process is there: looked up on this machine, believed for a while of another one."""
    if process.get("boot") == boot_id():
        return process.get("pid") is not None and start_of(process["pid"]) == process.get("started")
    return _quiet(folder) < SILENCE


def _waits(said: dict[str, Any], submitted: dict[str, Any], queued: Mapping[str, str] | None) -> str | None:
    """For what a row waits, in words; None where it does not, or nobody is there who would start it."""
    if submitted.get("cluster") == "slurm" and queued is not None:
        return queued.get(submitted["job"])
    if said.get("state") != "waiting":
        return None
    if submitted.get("cluster") == "slurm":
        return "when the queue was last asked"
    starter = submitted if "pid" in submitted else said.get("runner") or {}
    if starter.get("boot") != boot_id():
        return f"for a run on {starter.get('host')}"
    return "for the rows before it" if start_of(starter["pid"]) == starter.get("started") else None


def _gone(folder: RowFolder, process: dict[str, Any]) -> str:
    if process.get("boot") == boot_id():
        return "ended without a word: killed, out of memory, a full disk, or the machine was restarted"
    return f"ended without a word: no sign of life from {process.get('host')} for {_quiet(folder) / 60:.0f} min"


def _quiet(folder: RowFolder) -> float:
    """Seconds since the last sign of life."""
    try:
        return max(0.0, time.time() - folder.status.stat().st_mtime)
    except OSError:
        return float("inf")
