"""One call of `harness profile`: its subjects made ready, timed in turn, and written down."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.errors import UserError
from harness.hardware import machine
from harness.profiling import latency, pictures, steps
from harness.profiling.latency import Latency, Runner
from harness.profiling.layers import Layers
from harness.profiling.revision import extract
from harness.profiling.rounds import Block, OutOfMemory, alternate, warm_up
from harness.profiling.subjects import Settings, Size, Subject
from harness.profiling.timings import ratio, samples_needed
from harness.profiling.worker import Worker
from harness.record import now, provenance

SCHEMA = 1
"""Of the records written here."""
PERCENTILES = (90, 99)
MEMORY_PASSES = 2
"""Passes of a fresh process whose peak memory is asked for: the second may need more than the first."""

Tell = Callable[[str], None]


@dataclass
class _Timed:
    """A subject's, or a model's layers', place in the rounds."""

    block: Block
    calls: int
    latency: Latency


class Session:
    """Makes subjects ready, one after the other, and times them together."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self.settings, self.tell = settings, tell
        self.stack = contextlib.ExitStack()
        self.workers: dict[str, Worker] = {}
        self.last: Any = None
        """The runner built last."""

    def measure(self, subjects: list[Subject]) -> tuple[list[Latency], list[Latency]]:
        """The subjects' times, and those of the layers of the plain models among them."""
        torch.set_num_threads(self.settings.threads)
        with self.stack:
            self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="harness-profile-")))
            found: list[Latency] = []
            layers: list[Latency] = []
            timed: list[_Timed] = []
            for subject in subjects:
                self.tell(f"warming up {subject.title}")
                found.append(self._prepare(subject, timed, layers))
            samples, lost = alternate([t.block for t in timed], [t.calls for t in timed], self.settings.rounds,
                                      lambda done: self.tell(f"round {done + 1} of {self.settings.rounds}"))
            for i, one in enumerate(timed):
                one.latency.rounds = samples[i]
                if i in lost:
                    one.latency.status, one.latency.rounds = "out of memory", []
            timed.clear()
            del self.last
            latency.release()
            if self.settings.memory and self.settings.device == "cpu":
                for result in found:
                    self._fresh_peak(result)
        return found, layers

    def _latency(self, subject: Subject) -> Latency:
        return Latency(subject, "measured", self.settings.device, self.settings.threads)

    def _prepare(self, subject: Subject, timed: list[_Timed], layers: list[Latency]) -> Latency:
        """Build and warm up a subject; it takes its place in the rounds unless it is out of memory."""
        result = self._latency(subject)
        try:
            (self._other if subject.revision else self._own)(subject, result, timed)
            self._layers(subject, timed, layers)
        except OutOfMemory as error:
            result.status = "out of memory"
            result.notes.append(f"beside the rows before it: {error}")
            latency.release()
        return result

    def _own(self, subject: Subject, result: Latency, timed: list[_Timed]) -> None:
        """A subject in this process."""
        try:
            runner = Runner(subject, np.load(self._crops(subject.input, subject.batch)), self.settings.device)
            runner.check_finite()
        except ValueError as error:  # the network refuses the input
            raise UserError(f"{subject.title}: {error}") from error
        result.path, result.notes = runner.path, runner.notes
        result.warm_up = warm_up(runner.block)
        result.peak_bytes = runner.allocator_peak()
        timed.append(_Timed(runner.block, result.warm_up.calls, result))
        self.last = runner

    def _layers(self, subject: Subject, timed: list[_Timed], layers: list[Latency]) -> None:
        """The layers of the plain model that was built last, once for each model and work, where asked for."""
        kind = (subject.what, subject.precision, subject.mode, subject.revision)
        if not self.settings.layers or kind != ("inference", "fp32", "plain", None):
            return
        alone = self._latency(subject)
        block = Layers(self.last).block
        alone.warm_up = warm_up(block)
        timed.append(_Timed(block, alone.warm_up.calls, alone))
        layers.append(alone)

    def _other(self, subject: Subject, result: Latency, timed: list[_Timed]) -> None:
        """A subject in the process of another revision, with our initial weights, and how far it is from ours."""
        assert subject.revision is not None
        worker = self._worker(subject.revision)
        crops, weights = self._crops(subject.input, subject.batch), self._weights(subject.model)
        ready = worker.prepare(subject, crops, weights)
        number = ready["number"]
        result.path, result.notes = ready["path"], ready["notes"]
        if subject.what == "inference":
            file = self.folder / "output.npy"
            worker.ask(do="output", number=number, file=str(file))
            ours = Runner(replace(subject, revision=None), np.load(crops), self.settings.device, weights).output()
            difference = float(np.abs(np.load(file) - ours.float().cpu().numpy()).max())
            largest = float(ours.abs().max())
            result.notes.append(f"its heat maps and ours differ by at most {difference:.1e}; the largest value is "
                                f"{largest:.1e}")

        def block(calls: int) -> list[float]:
            return worker.ask(do="block", number=number, calls=calls)

        result.warm_up = warm_up(block)
        result.peak_bytes = worker.ask(do="allocator_peak", number=number)
        timed.append(_Timed(block, result.warm_up.calls, result))

    def _worker(self, commit: str) -> Worker:
        if commit not in self.workers:
            folder = self.folder / commit
            extract(commit, folder)
            self.workers[commit] = self.stack.enter_context(
                Worker(f"TCFormer of {commit[:7]}", self.settings.device, self.settings.threads, folder))
        return self.workers[commit]

    def _fresh_peak(self, result: Latency) -> None:
        """Fill in the peak memory of a process that does nothing but a few calls of this subject."""
        subject = result.subject
        if subject.what == "clustering":  # its process would have to make the features first, in more memory
            return
        self.tell(f"peak memory of {subject.title}")
        folder = self.folder / subject.revision if subject.revision else None
        with Worker(f"memory of {subject.title}", "cpu", self.settings.threads, folder) as worker:
            result.before_bytes = worker.ask(do="resident_peak")
            try:
                ready = worker.prepare(subject, self._crops(subject.input, subject.batch))
                worker.ask(do="block", number=ready["number"], calls=MEMORY_PASSES)
                result.peak_bytes = worker.ask(do="resident_peak")
            except OutOfMemory as error:
                result.notes.append(f"in a fresh process: {error}")

    def _crops(self, size: Size, batch: int) -> Path:
        """A file of crops, made once."""
        file = self.folder / f"crops-{size[0]}x{size[1]}-{batch}.npy"
        if not file.exists():
            np.save(file, pictures.crops(self.settings.images, batch, *size))
        return file

    def _weights(self, model: str) -> Path:
        """A file of initial weights, made once."""
        file = self.folder / f"{model}.pth"
        if not file.exists():
            torch.save(latency.initial_model(model).state_dict(), file)
        return file


