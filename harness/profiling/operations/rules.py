"""Which operators are known, of what kind they are, and what is read off them. Names are ATen's."""

from __future__ import annotations

from typing import NamedTuple

from harness.profiling.operations import sizes
from harness.profiling.operations.sizes import Measure


class Rule(NamedTuple):
    """How an operator is counted."""

    kind: str
    """What `conventions` gives worth to."""
    measure: Measure


PRODUCTS = ("convolution", "linear", "product", "attention", "distance", "weighted sum", "scaled addition")
"""Kinds that hold multiply-adds."""

MOVING = (
    "arange", "zeros", "zeros_like", "ones", "ones_like", "full", "full_like", "empty", "empty_like", "new_zeros",
    "new_ones", "new_full", "new_empty", "rand", "rand_like", "randn", "eye", "fill_", "zero_", "copy_", "to",
    "type_as", "contiguous", "clone", "detach", "alias", "expand", "expand_as", "repeat", "tile",
    "repeat_interleave", "stack", "cat", "pad", "constant_pad_nd", "gather", "index", "index_select", "index_put_",
    "take_along_dim", "scatter", "scatter_", "one_hot", "dropout", "dropout_", "feature_dropout", "bernoulli_",
    "unflatten", "meshgrid", "flatten", "view", "reshape", "permute", "transpose", "t", "mT", "chunk", "split",
    "split_with_sizes", "unbind", "select", "slice", "narrow", "squeeze", "unsqueeze", "unsqueeze_", "roll", "flip",
    "size", "Int", "ScalarImplicit", "view_as", "lift_fresh", "pixel_shuffle", "pixel_unshuffle",
)
"""No arithmetic: data are made, moved or renamed."""
ELEMENTWISE = (
    "add", "add_", "sub", "sub_", "rsub", "mul", "mul_", "div", "div_", "neg", "exp", "exp_", "sqrt", "rsqrt",
    "pow", "square", "abs", "reciprocal", "log", "maximum", "minimum", "clamp", "clamp_", "clamp_min", "clamp_max",
    "floor", "floor_divide", "remainder", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or",
    "logical_not", "where", "masked_fill", "masked_fill_", "bitwise_and", "bitwise_not", "__and__", "isinf",
    "isnan", "erf", "sin", "cos", "round",
)
REDUCTIONS = (
    "sum", "mean", "amax", "amin", "max", "min", "argmax", "argmin", "cumsum", "norm", "linalg_vector_norm", "any",
    "all", "nonzero", "bincount",
)

RULES: dict[str, Rule] = {
    **{name: Rule("movement", sizes.movement) for name in MOVING},
    **{name: Rule("element-wise", sizes.elementwise) for name in ELEMENTWISE},
    **{name: Rule("reduction", sizes.reduction) for name in REDUCTIONS},
    "_convolution": Rule("convolution", sizes.convolution),
    "linear": Rule("linear", sizes.linear),
    "matmul": Rule("product", sizes.product()),
    "mm": Rule("product", sizes.product()),
    "bmm": Rule("product", sizes.product()),
    "addmm": Rule("product", sizes.product(1, bias=True)),
    "baddbmm": Rule("product", sizes.product(1, bias=True)),
    "einsum": Rule("product", sizes.einsum),
    "scaled_dot_product_attention": Rule("attention", sizes.attention),
    "cdist": Rule("distance", sizes.distances),
    "_cdist_forward": Rule("distance", sizes.distances),
    "embedding_bag": Rule("weighted sum", sizes.bag),
    "addcmul": Rule("scaled addition", sizes.scaled_addition),
    "batch_norm": Rule("batch norm", sizes.norm(1)),
    "layer_norm": Rule("layer norm", sizes.norm(2)),
    "group_norm": Rule("group norm", sizes.norm(2)),
    "instance_norm": Rule("instance norm", sizes.norm(1)),
    **{name: Rule("ReLU", sizes.elementwise) for name in ("relu", "relu_", "hardtanh", "hardtanh_", "leaky_relu_")},
    **{name: Rule("activation", sizes.elementwise)
       for name in ("gelu", "silu", "silu_", "sigmoid", "tanh", "hardswish", "hardswish_", "hardsigmoid")},
    **{name: Rule("softmax", sizes.elementwise) for name in ("softmax", "log_softmax")},
    **{name: Rule("pooling", sizes.pooling) for name in ("max_pool2d", "avg_pool2d")},
    "adaptive_avg_pool2d": Rule("adaptive pooling", sizes.whole_pooling),
    "upsample_nearest1d": Rule("movement", sizes.movement),
    "upsample_nearest2d": Rule("nearest interpolation", sizes.interpolation),
    "upsample_bilinear2d": Rule("bilinear interpolation", sizes.interpolation),
    "grid_sampler": Rule("bilinear interpolation", sizes.interpolation),
    **{name: Rule("search", sizes.sorting) for name in ("sort", "argsort")},
    "topk": Rule("search", sizes.first_few),
    **{name: Rule("accumulation", sizes.accumulation(3)) for name in ("index_add", "index_add_", "scatter_add",
                                                                      "scatter_add_", "scatter_reduce")},
}
"""By name without "aten::". An operator that is not here is reported as not counted."""

KINDS = tuple(dict.fromkeys(rule.kind for rule in RULES.values()))
"""In the order of the table."""
