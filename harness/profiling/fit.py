"""`harness profile --fit`: the largest batch that a device's memory holds, each tried in a process of its own."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from harness.errors import UserError
from harness.hardware import machine
from harness.profiling import pictures, steps
from harness.profiling.rounds import OutOfMemory
from harness.profiling.search import FITS, TOO_MUCH, Trial, largest
from harness.profiling.session import SCHEMA, Tell
from harness.profiling.subjects import Settings, Subject
from harness.profiling.worker import Worker
from harness.record import now, provenance

SHARE = 0.8
"""Of the memory that is free when the search begins, taken for the limit on a CPU: the rest is the system's, and of
whatever else runs."""
PICTURES = 16
"""Different ones in a batch; larger batches repeat them. What they show does not matter to memory."""


def measure(subjects: list[Subject], settings: Settings, limit: int | None, tell: Tell = lambda text: None,
            start: Callable[..., Any] = Worker) -> dict[str, Any]:
    """Search for each subject, whose batch is the first to be tried, and return a record without rows, with `fit`.

    `limit` is in bytes; None for the device's memory, or on a CPU for `SHARE` of what is free.
    Raises UserError where a network refuses its input, or where not even its first batches can be tried.
    """
    if limit is None and settings.device == "cpu":
        limit = int(SHARE * psutil.virtual_memory().available)
    found: list[dict[str, Any]] = []
    cut_short = None
    with tempfile.TemporaryDirectory(prefix="harness-fit-") as folder:
        for subject in subjects:
            try:
                found.append(_search(subject, settings, limit, Path(folder), tell, start))
            except KeyboardInterrupt:
                if not found:
                    raise
                cut_short = f"interrupted after {len(found)} of {len(subjects)} searches"
                break
    return {
        "schema": SCHEMA, "kind": "profile", "created": now(), "code": provenance(), "machine": machine(),
        "settings": {"device": settings.device, "threads": settings.threads, "rounds": 0,
                     "images": settings.images.name if settings.images else "drawn people",
                     "training_step": steps.STEP},
        "cut_short": cut_short, "rows": [], "layers": [], "fit": found,
    }


def _search(subject: Subject, settings: Settings, limit: int | None, folder: Path, tell: Tell,
            start: Callable[..., Any]) -> dict[str, Any]:
    crops = folder / f"crops-{subject.input[0]}x{subject.input[1]}.npy"
    if not crops.exists():
        np.save(crops, pictures.crops(settings.images, PICTURES, *subject.input))

    def process() -> contextlib.AbstractContextManager[Any]:
        return start(subject.title, settings.device, settings.threads, None)

    def trial(batch: int) -> Trial:
        tell(f"{subject.model}, {subject.precision}, {subject.mode}: batch {batch}")
        with process() as worker:
            try:
                worker.ask(do="limit", count=limit)
                worker.ask(do="prepare", subject=asdict(replace(subject, batch=batch)), crops=str(crops), weights=None,
                           layers=False)
                worker.ask(do="block", calls=1)
                peak = worker.ask(do="peak")
            except OutOfMemory as error:
                return Trial(batch, TOO_MUCH, reason=str(error))
            except UserError as error:
                if not measured:
                    raise  # it does not run at all
                return Trial(batch, TOO_MUCH, reason=str(error).removeprefix(f"{subject.title}: "))
        measured.append(batch)
        if limit is not None and peak > limit:
            return Trial(batch, TOO_MUCH, peak, "more than the limit")
        return Trial(batch, FITS, peak)

    measured: list[int] = []
    base = 0
    if settings.device == "cpu":
        with process() as worker:
            base = worker.ask(do="built", model=subject.model, training=subject.what == "training")
    # On CUDA the allocator keeps to a limit by itself: nothing has to be predicted.
    trials = largest(trial, subject.batch, limit if settings.device == "cpu" else None, base)
    best = max((one for one in trials if one.status == FITS), key=lambda one: one.batch, default=None)
    values = {key: value for key, value in asdict(subject).items() if key != "batch"}
    return {**values, "input": list(subject.input), "largest": best.batch if best else None,
            "peak_bytes": best.peak_bytes if best else None, "limit_bytes": limit, "base_bytes": base,
            "trials": [asdict(one) for one in trials]}
