"""The forms in which a network is run: as built, compiled, captured in a CUDA graph, or in its own quickest way."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from harness.registry import load_attribute

CAPTURE_WARM_UP = 3
"""Passes before a CUDA graph is captured, in which libraries choose their algorithms and allocate."""


class Captured(nn.Module):
    """A model's forward pass captured in a CUDA graph, for images of one shape and fp32 as they come.

    Args:
        dtype: type that the model's images are cast to, with the channels last; None leaves them as they come.
    """

    path = "CUDA graph"

    def __init__(self, model: nn.Module, dtype: torch.dtype | None) -> None:
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
        if self.dtype is None:
            self.images = images.clone()
        else:
            self.images = images.to(self.dtype, memory_format=torch.channels_last, copy=True)
        before = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = True  # choose the convolutions' algorithms by trying
        try:
            # Autocast's copies of the weights die with its context: a graph that had read them would read freed memory.
            with torch.autocast("cuda", dtype=torch.get_autocast_dtype("cuda"),
                                enabled=torch.is_autocast_enabled("cuda"), cache_enabled=False):
                self._record()
        finally:
            torch.backends.cudnn.benchmark = before

    def _record(self) -> None:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(CAPTURE_WARM_UP):
                self.model(self.images)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.maps = self.model(self.images)
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


class Compiled(nn.Module):
    """A model under torch.compile, for images of one shape: as one graph, or in pieces where it cannot be one."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.path: str | None = None
        """Known after the first call."""
        self.why = ""
        """What broke the graph, in one line."""
        self.run: Any = None

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to heat maps."""
        if self.run is None:
            return self._compile(images)
        return self.run(images)

    def _compile(self, images: Tensor) -> Tensor:
        try:
            run, self.path = torch.compile(self.model, fullgraph=True, dynamic=False), "compile"
            maps = run(images)
        except torch._dynamo.exc.TorchDynamoException as error:  # of fullgraph=True
            torch.compiler.reset()
            self.why = str(error).strip().partition("\n")[0]
            run, self.path = torch.compile(self.model, dynamic=False), "in pieces"
            maps = run(images)
        self.run = run
        return maps


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


def inference(model: nn.Module, mode: str, dtype: torch.dtype | None) -> nn.Module:
    """A model in the form of a mode of `harness.profiling.subjects`; its attribute `path` says which way was to be had,
    after the first call. `dtype` is the type of weights in mode fast, None for fp32; the others run under autocast."""
    if mode == "fast":
        return fast(model, dtype)
    if mode == "compile":
        return Compiled(model)
    return Captured(model, None)