def measure(subjects: list[Subject], settings: Settings, tell: Tell = lambda text: None) -> dict[str, Any]:
    """Measure and return a record: machine, versions, settings, a row for each subject with all samples.

    Raises UserError for images that cannot be read, for an input that a network refuses, and for another revision
    whose code fails.
    """
    found, layers = Session(settings, tell).measure(subjects)
    firsts: dict[tuple[Any, ...], int] = {}
    for i, one in enumerate(found):
        if one.status == "measured":
            firsts.setdefault(one.subject.group, i)
    rows = [row(one, found, firsts.get(one.subject.group)) for one in found]
    return {
        "schema": SCHEMA, "kind": "profile", "created": now(), "code": provenance(), "machine": machine(),
        "settings": {"device": settings.device, "threads": settings.threads, "rounds": settings.rounds,
                     "images": settings.images.name if settings.images else "drawn people",
                     "training_step": steps.STEP},
        "rows": rows,
        "layers": [_layers_row(one, found) for one in layers],
    }


def row(one: Latency, found: list[Latency], first: int | None) -> dict[str, Any]:
    """A subject's row; times in ms, memory in bytes. `first` is the row of its group that ratios refer to."""
    return {
        **asdict(one.subject), "input": list(one.subject.input), "status": one.status, "path": one.path,
        **_times(one),
        "images_per_second": one.images_per_second,
        "ratio": None if first is None else {"to": first, **_ratio(one, found[first])},
        "peak_bytes": one.peak_bytes, "before_bytes": one.before_bytes, "notes": one.notes,
        "samples_ms": one.rounds,
    }


def _times(one: Latency) -> dict[str, Any]:
    percentiles = {f"p{percent}_ms": one.percentile(percent) for percent in PERCENTILES}
    return {"median_ms": one.median, **percentiles, "samples": len(one.samples),
            "samples_needed": {f"p{percent}_ms": samples_needed(percent) for percent in PERCENTILES},
            "warm_up": asdict(one.warm_up) if one.warm_up else None}


def _ratio(one: Latency, base: Latency) -> dict[str, Any]:
    found = ratio(one.rounds, base.rounds)
    return asdict(found) if found else {}


def _layers_row(alone: Latency, found: list[Latency]) -> dict[str, Any]:
    """Layers' times, and how many times that each subject of the same model and work takes."""
    return {"model": alone.subject.model, "input": list(alone.subject.input), "batch": alone.subject.batch,
            **_times(alone),
            "whole": [{"row": i, **_ratio(one, alone)} for i, one in enumerate(found)
                      if _work(one.subject) == _work(alone.subject) and one.rounds and alone.rounds],
            "samples_ms": alone.rounds}


def _work(subject: Subject) -> tuple[Any, ...]:
    return (subject.model, subject.group, subject.precision)
