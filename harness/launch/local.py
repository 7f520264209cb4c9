"""A row's process on this machine, and how it is ended without loss."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.allocator import kept
from harness.job import PROGRESS
from harness.record import RowFolder

GRACE = 120.0
"""Seconds that a row's process has to save its training after it was asked to end; after that it is killed.

Writing model and optimiser of the largest network here (HRNet-w48, 0.8 GB) took seconds on a local disk; shared file
systems of clusters are slower by up to ten times."""


def run_process(folder: RowFolder, results: Path, heard: Callable[[dict[str, Any]], None],
                environment: dict[str, str] | None = None) -> int:
    """Start the job of a row's folder, pass on what it tells, and return its exit status, negative for a signal.

    `environment` is added to this process's own.

    An interruption is passed on to the job, which has `GRACE` seconds to save; a second Ctrl-C kills it at once.
    Raises KeyboardInterrupt when it has ended.
    """
    read_end, write_end = os.pipe()
    variables = {**kept(), PROGRESS: str(write_end), "PYTHONUNBUFFERED": "1", **(environment or {})}
    command = [sys.executable, "-m", "harness.job", str(folder.path), str(results)]
    with folder.log.open("ab") as log:
        # A session of its own: a terminal sends Ctrl-C to all that it started, and the job would be told twice.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                   env=variables, pass_fds=[write_end], start_new_session=True)
    os.close(write_end)
    try:
        with os.fdopen(read_end, "r") as pipe:
            for line in pipe:
                try:
                    heard(json.loads(line))
                except ValueError:
                    continue  # a line cut off by the process's end
        return process.wait()
    except BaseException:
        end(process)
        raise


def end(process: subprocess.Popen[bytes], grace: float = GRACE) -> None:
    """Ask a process to end (SIGTERM) and wait; kill it after `grace` seconds, or when this is interrupted."""
    if process.poll() is not None:
        return
    process.terminate()
    with contextlib.suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
        process.wait(grace)
    if process.poll() is None:
        process.kill()
        process.wait()
