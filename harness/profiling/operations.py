"""Parameters and multiply-adds of one forward pass, with the share of the operators that was counted.

Convention: one multiply-add counts as one; convolutions, linear layers, matrix products and attention count,
normalisation, activation and interpolation do not (fvcore's convention). One pass, no flip.
"""

from __future__ import annotations

import copy
import logging
import math
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

FREE = frozenset((
    "add", "add_", "sub", "sub_", "rsub", "mul", "mul_", "div", "div_", "neg", "exp", "exp_", "sqrt", "rsqrt",
    "pow", "sum", "mean", "amax", "amin", "max", "min", "maximum", "minimum", "clamp", "clamp_", "clamp_min",
    "floor", "floor_divide", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_not", "where",
    "masked_fill", "masked_fill_", "one_hot", "arange", "zeros", "zeros_like", "ones", "ones_like", "full",
    "full_like", "empty", "new_zeros", "new_ones", "new_full", "new_empty", "rand", "rand_like", "fill_",
    "zero_", "copy_", "to", "type_as", "contiguous", "clone", "detach", "expand", "expand_as", "repeat", "tile",
    "repeat_interleave", "stack", "cat", "pad", "gather", "index", "index_select", "index_add", "index_add_",
    "scatter", "scatter_", "scatter_add", "scatter_add_", "scatter_reduce", "argmax", "argmin", "argsort",
    "sort", "topk", "relu", "relu_", "gelu", "silu", "silu_", "sigmoid", "tanh", "hardtanh", "softmax",
    "log_softmax", "dropout", "dropout_", "batch_norm", "layer_norm", "group_norm", "max_pool2d", "avg_pool2d",
    "adaptive_avg_pool2d", "upsample_nearest2d", "upsample_bilinear2d", "bernoulli_", "feature_dropout",
    "unflatten", "meshgrid", "square", "abs", "bitwise_and", "alias", "cumsum", "constant_pad_nd",
    "upsample_nearest1d", "norm", "linalg_vector_norm", "any", "all", "nonzero", "bincount",
    "mT", "eye", "isinf",
))
"""Operators that hold no multiply-adds in this convention: counted, as zero."""


def _attention(inputs: list[Any], outputs: list[Any]) -> int:
    """Multiply-adds of scaled_dot_product_attention: q k^T and the weighted sum of v."""
    query, key, value = (value.type().sizes() for value in inputs[:3])
    rows = math.prod(query[:-1])
    return rows * key[-2] * (query[-1] + value[-1])


def _distances(inputs: list[Any], outputs: list[Any]) -> int:
    """Multiply-adds of cdist: the product x y^T at its heart."""
    x, y = (value.type().sizes() for value in inputs[:2])
    return math.prod(x[:-1]) * y[-2] * x[-1]


def _batched_product(inputs: list[Any], outputs: list[Any]) -> int:
    """Multiply-adds of baddbmm: the product of its second and third argument."""
    x, y = (value.type().sizes() for value in inputs[1:3])
    return math.prod(x) * y[-1]


def _bag(inputs: list[Any], outputs: list[Any]) -> int:
    """Multiply-adds of embedding_bag with weights: one for each row taken and channel."""
    table, rows = (value.type().sizes() for value in inputs[:2])
    return math.prod(rows) * table[-1]


def _scaled_addition(inputs: list[Any], outputs: list[Any]) -> int:
    """Multiply-adds of addcmul, which is how TCFormer adds its depthwise 1x1 convolutions."""
    return math.prod(outputs[0].type().sizes())


@dataclass(frozen=True)
class Operations:
    """What one forward pass of one image costs."""

    parameters: int
    macs: int
    """Multiply-adds, one image."""
    counted_share: float
    """Executed operators with a rule (zero included) over all executed operators."""
    uncounted: dict[str, int]
    """Operators without a rule, with how often each was executed."""


def count_operations(model: nn.Module, width: int, height: int) -> Operations:
    """Count one forward pass of a (1, 3, height, width) image. The model is left as it was."""
    from fvcore.nn import FlopCountAnalysis

    logging.getLogger("fvcore").setLevel(logging.ERROR)
    subject = copy.deepcopy(model).cpu().float().eval()
    rules: dict[str, Any] = {f"aten::{name}": None for name in FREE}
    rules |= {"aten::scaled_dot_product_attention": _attention, "aten::cdist": _distances,
              "aten::_cdist_forward": _distances, "aten::baddbmm": _batched_product,
              "aten::embedding_bag": _bag, "aten::addcmul": _scaled_addition}
    image = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of every shape it turns into a constant: intended here
        analysis = FlopCountAnalysis(subject, image).set_op_handle(**rules)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        macs = int(analysis.total())
        uncounted = dict(analysis.unsupported_ops())
        executed = _executed(subject, image)
    missed = sum(uncounted.values())
    return Operations(
        parameters=sum(p.numel() for p in model.parameters()),
        macs=macs,
        counted_share=1.0 - missed / max(executed, missed, 1),
        uncounted={name.removeprefix("aten::"): count for name, count in uncounted.items()},
    )


def _executed(model: nn.Module, image: torch.Tensor) -> int:
    """How many ATen operators the traced forward pass executes."""
    graph = torch.jit.trace(model, image, check_trace=False).inlined_graph
    return sum(node.kind().startswith("aten::") for node in graph.nodes())
