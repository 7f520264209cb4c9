"""A subject made ready to be timed, in blocks of calls."""

from __future__ import annotations

import contextlib
import copy
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
from torch import Tensor, nn

from harness.data.targets import normalise
from harness.layout import load_layout
from harness.profiling import steps
from harness.profiling.rounds import OutOfMemory, WarmUp
from harness.profiling.subjects import Subject
from harness.profiling.timings import percentile
from harness.registry import build_model, load_attribute, model_spec

LAYOUT = "coco-wholebody"
"""Its 133 key points are the networks' outputs."""
SEED = 0
"""Of the initial weights."""
CAPTURE_WARM_UP = 3
"""Passes before a CUDA graph is captured, in which libraries choose their algorithms and allocate."""


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
    """measured | out of memory."""
    device: str
    threads: int
    """Of torch on the CPU."""
    path: str = ""
    """What was run: "plain", or which fast path was to be had."""
    rounds: list[list[float]] = field(default_factory=list)
    """Milliseconds of each call, by round."""
    warm_up: WarmUp | None = None
    peak_bytes: int | None = None
    """From building the model to the end of its warm-up: on CUDA the allocator's peak (clustering: of the features and
    the clustering alone); on CPU the peak resident size of the subject's own process (clustering: not known)."""
    before_bytes: int | None = None
    """On CPU: of `peak_bytes`, the process with torch before it built the model."""
    difference: Difference | None = None
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


class Captured(nn.Module):
    """A model's forward pass captured in a CUDA graph, for images of one shape and fp32 as they come."""

    path = "CUDA graph"

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype
        self.graph: torch.cuda.CUDAGraph | None = None

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to heat maps; they are overwritten by the next call."""
        if self.graph is None:
            self._capture(images)
        assert self.graph is not None
        self.images.copy_(images)
        self.graph.replay()
        return self.maps

    def _capture(self, images: Tensor) -> None:
        self.images = images.to(self.dtype, memory_format=torch.channels_last, copy=True)
        before = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = True  # choose the convolutions' algorithms by trying
        try:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(CAPTURE_WARM_UP):
                    self.model(self.images)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self.maps = self.model(self.images)
        finally:
            torch.backends.cudnn.benchmark = before
        self.graph = graph


class Cast(nn.Module):
    """A model that gets its images in its own type and with the channels last."""

    path = "channels last"

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to heat maps."""
        return self.model(images.to(self.dtype, memory_format=torch.channels_last))


def fast(model: nn.Module, dtype: torch.dtype | None) -> nn.Module:
    """The fastest way that this project has to run a model for inference, in fp32 (None) or another type.

    TCFormer: `tcformer.compile`. Others: channels last, on CUDA in a CUDA graph. The attribute `path` says which.
    """
    if type(model).__module__.partition(".")[0] == "tcformer":
        return load_attribute("tcformer:compile")(model, dtype=dtype)
    dtype = dtype or torch.float32
    twin = copy.deepcopy(model).eval().to(dtype).to(memory_format=torch.channels_last)
    cuda = next(model.parameters()).device.type == "cuda"
    return Captured(twin, dtype) if cuda else Cast(twin, dtype)


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
        if subject.mode == "fast":
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
        self.path = "plain"
        self.autocast = subject.mode == "plain" and subject.what == "inference"
        with steps.precision(subject.precision, self.device, autocast=False):
            if subject.what == "training":
                self.call = steps.training(self.model, images, subject.precision, compiled=subject.mode == "fast")
                self.path = "compiled" if subject.mode == "fast" else "plain"
            elif subject.what == "clustering":
                self.call = steps.clustering(self.model, images, subject.precision)
                self._forget_model()
            elif subject.mode == "fast":
                network = fast(self.model, steps.DTYPES[subject.precision])
                self.call = steps.inference(network, images)
                self.call()  # what a TCFormer could be made into is decided here
                self.path = str(network.path)
                del self.model
            else:
                self.call = steps.inference(self.model, images)

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
