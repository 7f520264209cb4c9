"""One call to TCFormer's quickest form on the machine at hand: `tcformer.compile(model)`."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tcformer.kernels import raised
from tcformer.models import Classifier, PoseModel
from tcformer.prepared import prepare

Run = Callable[[Tensor], Tensor]


class Captured:
    """A forward pass under CUDA graphs, one for each input shape, captured at the first such input.

    Args:
        run: a function of one image tensor whose work depends on the tensor's shape only.
    """

    def __init__(self, run: Run):
        self.run = run
        self.graphs: dict[torch.Size, tuple[Tensor, torch.cuda.CUDAGraph, Tensor]] = {}

    def __call__(self, image: Tensor) -> Tensor:
        """The function's result; a new tensor, which later calls leave alone."""
        if image.shape not in self.graphs:
            self.graphs[image.shape] = self._capture(image)
        inputs, graph, outputs = self.graphs[image.shape]
        inputs.copy_(image)
        graph.replay()
        return outputs.clone()

    def _capture(self, image: Tensor) -> tuple[Tensor, torch.cuda.CUDAGraph, Tensor]:
        inputs = image.clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # compilers, tuners and libraries do their first-time work outside the graph
            for _ in range(3):
                self.run(inputs)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self.run(inputs)
        return inputs, graph, outputs


def _compiled(model: nn.Module) -> Run:
    run: Run = torch.compile(model, fullgraph=True, dynamic=False)
    return Captured(run) if next(model.parameters()).is_cuda else run


FORMS: dict[str, Callable[[nn.Module], Run]] = {
    "prepared": prepare,
    "compiled": _compiled,
    "captured": Captured,
    "plain": lambda model: model,
}
"""What `Fast.path` may be, with how a form is made of a model."""


def forms(device: torch.device, dtype: torch.dtype) -> tuple[list[str], list[str]]:
    """The forms that exist for a device and precision, and those of them to be tried in turn."""
    if device.type == "cuda":
        return ["compiled", "captured", "plain"], ["compiled", "captured", "plain"]
    if device.type == "cpu" and dtype == torch.float32:
        return ["prepared", "compiled", "plain"], ["prepared", "plain"]
    return ["compiled", "plain"], ["plain"]


class Fast(nn.Module):
    """A TCFormer for inference on one device and in one precision, in the form that `path` names.

    - `prepared` (CPU, fp32): weights packed, neighbours fused (`tcformer.prepared`).
    - `compiled`: torch.compile of the whole forward pass, on CUDA under a CUDA graph; anew for each input shape.
    - `captured` (CUDA): the forward pass under a CUDA graph, one for each input shape.
    - `plain`: as it is.

    The form is decided at the first call; until then `path` is None.
    """

    def __init__(self, model: nn.Module, device: torch.device, dtype: torch.dtype, paths: list[str]):
        super().__init__()
        self.model: nn.Module | None = model
        self.device, self.dtype = device, dtype
        self.paths = paths
        self.path: str | None = None
        self.run: Run | None = None

    def train(self, mode: bool = True) -> Fast:
        """Raise RuntimeError for training: the weights are a copy."""
        if mode:
            raise RuntimeError("made for inference by tcformer.compile: train the model that it was made of")
        return super().train(mode)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to what the model gives, heat maps (B, K, ceil(H/4), ceil(W/4)) or logits.

        The result is fp32, fp64 where the model is. Raises ValueError for another number of dimensions, or none of B.
        """
        if image.dim() != 4 or not len(image):
            raise ValueError(f"images of shape {tuple(image.shape)}: (B, 3, H, W) is needed, B at least 1")
        image = image.to(self.device, self.dtype)
        if self.run is not None:
            return raised(self.run(image))
        assert self.model is not None
        for path in self.paths:
            try:
                run = FORMS[path](self.model)
                out = raised(run(image))
            except Exception as error:  # compilers and drivers fail in many ways; the next form needs less of them
                if path == self.paths[-1]:
                    raise
                warnings.warn(f"TCFormer could not be {path}: {str(error).splitlines()[0]}", stacklevel=2)
            else:
                self.path, self.run = path, run
                self.model = None  # the form holds what it needs
                return out
        raise AssertionError("the last form either runs or raises")


def compile(model: nn.Module, dtype: torch.dtype | None = None, path: str = "auto") -> Fast:
    """Make a TCFormer quick for inference. The model is copied, and left as it was.

    For training, `torch.compile(model, fullgraph=True, dynamic=False)` is what there is.

    Args:
        model: a pose model or classifier, on the device where it is to run.
        dtype: precision of weights and features, None for the model's own. On CUDA `torch.bfloat16` is the quick
            one. Distances of the clustering are fp32 whatever it is.
        path: a form of `Fast`, or `auto`: prepared for fp32 on the CPU; on CUDA compiled, or captured where that
            fails; elsewhere plain, with a warning.

    Raises:
        TypeError: for another kind of model.
        ValueError: for a form that the device and precision have not, or a type that is not floating.
    """
    if not isinstance(model, PoseModel | Classifier):
        raise TypeError(f"{type(model).__name__} is neither a TCFormer pose model nor a TCFormer classifier")
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ValueError(f"dtype {dtype!r} is no floating type of torch, such as torch.bfloat16")
    first = next(model.parameters())
    device, dtype = first.device, dtype or first.dtype
    allowed, tried = forms(device, dtype)
    if path != "auto":
        if path not in allowed:
            raise ValueError(f"path '{path}': {device.type} in {dtype} has auto, {', '.join(allowed)}")
        tried = [path]
    elif tried == ["plain"]:
        warnings.warn(f"TCFormer has no quick form for {device.type} in {dtype}: it runs as it is", stacklevel=2)
    twin = copy.deepcopy(model).to(dtype).requires_grad_(False)
    return Fast(twin, device, dtype, tried).eval()
