"""Where the time goes from image files to scored people: the stages of `harness predict`, timed on its own road."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from harness.errors import UserError
from harness.hardware import machine
from harness.inference.boxes import take
from harness.inference.predict import with_extent
from harness.predicting import Found, Task, find, prepare
from harness.profiling import steps
from harness.profiling.end_to_end_request import LEAST_PASSES, MOST_PASSES, SECONDS, EndToEnd
from harness.profiling.rounds import WarmUp, warm_up
from harness.profiling.session import SCHEMA
from harness.profiling.stage_clock import COLUMNS, Pass, StageClock, by_image
from harness.profiling.timings import ratio
from harness.record import now, provenance

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Timed:
    """What was measured."""

    passes: list[Pass]
    """With the stages' clock."""
    plain: list[float]
    """Seconds of the passes without it, in turn with those."""
    first: float
    """Seconds of the first pass, which warmed up and is not counted."""
    warm_up: WarmUp
    """Of the first batch alone."""
    found: Found
    """Of the last pass; all are equal."""


def measure(asked: EndToEnd, tell: Tell = lambda text: None) -> dict[str, Any]:
    """Measure and return a record, of the kind that `harness.profiling.session.measure` gives, without rows.

    Raises UserError for what does not exist or does not fit, such as a network that refuses the input, and where
    memory runs out.
    """
    torch.set_num_threads(asked.threads)
    tell("reading the folder")
    size = None if asked.input is None else f"{asked.input[0]}x{asked.input[1]}"
    task = prepare(asked.folder, asked.weights, asked.boxes, asked.model, size, None, asked.device, asked.values,
                   skip_broken=True)
    if len(with_extent(task.boxes)) == 0:
        raise UserError(f"--boxes {asked.boxes}: no box has a width and a height")
    with _failures_in_words(asked, task), steps.precision(asked.precision, asked.device, autocast=False):
        timed = run(task, asked.passes, tell)
    return {
        "schema": SCHEMA, "kind": "profile", "created": now(), "code": provenance(), "machine": machine(),
        "settings": {"device": asked.device, "threads": asked.threads, "rounds": len(timed.passes),
                     "images": asked.folder.name, "training_step": steps.STEP},
        "rows": [], "layers": [], "end_to_end": {**_subject(asked, task), **summary(task, timed)},
    }


def run(task: Task, passes: int | None = None, tell: Tell = lambda text: None) -> Timed:
    """A first pass, the first batch until its times are stable, then passes with and without the clock, A B B A."""
    synchronise = torch.cuda.synchronize if task.device == "cuda" else lambda: None
    clocked: list[Pass] = []
    plain: list[float] = []
    found: list[Found] = []

    def seconds(work: Task) -> float:
        synchronise()
        begin = time.perf_counter()
        found[:] = [find(work)]
        synchronise()
        return time.perf_counter() - begin

    def with_clock() -> None:
        clock = StageClock(synchronise)
        found[:] = [find(task, clock, clock.batch_done)]
        clocked.append(clock.finish())

    tell("first pass")
    first = seconds(task)
    passes = passes or max(LEAST_PASSES, min(MOST_PASSES, round(SECONDS / (2 * first))))
    tell("warming up the first batch")
    batch = replace(task, boxes=take(task.boxes, with_extent(task.boxes)[:task.protocol.test.batch_size]))
    warm = warm_up(lambda calls: [1e3 * seconds(batch) for _ in range(calls)])
    pair: list[Callable[[], None]] = [with_clock, lambda: plain.append(seconds(task))]
    for number in range(passes):
        tell(f"pass {number + 1} of {passes}, with and without the clock")
        for turn in pair:
            turn()
        pair.reverse()
    return Timed(clocked, plain, first, warm, found[0])


def summary(task: Task, timed: Timed) -> dict[str, Any]:
    """Counts, and the times of stages and whole.

    A stage's `ms_per_image` and `ms_per_person` are over images and passes, a person's being that of the image by its
    people. Shares and means are of the sums of all passes: they add up to 1, and to the whole.
    """
    ids = task.boxes.image_id[with_extent(task.boxes)]
    _, image = np.unique(ids, return_inverse=True)
    ms = 1e3 * np.stack([by_image(one, image) for one in timed.passes])
    people = np.bincount(image)[:, None]
    images, walls = len(people), np.array([one.wall for one in timed.passes])
    shares = ms.sum(axis=(0, 1)) / (1e3 * walls.sum())
    rate = 1 / float(np.median(timed.plain))
    return {
        "images": images, "images_without_boxes": len(task.split.images) - images, "broken_images": len(task.broken),
        "people": len(ids), "people_kept": len(timed.found.kept), "passes": len(timed.passes),
        "stages": [{"stage": name, "share": float(shares[i]), "ms_per_image": spread(ms[..., i]),
                    "ms_per_person": spread(ms[..., i] / people[:, 0])} for i, name in enumerate(COLUMNS)],
        "whole": {"ms_per_image": spread(ms.sum(axis=2)), "ms_per_person": spread(ms.sum(axis=2) / people[:, 0]),
                  "clocked_ms": (1e3 * walls).tolist(), "plain_ms": [1e3 * seconds for seconds in timed.plain],
                  "first_ms": 1e3 * timed.first, "images_per_second": images * rate,
                  "people_per_second": len(ids) * rate,
                  "cost_of_clock": _cost(walls.tolist(), timed.plain)},
        "warm_up": asdict(timed.warm_up), "notes": task.notes + timed.found.notes,
    }


def spread(values: np.ndarray) -> dict[str, float]:
    """Median, quartiles and mean."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"median": float(middle), "low": float(low), "high": float(high), "mean": float(values.mean())}


def _cost(clocked: list[float], plain: list[float]) -> dict[str, Any]:
    """How many times as long a pass takes under the clock."""
    found = ratio([[seconds] for seconds in clocked], [[seconds] for seconds in plain])
    assert found is not None
    return asdict(found)


def _subject(asked: EndToEnd, task: Task) -> dict[str, Any]:
    """What was run, and how."""
    test, crop = task.protocol.test, task.protocol.crop
    return {"model": asked.model, "input": [crop.height, crop.width], "batch": test.batch_size,
            "precision": "tf32" if asked.precision == "tf32" else test.precision, "device": asked.device,
            "threads": asked.threads, "synchronised": asked.device == "cuda",
            "network_passes": 2 if test.flip else 1, "decode": test.decode, "nms_oks": test.nms_oks,
            "layout": task.split.layout.name, "folder": asked.folder.name,
            "weights": asked.weights.name if asked.weights else None}


@contextlib.contextmanager
def _failures_in_words(asked: EndToEnd, task: Task) -> Iterator[None]:
    """Exhausted memory, and inputs that a network refuses, are the user's to mend."""
    test, crop = task.protocol.test, task.protocol.crop
    what = f"{asked.model} {crop.height}x{crop.width}, batch {test.batch_size}"
    try:
        yield
    except (RuntimeError, MemoryError, ValueError) as error:
        raise UserError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from error
