"""The model's own convolutions and linear layers, each timed alone on the inputs it sees in a forward pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from harness.profiling.latency import Runner

LAYERS: frozenset[Callable[..., Any]] = frozenset((
    F.linear, F.conv1d, F.conv2d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d,
    torch.conv1d, torch.conv2d, torch.conv_transpose2d,
))
"""Always a layer, whether its weight is a parameter or made of some."""
PRODUCTS: frozenset[Callable[..., Any]] = frozenset((
    torch.matmul, torch.bmm, torch.mm, torch.addmm, torch.baddbmm, torch.addcmul, Tensor.matmul, Tensor.__matmul__,
    Tensor.addcmul,
))
"""A layer where one of the factors is a parameter or a view of one: 1x1 convolutions written as products."""


class _Collector(TorchFunctionMode):
    """Keeps the layers' calls, with their inputs."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
        self.calls: list[Callable[[], Any]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        if func in LAYERS or (func in PRODUCTS and any(v.untyped_storage().data_ptr() in self.weights for v in given)):
            # Detached, not copied: the layer's input keeps its place in memory, strides included.
            held = tree_map(lambda v: v.detach() if isinstance(v, Tensor) else v, (args, kwargs))
            self.calls.append(lambda: func(*held[0], **held[1]))
        return func(*args, **kwargs)


class Layers:
    """Times the sum of a model's layers as built on the CPU; a block like those of `Runner`.

    A sample is the sum, over the layers of one forward pass, of the layer's second call in a row: warm, as favourable
    to the layers as it can be.
    """

    def __init__(self, runner: Runner) -> None:
        with torch.inference_mode(), _Collector(runner.model) as collector:
            runner.model(runner.images)
        self.calls = collector.calls

    def block(self, calls: int) -> list[float]:
        """So many samples, ms."""
        with torch.inference_mode():
            return [1e3 * sum(self._once(call) for call in self.calls) for _ in range(calls)]

    @staticmethod
    def _once(call: Callable[[], Any]) -> float:
        call()
        begin = time.perf_counter()
        call()
        return time.perf_counter() - begin
