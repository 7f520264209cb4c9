"""One call of `harness profile`: its subjects made ready, timed in turn, and written down."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.errors import UserError
from harness.hardware import machine
from harness.profiling import latency, pictures, steps
from harness.profiling.latency import Difference, Latency
from harness.profiling.revision import extract
from harness.profiling.rounds import Block, OutOfMemory, Rounds, alternate, warm_up
from harness.profiling.rows import layers_row, row
from harness.profiling.subjects import Settings, Subject
from harness.profiling.telemetry import Watch, open_watch, watched
from harness.profiling.worker import Worker
from harness.record import now, provenance

SCHEMA = 1
"""Of the records written here."""

Tell = Callable[[str], None]


@dataclass
class _Timed:
    """A subject's, or a model's layers', place in the rounds."""

    block: Block
    calls: int
    latency: Latency
    worker: Any


class Session:
    """Makes subjects ready, one after the other, each in a process of its own, and times them in turn."""

    def __init__(self, settings: Settings, tell: Tell, start: Callable[..., Any] = Worker,
                 watch: Callable[[str, Callable[[], Iterable[int]]], Watch] = open_watch) -> None:
        """`start(title, device, threads, folder)` is a context manager whose `ask` and `pid` are as a Worker's; `watch`
        is called with the device and what gives our processes."""
        self.settings, self.tell, self.start = settings, tell, start
        self.stack = contextlib.ExitStack()
        self.timed: list[_Timed] = []
        self.workers: list[Any] = []
        self.cut_short: str | None = None
        """Why not all of the rounds were made, where that is so."""
        self.interrupted = False
        self.watch = watch(settings.device, self._own)

    def measure(self, subjects: list[Subject]) -> tuple[list[Latency], list[Latency]]:
        """The subjects' times, and those of the layers of the models as built among them."""
        torch.set_num_threads(self.settings.threads)
        with self.stack:
            self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="harness-profile-")))
            found: list[Latency] = []
            layers: list[Latency] = []
            for subject in subjects:
                found.append(self._ready(subject))
                self._compare(found)
                kind = (subject.what, subject.precision, subject.mode, subject.revision)
                if self.settings.layers and kind == ("inference", "fp32", "eager", None):
                    layers.append(self._ready(subject, layers=True))
            rounds = alternate([t.block for t in self.timed], [t.calls for t in self.timed], self.settings.rounds,
                               lambda done: self.tell(f"round {done + 1} of {self.settings.rounds}"))
            self._outcome(rounds)
            if self.cut_short is None:
                self._memory()
        return found, layers

    def _own(self) -> list[int]:
        """Our processes: on CUDA those that work there."""
        workers = [worker.pid for worker in self.workers if getattr(worker, "alive", True)]
        return workers if self.settings.device == "cuda" else [os.getpid(), *workers]

    def _outcome(self, rounds: Rounds) -> None:
        """What came of the rounds, for each subject and in all."""
        asked = self.settings.rounds
        for i, timed in enumerate(self.timed):
            result, done = timed.latency, len(rounds.samples[i])
            result.rounds = rounds.samples[i]
            result.notes += result.log.notes()
            if i in rounds.out_of_memory:
                result.status, result.rounds = "out of memory", []
            elif i in rounds.failed:
                reason = rounds.failed[i]
                self.cut_short = self.cut_short or f"after {done} of {asked} rounds: {reason}"
                result.notes.append(f"failed after {done} of {asked} rounds: {reason.partition(': ')[2]}")
                result.status = "measured" if result.samples else "failed"
            elif not result.samples:
                result.status = "throttled" if done else "not measured"
        if rounds.interrupted:
            whole = min((len(samples) for samples in rounds.samples), default=0)
            self.interrupted, self.cut_short = True, f"interrupted after {whole} of {asked} rounds"

    def _memory(self) -> None:
        """Where the memory of each subject's call goes: after the rounds, so that it disturbs none."""
        for timed in self.timed:
            result = timed.latency
            if result.status != "measured" or result.peak_bytes is None:
                continue
            self.tell(f"memory of {result.subject.title}")
            try:
                result.memory = with_workspace(timed.worker.ask(do="memory"), result.before_bytes or 0)
            except (OutOfMemory, UserError) as error:
                result.notes.append(f"where its memory goes is not known: {error}")
            except KeyboardInterrupt:
                self.interrupted, self.cut_short = True, "interrupted after all rounds, before memory was measured"
                return

    def _ready(self, subject: Subject, layers: bool = False) -> Latency:
        """Build and warm up a subject; it takes its place in the rounds unless it is out of memory."""
        settings = self.settings
        title = subject.title + (f" of {subject.revision[:7]}" if subject.revision else "")
        self.tell(f"warming up {title}")
        result = Latency(subject, "measured", settings.device, settings.threads)
        with contextlib.ExitStack() as stack:  # ends the process where the subject does not get ready
            worker = stack.enter_context(
                self.start(title, settings.device, settings.threads, self._package(subject.revision)))
            self.workers.append(worker)
            try:
                self._warm(worker, result, layers)
            except OutOfMemory as error:
                result.status = "out of memory"
                result.notes.append(str(error))
            except UserError as error:
                if subject.mode not in ("compile", "graph"):
                    raise
                result.status = "failed"  # compilers and captures refuse networks that run well as they are
                result.notes.append(str(error).removeprefix(f"{title}: "))
            else:
                self.stack.push(stack.pop_all())
        return result

    def _warm(self, worker: Any, result: Latency, layers: bool) -> None:
        subject = result.subject
        # Of clustering on the CPU no memory is known: its process has to make the features first, in more memory.
        known = not layers and (subject.what != "clustering" or self.settings.device == "cuda")
        if self.settings.device == "cpu" and known:
            result.before_bytes = worker.ask(do="peak")
        weights = str(self._weights(subject.model)) if subject.revision else None
        ready = worker.ask(do="prepare", subject=asdict(subject), crops=str(self._crops(subject)), weights=weights,
                           layers=layers)
        result.path, result.notes, result.first_ms = ready["path"], ready["notes"], ready["first_ms"]

        def block(calls: int) -> list[float]:
            return worker.ask(do="block", calls=calls)

        result.warm_up = warm_up(block)
        result.peak_bytes = worker.ask(do="peak") if known else None
        if subject.what == "inference" and not layers:
            worker.ask(do="output", file=str(self._output(result)))
        self.timed.append(_Timed(watched(block, self.watch, result.log), result.warm_up.calls, result, worker))

    def _compare(self, found: list[Latency]) -> None:
        """Say how far the last subject's heat maps are from those of the first of the same network and work."""
        last = found[-1]
        same = [i for i, one in enumerate(found) if one.status == "measured" and one.subject.what == "inference"
                and (one.subject.model, one.subject.group) == (last.subject.model, last.subject.group)]
        if last.status != "measured" or not same or found[same[0]] is last:
            return
        first, maps = np.load(self._output(found[same[0]])), np.load(self._output(last))
        difference = np.abs(first - maps)
        if np.isfinite(difference).all():
            last.difference = Difference(same[0], float(np.median(difference)), float(difference.max()),
                                         float(np.abs(first).max()))

    def _output(self, result: Latency) -> Path:
        return self.folder / f"output-{id(result)}.npy"

    def _package(self, commit: str | None) -> Path | None:
        """A folder with the TCFormer package of a commit, made once."""
        if commit is None:
            return None
        folder = self.folder / commit
        if not folder.exists():
            extract(commit, folder)
        return folder

    def _crops(self, subject: Subject) -> Path:
        """A file of crops, made once."""
        file = self.folder / f"crops-{subject.input[0]}x{subject.input[1]}-{subject.batch}.npy"
        if not file.exists():
            np.save(file, pictures.crops(self.settings.images, subject.batch, *subject.input))
        return file

    def _weights(self, model: str) -> Path:
        """A file of initial weights, made once: code of other revisions may draw others."""
        file = self.folder / f"{model}.pth"
        if not file.exists():
            torch.save(latency.initial_model(model).state_dict(), file)
        return file


