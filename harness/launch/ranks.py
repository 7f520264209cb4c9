"""One training in several processes of this machine, by torch's elastic launcher: all end when one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.hardware import cuda_device_count, usable_cores
from harness.launch.launch import CORES, PROCESSES
from harness.launch.local import GRACE
from harness.record import RowFolder
from harness.signals import ENDING, Ended

GONE = ("connection", "peer", "nccl", "gloo")
"""Words in the error of a process whose only fault is that another one has gone."""
ENDED = {-signal.SIGTERM, 128 + signal.SIGTERM}
"""Exit status of a process that was told to end."""


def available_processes(device: str) -> int:
    """How many processes a training may have here: torchrun's, or as many as were asked for, else one a GPU."""
    from harness.launch import team

    if (started := team.world_size()) is not None:
        return started
    asked = os.environ.get(PROCESSES)
    return int(asked) if asked else max(1, cuda_device_count()) if device == "cuda" else 1


def launch_training(folder: RowFolder, results: Path, processes: int) -> None:
    """Train a row in several processes, one for each GPU, and wait; under torchrun in those that it started.

    Raises UserError with the error of the process that failed first, and KeyboardInterrupt where this is to end.
    """
    from harness.launch import team

    if team.world_size() is not None:
        team.train_together(folder, results, processes)
        return
    run_ranks(["-m", "harness.job", str(folder.path), str(results), "--train-only"], processes,
              f"training in {processes} processes", f"see {folder.log}")


def run_ranks(arguments: Sequence[str], processes: int, what: str, hint: str) -> None:
    """Run Python with these arguments in several processes that find each other, and wait.

    The port is one that is free. The cores are shared out, unless OMP_NUM_THREADS says otherwise.
    Raises UserError, naming `what` and ending in `hint`, with the error of the process that failed first.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    try:
        with tempfile.TemporaryDirectory() as place, _environment(processes), _handlers_kept():
            config = LaunchConfig(
                min_nodes=1, max_nodes=1, nproc_per_node=processes, run_id=uuid.uuid4().hex, rdzv_backend="c10d",
                rdzv_endpoint="localhost:0", local_addr="localhost", max_restarts=0,
                logs_specs=DefaultLogsSpecs(log_dir=place))  # where the processes' errors are found; it is never tidied
            elastic_launch(config, sys.executable)(*arguments)
    except ChildFailedError as error:
        raise UserError(f"{what} failed: {first_error(error.failures)}; {hint}") from error
    except SignalException as stop:
        raise (KeyboardInterrupt() if stop.sigval == signal.SIGINT else Ended(stop.sigval)) from stop


def first_error(failures: dict[int, Any]) -> str:
    """What went wrong first, in words, of torch's `ProcessFailure`s by rank.

    When one process ends, the others fail, too, for want of it. So a process that a signal ended comes first, unless
    the signal is SIGTERM, which the launcher itself sends; then errors that do not speak of lost connections, nor of
    being told to end; then the earliest.
    """
    def order(rank: int) -> tuple[int, int, int]:
        failure = failures[rank]
        text = _message(failure).lower()
        killed = failure.exitcode < 0 and failure.exitcode not in ENDED
        follower = failure.exitcode in ENDED or any(word in text for word in GONE)
        return (0 if killed else 2 if follower else 1, failure.timestamp, rank)

    rank = min(failures, key=order)
    failure = failures[rank]
    if failure.exitcode < 0:
        more = " (out of memory?)" if failure.exitcode == -signal.SIGKILL else ""
        return f"process {rank} was ended by {signal.Signals(-failure.exitcode).name}{more}"
    return f"process {rank}: {_message(failure)}"


def failure_in_words(rank: int, process: subprocess.Popen[bytes], errors: Path) -> dict[str, Any]:
    """What `first_error` reads, of a process of ours that failed, as JSON-able data; `errors` is its error file."""
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

    failure = ProcessFailure(local_rank=rank, pid=process.pid, exitcode=process.returncode, error_file=str(errors))
    return {"exitcode": failure.exitcode, "message": failure.message, "timestamp": failure.timestamp}


def record_error(error: Exception) -> None:
    """In one of several processes: leave the error that is being handled where the launcher looks for it."""
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    get_error_handler().record_exception(error)


def _message(failure: Any) -> str:
    text = failure.message["message"] if isinstance(failure.message, dict) else str(failure.message)
    return " ".join(text.removeprefix("UserError: ").split())[:500]


@contextmanager
def _environment(processes: int) -> Iterator[None]:
    """What the launcher and its processes read: threads of each, and the time to end in."""
    share = os.environ.get(CORES)
    threads = str(max(1, (int(share) if share else usable_cores()) // processes))
    before = dict(os.environ)
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(int(GRACE)))
    if share or "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = threads
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """The launcher takes signals for itself and keeps them; afterwards they are as before."""
    taken = (signal.SIGINT, signal.SIGQUIT, *ENDING)
    before = {one: signal.getsignal(one) for one in taken}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
