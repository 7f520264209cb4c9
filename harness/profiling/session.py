"""One call of `harness profile`: its subjects made ready, timed in turn, and written down."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.hardware import machine
from harness.profiling import latency, pictures, steps
from harness.profiling.latency import Difference, Latency
from harness.profiling.revision import extract
from harness.profiling.rounds import Block, OutOfMemory, alternate, warm_up
from harness.profiling.subjects import Settings, Subject
from harness.profiling.timings import ratio, samples_needed
from harness.profiling.worker import Worker
from harness.record import now, provenance

SCHEMA = 1
"""Of the records written here."""
PERCENTILES = (90, 99)

Tell = Callable[[str], None]


@dataclass
class _Timed:
    """A subject's, or a model's layers', place in the rounds."""

    block: Block
    calls: int
    latency: Latency


class Session:
    """Makes subjects ready, one after the other, each in a process of its own, and times them in turn."""

    def __init__(self, settings: Settings, tell: Tell, start: Callable[..., Any] = Worker) -> None:
        """`start(title, device, threads, folder)` is a context manager whose `ask` answers as a Worker's."""
        self.settings, self.tell, self.start = settings, tell, start
        self.stack = contextlib.ExitStack()
        self.timed: list[_Timed] = []

    def measure(self, subjects: list[Subject]) -> tuple[list[Latency], list[Latency]]:
        """The subjects' times, and those of the layers of the plain models among them."""
        torch.set_num_threads(self.settings.threads)
        with self.stack:
            self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="harness-profile-")))
            found: list[Latency] = []
            layers: list[Latency] = []
            for subject in subjects:
                found.append(self._ready(subject))
                self._compare(found)
                kind = (subject.what, subject.precision, subject.mode, subject.revision)
                if self.settings.layers and kind == ("inference", "fp32", "plain", None):
                    layers.append(self._ready(subject, layers=True))
            samples, lost = alternate([t.block for t in self.timed], [t.calls for t in self.timed],
                                      self.settings.rounds,
                                      lambda done: self.tell(f"round {done + 1} of {self.settings.rounds}"))
            for i, timed in enumerate(self.timed):
                timed.latency.rounds = samples[i]
                if i in lost:
                    timed.latency.status, timed.latency.rounds = "out of memory", []
        return found, layers

    def _ready(self, subject: Subject, layers: bool = False) -> Latency:
        """Build and warm up a subject; it takes its place in the rounds unless it is out of memory."""
        settings = self.settings
        title = subject.title + (f" of {subject.revision[:7]}" if subject.revision else "")
        self.tell(f"warming up {title}")
        result = Latency(subject, "measured", settings.device, settings.threads)
        with contextlib.ExitStack() as stack:  # ends the process where the subject does not get ready
            worker = stack.enter_context(
                self.start(title, settings.device, settings.threads, self._package(subject.revision)))
            try:
                self._warm(worker, result, layers)
            except OutOfMemory as error:
                result.status = "out of memory"
                result.notes.append(str(error))
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
        result.path, result.notes = ready["path"], ready["notes"]

        def block(calls: int) -> list[float]:
            return worker.ask(do="block", calls=calls)

        result.warm_up = warm_up(block)
        result.peak_bytes = worker.ask(do="peak") if known else None
        if subject.what == "inference" and not layers:
            worker.ask(do="output", file=str(self._output(result)))
        self.timed.append(_Timed(block, result.warm_up.calls, result))

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


def measure(subjects: list[Subject], settings: Settings, tell: Tell = lambda text: None,
            start: Callable[..., Any] = Worker) -> dict[str, Any]:
    """Measure and return a record: machine, versions, settings, a row for each subject with all samples.

    Raises UserError for images that cannot be read, for an input that a network refuses, and for another revision
    whose code fails.
    """
    found, layers = Session(settings, tell, start).measure(subjects)
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
        "peak_bytes": one.peak_bytes, "before_bytes": one.before_bytes,
        "difference": asdict(one.difference) if one.difference else None, "notes": one.notes,
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