def with_workspace(memory: dict[str, Any], before: int) -> dict[str, Any]:
    """What a worker says of a call's memory, with what is beyond tensors: the peak less these and less what the process
    held before it built the network. None where either is not known."""
    parts, peak = memory["parts"], memory["peak_bytes"]
    known = parts is not None and peak is not None
    return {**memory, "workspace_bytes": peak - before - sum(parts.values()) if known else None}


def measure(subjects: list[Subject], settings: Settings, tell: Tell = lambda text: None,
            start: Callable[..., Any] = Worker) -> dict[str, Any]:
    """Measure and return a record: machine, versions, settings, a row for each subject with all samples.

    Raises UserError for images that cannot be read, for an input that a network refuses, and for another revision
    whose code fails.
    """
    session = Session(settings, tell, start)
    found, layers = session.measure(subjects)
    if session.cut_short and not any(one.samples for one in found):
        if session.interrupted:
            raise KeyboardInterrupt
        raise UserError(session.cut_short)
    firsts: dict[tuple[Any, ...], int] = {}
    for i, one in enumerate(found):
        if one.status == "measured":
            firsts.setdefault(one.subject.group, i)
    rows = [row(one, found, firsts.get(one.subject.group)) for one in found]
    return {
        "schema": SCHEMA, "kind": "profile", "created": now(), "code": provenance(), "machine": machine(),
        "settings": {"device": settings.device, "threads": settings.threads, "rounds": settings.rounds,
                     "images": settings.images.name if settings.images else "drawn people",
                     "training_step": steps.STEP, "telemetry": session.watch.about()},
        "cut_short": session.cut_short,
        "rows": rows,
        "layers": [layers_row(one, found) for one in layers],
    }
