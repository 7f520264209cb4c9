"""Rows on this machine, one or several at a time, each in a process of its own."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.allocator import kept
from harness.errors import Interrupted, UserError
from harness.files import locked, write_json
from harness.launch.shown import Progress, Shown
from harness.launch.telling import say_stopped, say_waiting
from harness.record import RowFolder, read_record, training_path, write_failure
from harness.task import Task

GRACE = 120.0
"""Seconds that a row's process has to save its training after it was asked to end; after that it is killed.

Writing model and optimiser of the largest network here (HRNet-w48, 0.8 GB) took seconds on a local disk; shared file
systems of clusters are slower by up to ten times."""
ROOM = 1 << 20
"""Bytes that are free where a disk is not full."""
LOOK = 0.1
"""Seconds between two looks at running rows."""
STOPPED = {130: 130, -2: 130, 143: 143, -15: 143}
"""Exit status of a job that somebody stopped (`scancel` tells every process of a job) -> the run's own."""


@dataclass(frozen=True)
class ToRun:
    """A row that is to run. `name` is the job's in what `progress` is told."""

    name: str
    job: Task
    results: Path
    again: bool = False
    """Though it has a record: that is set aside, and its training forgotten."""

    @property
    def folder(self) -> RowFolder:
        """Where it leaves what it leaves."""
        return RowFolder.of(self.results, self.job)


class RowProcess:
    """A row while it runs; nobody else can run it meanwhile. Raises UserError where somebody else does."""

    def __init__(self, row: ToRun, environment: Mapping[str, str], progress: Progress) -> None:
        self.row, self.folder = row, row.folder
        self.held = contextlib.ExitStack()
        self.held.enter_context(locked(self.folder.lock, f"row {row.name}"))
        if row.again:
            forget(row)
        self.folder.failure.unlink(missing_ok=True)
        self.shown = Shown(row.name, self.folder, progress)
        progress(row.name, {"phase": "start", "text": ""})
        command = [sys.executable, "-m", "harness.job", str(self.folder.path), str(row.results)]
        # A session of its own: a terminal sends Ctrl-C to all that it started, and the job would be told twice. So it
        # would be of SLURM's warning, which reaches every process of a job; what follows from it is the parent's word.
        with self.folder.log.open("ab") as log, _deaf_to(signal.SIGUSR2):
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env={**kept(), "PYTHONUNBUFFERED": "1", **environment})

    def poll(self) -> str | None:
        """What came of it: ran or failed; None while it runs. Raises Interrupted where somebody stopped the job."""
        code = self.process.poll()
        self.shown.look()
        if code is None:
            return None
        try:
            return self._ended(code)
        finally:
            self.held.close()

    def _ended(self, code: int) -> str:
        if code == 0 and self.folder.record.is_file():
            self.shown.progress(self.row.name, {"phase": "end", "text": ""})
            return "ran"
        if code in STOPPED:
            raise Interrupted(STOPPED[code])
        reason = f"the process ended with signal {-code}" if code < 0 else f"the process ended with status {code}"
        reason += " (out of memory?)" if code == -9 else ""
        if shutil.disk_usage(self.folder.path).free < ROOM:
            reason = (f"the disk of {self.row.results} is full; what a training has saved stays, and the same command "
                      "goes on from it once there is room")
        with contextlib.suppress(UserError):  # on a full disk it cannot be written; it is said all the same
            if not self.folder.failure.is_file():
                write_failure(self.folder, self.row.job, reason)
        failure = read_record(self.folder.failure)
        text = f"{failure['error'] if failure else reason} (log: {self.folder.log})"
        self.shown.progress(self.row.name, {"phase": "failed", "text": text})
        return "failed"


@contextlib.contextmanager
def _deaf_to(number: signal.Signals) -> Iterator[None]:
    """What is started within it never receives that signal, nor does what it starts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def prepare(row: ToRun) -> None:
    """Write down what is to run, and that it waits for it."""
    row.folder.path.mkdir(parents=True, exist_ok=True)
    write_json(row.folder.job, row.job.to_json())
    row.folder.submitted.unlink(missing_ok=True)
    say_waiting(row.folder)


def forget(row: ToRun) -> None:
    """Set a row's record aside (never deleted) and forget its training, so that it runs again."""
    folder = row.folder
    if folder.record.is_file():
        number = 1
        while (aside := folder.path / f"record-{number}.old.json").exists():
            number += 1
        folder.record.rename(aside)
    if row.job.train_key is not None:
        training = training_path(row.results, row.job)
        for path in [training / "training.json", *training.glob("*.pth")]:
            path.unlink(missing_ok=True)


def run_rows(rows: list[ToRun], slots: list[Mapping[str, str]], progress: Progress) -> dict[str, str]:
    """Run rows, as many at once as there are slots, each with its slot's environment.

    Returns what came of each: ran, failed, or busy where another process runs it. An interruption is passed on to the
    rows, which have `GRACE` seconds to save; a second Ctrl-C kills them at once. Raises KeyboardInterrupt then, and
    Interrupted where somebody else stopped a row.
    """
    outcome: dict[str, str] = {}
    waiting, free = list(rows), list(slots)
    running: list[tuple[RowProcess, Mapping[str, str]]] = []
    try:
        while waiting or running:
            while waiting and free:
                row, slot = waiting.pop(0), free.pop(0)
                try:
                    running.append((RowProcess(row, slot, progress), slot))
                except UserError as error:
                    progress(row.name, {"phase": "failed", "text": str(error)})
                    outcome[row.name] = "busy"
                    free.append(slot)
            for process, slot in list(running):
                came = process.poll()
                if came is not None:
                    outcome[process.row.name] = came
                    running.remove((process, slot))
                    free.append(slot)
            time.sleep(LOOK)
    except BaseException:
        end([process.process for process, _ in running])
        for process, _ in running:
            say_stopped(process.folder)
        raise
    return outcome


def end(processes: list[subprocess.Popen[bytes]], grace: float = GRACE) -> None:
    """Ask processes to end (SIGTERM) and wait; kill them after `grace` seconds, or when this is interrupted."""
    alive = [process for process in processes if process.poll() is None]
    for process in alive:
        process.terminate()
    latest = time.monotonic() + grace
    with contextlib.suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
        for process in alive:
            process.wait(max(0.0, latest - time.monotonic()))
    for process in alive:
        if process.poll() is None:
            process.kill()
            process.wait()
