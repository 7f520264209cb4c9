"""What a cluster's job does: run one row, and save it and come back when its time is up."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from harness.errors import Interrupted, UserError
from harness.hardware import usable_cores
from harness.launch.local import LOOK, RowProcess, ToRun, end
from harness.record import training_path, write_failure

RUNNING: list[RowProcess] = []
"""The row of this process; not part of what is pickled."""


@dataclass
class Submitted:
    """Called by submitit on the cluster's machine. `checkpoint` is called when the time limit is near."""

    row: ToRun
    environment: dict[str, str]
    saving_seconds: float
    """How long the row may take to save."""
    before: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self) -> str:
        """Run the row; returns what came of it: ran, failed, stopped, or busy where another process runs it."""
        self.before = saved(self.row)
        try:
            process = RowProcess(self.row, {**self.environment, **_threads()}, lambda name, event: None)
        except UserError as error:
            print(error, flush=True)
            return "busy"
        RUNNING[:] = [process]
        before = signal.signal(signal.SIGTERM, _pass_on)  # submitit ignores it
        try:
            while (came := process.poll()) is None:
                time.sleep(LOOK)
        except Interrupted:
            return "stopped"
        finally:
            signal.signal(signal.SIGTERM, before)
        return came

    def checkpoint(self) -> Any:
        """End the row, which saves its training, and ask to be started again.

        Unless the whole time was not enough for one checkpoint: that would go on for ever, so the row has failed then.
        """
        from submitit.helpers import DelayedSubmission

        end([process.process for process in RUNNING], self.saving_seconds)
        if self.row.folder.record.is_file():
            return None
        if saved(self.row) == self.before:
            write_failure(self.row.folder, self.row.job, "the time limit of its job passed without one new checkpoint; "
                          "a longer --time, or a shorter train.checkpoint_minutes")
            return None
        return DelayedSubmission(self)


def saved(row: ToRun) -> list[tuple[str, int]]:
    """What there is of a row's training, to tell whether it came any further."""
    if row.job.train_key is None:
        return []
    folder = training_path(row.results, row.job)
    return sorted((path.name, path.stat().st_mtime_ns) for path in folder.glob("*")
                  if path.suffix in (".pth", ".json") and not path.name.startswith("."))


def _pass_on(number: int, frame: FrameType | None) -> None:
    """SIGTERM of a cancelled or pre-empted job: the row saves and ends, and this process with it."""
    for process in RUNNING:
        if process.process.poll() is None:
            process.process.terminate()


def _threads() -> dict[str, str]:
    """Threads of the cores that SLURM gave, on clusters that do not bind jobs to them."""
    from harness.launch.launch import share_of_cores

    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return share_of_cores(int(given)) if given.isdigit() and int(given) < usable_cores() else {}


def submitit_folder(results: Path) -> Path:
    """Where submitit keeps what it submitted, and the output of its own part of a job."""
    return results / "slurm" / "%j"
