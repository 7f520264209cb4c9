"""Batches made by processes that stay: in an order that only `batches` knows, whoever makes them and whoever dies.

torch's DataLoader does the work. Where one of its processes dies, its signal handler raises in whatever line the
training happens to be; here the processes are started again instead, and the epoch goes on.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import ForkContext, ForkProcess
from types import FrameType
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Dataset

from harness.data.crops import init_worker
from harness.errors import UserError

MOST_DEATHS = 3
"""So many times in one epoch a process may die; with the last of them the loader gives up."""

REASONS = {
    "SIGKILL": "as Linux does where memory runs out",
    "SIGBUS": "as where /dev/shm, through which batches travel, is full",
}
"""What a signal that ends a process mostly means."""


class WorkerDied(Exception):
    """A loader process ended that should not have."""


class Loader:
    """The batches of an epoch each time it is iterated, collated by torch.

    `batches` gives the indices of an epoch's batches, `samples` the sample of an index. `workers` processes make them;
    with 0 it is this one. They are started once and stay, so `samples` must tell them of an epoch through memory that
    they share. `say` is told of processes that had to be started again.
    """

    def __init__(self, samples: Any, batches: Iterable[Sequence[int]], workers: int, pin_memory: bool = False,
                 say: Callable[[str], None] = print) -> None:
        self.samples, self.batches, self.workers = samples, batches, workers
        self.pin_memory, self.say = pin_memory, say
        self._parts: list[list[int]] = []
        self._context = _Context()
        self._loader: DataLoader | None = None

    def __iter__(self) -> Iterator[Any]:
        parts, done, deaths = [list(indices) for indices in self.batches], 0, 0
        found: Iterator[Any] | None = None
        while done < len(parts):
            death = None
            try:
                with self._watched():
                    found = found or self._start(parts[done:])
                    batch = next(found)
            except Exception as error:
                # The connection to a process is gone a moment before the process is.
                death = self._context.death(within=1.0 if isinstance(error, OSError | EOFError) else 0.0)
                if death is None:
                    raise
            if death is None:
                done += 1
                yield batch
                continue
            deaths += 1
            found = None
            self.close()
            if deaths == MOST_DEATHS:
                raise UserError(f"loader processes died {deaths} times in one epoch, the last {death}; fewer of them "
                                f"need less memory (train.workers is {self.workers}, 0 uses none)")
            self.say(f"a loader process was {death}: started again, the epoch goes on with the same samples")

    def close(self) -> None:
        """End the processes; the next epoch starts others."""
        self._loader = None  # torch ends its processes when nobody refers to it
        self._context.processes.clear()

    def _start(self, parts: list[list[int]]) -> Iterator[Any]:
        """Begin with these batches, with the processes that are there or new ones."""
        self._parts[:] = parts
        if self._loader is None:
            self._loader = DataLoader(cast("Dataset[Any]", self.samples), batch_sampler=self._parts,
                                      num_workers=self.workers, pin_memory=self.pin_memory,
                                      persistent_workers=self.workers > 0,
                                      multiprocessing_context=self._context if self.workers else None,
                                      worker_init_fn=start_worker if self.workers else None,
                                      generator=torch.Generator())  # else it takes a number from torch's own
        return iter(self._loader)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Raise WorkerDied at once where a process dies, or has died, and let nobody raise it at other times."""

        def look(number: int = 0, frame: FrameType | None = None) -> None:
            if self._context.death():
                raise WorkerDied

        if not self.workers or threading.current_thread() is not threading.main_thread():
            yield  # torch looks at its processes every five seconds
            return
        before = signal.signal(signal.SIGCHLD, look)
        try:
            look()
            yield
        finally:
            torchs = getattr(before, "__module__", "") == "torch.utils.data._utils.signal_handling"
            signal.signal(signal.SIGCHLD, signal.SIG_DFL if torchs or before is None else before)


def make_loader(samples: Any, batches: Iterable[Sequence[int]], workers: int, pin_memory: bool = False,
                say: Callable[[str], None] = print) -> Loader:
    """See `Loader`."""
    return Loader(samples, batches, workers, pin_memory, say)


class _Context(ForkContext):
    """Starts processes as torch's loader does by default, and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[ForkProcess] = []

    def Process(self, *given: Any, **named: Any) -> ForkProcess:  # type: ignore[override]  # there it is a class
        process = ForkProcess(*given, **named)
        self.processes.append(process)
        return process

    def death(self, within: float = 0.0) -> str | None:
        """How one of the processes ended, in words; None where all are alive after so many seconds."""
        started = [process for process in self.processes if process.pid is not None]
        ending = wait([process.sentinel for process in started], within) if within else []
        for process in started:
            if process.sentinel in ending:
                process.join(within)
            if process.exitcode is not None:
                return _ended(process.exitcode)
        return None


def _ended(code: int) -> str:
    """How a process ended, by its exit code as multiprocessing gives it."""
    if code >= 0:
        return f"ended with status {code}"
    name = signal.Signals(-code).name
    return f"killed by {name}" + (f" ({REASONS[name]})" if name in REASONS else "")


def start_worker(number: int) -> None:
    """What a loader process does first."""
    init_worker(number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal; the training decides
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
