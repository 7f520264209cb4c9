"""The calls that are timed: a forward pass, a training step, the clustering alone."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from harness.data.targets import msra_targets
from harness.training.losses import mse_loss

DTYPES = {"fp32": None, "tf32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
"""By precision; None is fp32."""

STEP = "zero_grad, forward, heat-map MSE, backward, AdamW step"
"""What a training step consists of (fp16: with a gradient scaler)."""
LEARNING_RATE, WEIGHT_DECAY = 5e-4, 0.01
"""Of TCFormer's training, harness/specs/tables/table_s2.yaml."""

Call = Callable[[], Tensor]


@contextlib.contextmanager
def precision(name: str, device: str, autocast: bool) -> Iterator[None]:
    """Whether CUDA rounds fp32 factors (tf32), and autocast for bf16 and fp16 where asked for."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    dtype = DTYPES[name]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"
    try:
        with torch.autocast(device, dtype=dtype, enabled=autocast and dtype is not None):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def inference(network: nn.Module, images: Tensor) -> Call:
    """A forward pass without gradients."""
    def call() -> Tensor:
        with torch.inference_mode():
            return network(images)

    return call


class Training:
    """A training step, see `STEP`; the targets are heat maps of points at random places of the input.

    `compiled`: under torch.compile, as one graph and for this shape.
    """

    def __init__(self, model: nn.Module, images: Tensor, precision_name: str, compiled: bool = False) -> None:
        model.train()
        self.images, self.device, self.dtype = images, images.device, DTYPES[precision_name]
        with torch.no_grad():
            batch, points, high, wide = model(images).shape
        size = torch.tensor([images.shape[3], images.shape[2]], device=self.device)
        at = torch.rand(batch, points, 2, generator=torch.Generator().manual_seed(0)).to(self.device) * size
        self.target, self.weight = msra_targets(at, torch.ones(batch, points, device=self.device), wide, high)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self.network = torch.compile(model, fullgraph=True, dynamic=False) if compiled else model
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)

    def __call__(self) -> Tensor:
        """One step; the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        # Backward runs outside of autocast, as torch advises.
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype is not None):
            maps = self.network(self.images)
        loss = mse_loss(maps, self.target, self.weight)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.detach()

    @property
    def tensors(self) -> list[Tensor]:
        """The targets, which stay as the images do."""
        return [self.target, self.weight]

    @property
    def state(self) -> list[Tensor]:
        """The optimiser's, on the model's device."""
        found = [value for state in self.optimizer.state.values() for value in state.values()]
        return [value for value in found if isinstance(value, Tensor)]


def clustering(model: nn.Module, images: Tensor, precision_name: str) -> Call:
    """DPC-KNN of the first merge, on the features that it gets from these images."""
    from tcformer.clustering import dpc_knn

    merge = model.get_submodule("backbone.ctm1")
    seen: list[Tensor] = []
    hook = merge.get_submodule("norm").register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.inference_mode():
        model(images)
    hook.remove()
    features = seen[0].to(DTYPES[precision_name] or torch.float32).contiguous()
    count, neighbours = math.ceil(features.shape[1] * float(merge.ratio)), int(merge.k)  # type: ignore[arg-type]

    def call() -> Tensor:
        with torch.inference_mode():
            return dpc_knn(features, count, neighbours).label

    return call
