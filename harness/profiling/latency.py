"""A subject made ready to be timed, in blocks of calls."""

from __future__ import annotations

import contextlib
import gc
import itertools
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.data.targets import normalise
from harness.layout import load_layout
from harness.profiling import forms, steps
from harness.profiling.rounds import OutOfMemory, WarmUp
from harness.profiling.subjects import Subject
from harness.profiling.telemetry import Log
from harness.profiling.timings import percentile
from harness.registry import build_model, model_spec

LAYOUT = "coco-wholebody"
"""Its 133 key points are the networks' outputs."""
SEED = 0
"""Of the initial weights."""


@dataclass(frozen=True)
class Difference:
    """How far a subject's heat maps are from those of an earlier row: the same network, weights and images."""

    to: int
    """That row."""
    median: float
    """Median absolute difference. Where a few tokens join other clusters, only some of the heat maps' values move."""
    largest: float
    """Largest absolute difference."""
    value: float
    """Largest absolute value of that row's heat maps."""


@dataclass
class Latency:
    """What was measured of a subject."""

    subject: Subject
    status: str
    """measured | out of memory | failed | throttled | not measured."""
    device: str
    threads: int
    """Of torch on the CPU."""
    path: str = ""
    """What was run: "eager", or which form of its mode was to be had; TCFormer calls its own as built "plain"."""
    rounds: list[list[float]] = field(default_factory=list)
    """Milliseconds of each call, by round."""
    first_ms: float | None = None
    """To the first result from the network built and loaded: compiling, capturing or packing, and the first call."""
    warm_up: WarmUp | None = None
    peak_bytes: int | None = None
    """From building the model to the end of its warm-up: on CUDA the allocator's peak (clustering: of the features and
    the clustering alone); on CPU the peak resident size of the subject's own process (clustering: not known)."""
    before_bytes: int | None = None
    """On CPU: of `peak_bytes`, the process with torch before it built the model."""
    memory: dict[str, Any] | None = None
    """Of one call after all rounds: what `harness.profiling.memory` gives, `parts` None where they are not known."""
    difference: Difference | None = None
    log: Log = field(default_factory=Log)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def samples(self) -> list[float]:
        """Milliseconds of all calls."""
        return [sample for block in self.rounds for sample in block]

    @property
    def median(self) -> float | None:
        """Milliseconds."""
        return median(self.samples) if self.samples else None

    def percentile(self, percent: int) -> float | None:
        """Milliseconds; None where the samples are too few."""
        return percentile(self.samples, percent)

    @property
    def images_per_second(self) -> float | None:
        """Of the median call."""
        return None if self.median is None else 1e3 * self.subject.batch / self.median


class Runner:
    """A subject with its network and images, ready for `block`.

    Args:
        subject: of this process's own packages.
        crops: (batch, H, W, 3) uint8 RGB.
        device: "cpu" or "cuda".
        weights: state dict to load; without one, initial weights of `SEED`.

    Raises OutOfMemory, here and in `block`.
    """

    def __init__(self, subject: Subject, crops: np.ndarray, device: str, weights: Path | None = None) -> None:
        self.subject, self.device = subject, device
        self.notes: list[str] = []
        with _memory_in_words(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            self._prepare(crops, weights)
        if subject.mode in ("fast", "compile"):
            self.notes += dict.fromkeys(str(warning.message).partition("\n")[0] for warning in caught
                                        if warning.category is UserWarning)

    def _prepare(self, crops: np.ndarray, weights: Path | None) -> None:
        subject = self.subject
        spec = model_spec(subject.model)
        self.model = initial_model(subject.model)
        if weights is not None:
            self.model.load_state_dict(torch.load(weights, weights_only=True))
        self.model.to(self.device).eval()
        images = normalise(torch.as_tensor(crops).to(self.device))
        if spec.channels_last:
            self.model.to(memory_format=torch.channels_last)
            images = images.contiguous(memory_format=torch.channels_last)
        self.images = images
        self.path = "eager"
        self.autocast = subject.mode != "fast" and subject.what == "inference"
        begin = time.perf_counter()
        with steps.precision(subject.precision, self.device, self.autocast):
            if subject.what == "inference" and subject.mode != "eager":
                self._first_of_form(images)
            else:
                self._as_built(images)
            if self.device == "cuda":
                torch.cuda.synchronize()
        self.first_ms = 1e3 * (time.perf_counter() - begin)

    def _as_built(self, images: Tensor) -> None:
        """Make the call, and call it once."""
        subject = self.subject
        self.call: steps.Call
        if subject.what == "training":
            compiled = subject.mode != "eager"
            self.call = steps.Training(self.model, images, subject.precision, compiled)
            self.path = "compiled" if compiled else "eager"
        elif subject.what == "clustering":
            self.call = steps.clustering(self.model, images, subject.precision)
            self._forget_model()
        else:
            self.call = steps.inference(self.model, images)
        self.call()

    def _first_of_form(self, images: Tensor) -> None:
        """Make the call of a form, and call it once: what the network could be made into is decided there."""
        subject = self.subject
        network = forms.inference(self.model, subject.mode, steps.DTYPES[subject.precision])
        self.call = steps.inference(network, images)
        self.call()
        self.path = str(network.path)
        if isinstance(network, forms.Compiled) and network.why:
            self.notes.append(f"not one graph: {network.why}")
        if subject.mode == "fast":
            del self.model

    def _forget_model(self) -> None:
        """Where the model only made the features: its memory is not the subject's."""
        del self.model, self.images
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def output(self) -> Tensor:
        """What one call gives: heat maps, a loss, or labels."""
        with _memory_in_words(), steps.precision(self.subject.precision, self.device, self.autocast):
            return self.call()

    def block(self, calls: int) -> list[float]:
        """Make so many calls; the milliseconds of each. On CUDA one synchronisation, at the end."""
        with _memory_in_words(), steps.precision(self.subject.precision, self.device, self.autocast):
            return self._on_cuda(calls) if self.device == "cuda" else self._on_cpu(calls)

    def _on_cpu(self, calls: int) -> list[float]:
        marks = [time.perf_counter()]
        for _ in range(calls):
            self.call()
            marks.append(time.perf_counter())
        return [1e3 * (after - before) for before, after in itertools.pairwise(marks)]

    def _on_cuda(self, calls: int) -> list[float]:
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(calls + 1)]
        torch.cuda.synchronize()
        marks[0].record()
        for mark in marks[1:]:
            self.call()
            mark.record()
        torch.cuda.synchronize()
        return [before.elapsed_time(after) for before, after in itertools.pairwise(marks)]

    def check_finite(self) -> None:
        """Note an output with values that are not finite, such as heat maps after an fp16 overflow."""
        output = self.output()
        if output.is_floating_point() and not torch.isfinite(output).all():
            self.notes.append("the output has values that are not finite")


def initial_model(name: str) -> Any:
    """The network of that name with initial weights."""
    torch.manual_seed(SEED)
    return build_model(model_spec(name), load_layout(LAYOUT).size)


@contextlib.contextmanager
def _memory_in_words() -> Iterator[None]:
    """Turn torch's errors of exhausted memory into OutOfMemory."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "can't allocate memory" not in str(error):
            raise
        raise OutOfMemory(str(error).partition("\n")[0] or "out of memory") from None
