"""oneDNN's linear layers and convolutions with packed weights and fused neighbours, for fp32 on the CPU.

PyTorch has them for its compiler and does not use them otherwise: linear layers go to MKL, which on the AMD
processors that this was measured on takes 1.2 to 1.7 times as long; convolutions reorder their weights at every call.
Without gradient. Where a build of PyTorch lacks the operators, the same functions are plain PyTorch.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

AVAILABLE = torch.backends.mkldnn.is_available() and all(
    hasattr(torch.ops.mkldnn, name)
    for name in ("_linear_pointwise", "_reorder_linear_weight", "_convolution_pointwise", "_reorder_convolution_weight")
)
"""Whether this build of PyTorch has oneDNN and these operators."""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, add: Tensor | None = None) -> Tensor:
    """x weight^T + bias + add: x (..., C), weight (C', C) contiguous or packed, bias (C',), add (..., C')."""
    if not (AVAILABLE and x.dtype == torch.float32):
        out = F.linear(x, weight, bias)
        return out if add is None else out.add_(add)
    x = x.contiguous()  # other layouts are a thousand times slower, as are other layouts of the weight
    if add is None:
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return torch.ops.mkldnn._linear_pointwise.binary(x, add, weight, bias, "add")


class PackedLinear:
    """A linear layer whose weight is packed at the first call, for as many rows as that has.

    Args:
        weight: (C', C).
        bias: (C',) or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None):
        self.weight = weight.detach().contiguous()
        self.bias = None if bias is None else bias.detach().contiguous()
        self.packed: Any = None

    def __call__(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        """x weight^T + bias + add: (..., C) to (..., C')."""
        if self.packed is None:
            self.packed = self.weight
            if AVAILABLE and self.weight.dtype == torch.float32:
                rows = x.numel() // x.shape[-1]
                self.packed = torch.ops.mkldnn._reorder_linear_weight(self.weight, rows)
        return linear(x, self.packed, self.bias, add)


class PackedConv:
    """A convolution whose weight is packed at the first call, with a GELU behind it where asked for.

    Args:
        weight: (C', C / groups, h, w) fp32.
        bias: (C',) or None.
        stride, padding, groups: as of `torch.nn.Conv2d`.
        gelu: whether the (exact) GELU of the result is given.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, stride: int, padding: int, groups: int = 1, gelu: bool = False
    ):
        self.weight = weight.detach().contiguous()
        self.bias = None if bias is None else bias.detach().contiguous()
        self.stride, self.padding, self.groups, self.gelu = stride, padding, groups, gelu
        self.packed: Any = None

    @classmethod
    def of(cls, layer: nn.Conv2d) -> PackedConv:
        """The same as a layer of equal strides and equal, numeric paddings."""
        return cls(layer.weight, layer.bias, layer.stride[0], int(layer.padding[0]), layer.groups)

    def __call__(self, image: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W'), channels last in memory."""
        image = image.contiguous(memory_format=torch.channels_last)
        if not AVAILABLE:
            out = F.conv2d(image, self.weight, self.bias, self.stride, self.padding, groups=self.groups)
            return F.gelu(out) if self.gelu else out
        stride, padding = [self.stride] * 2, [self.padding] * 2
        if self.packed is None:
            self.packed = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, padding, stride, [1, 1], self.groups, list(image.shape)
            )
        after: tuple[str, list[float], str] = ("gelu", [], "none") if self.gelu else ("none", [], "")
        return torch.ops.mkldnn._convolution_pointwise(
            image, self.packed, self.bias, padding, stride, [1, 1], self.groups, *after
        )
