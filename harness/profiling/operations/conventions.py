"""Named conventions of counting, as data: what each size of each kind of operator is worth. Imports no torch.

A published "GFLOPs" is one of these, mostly unsaid. All are linear in the sizes that `sizes` reads off an operator,
so one trace gives every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import unknown

Worth = Mapping[str, Mapping[str, float]]
"""Kind of operator to what one of each of its sizes counts; what is not named counts nothing."""

GIGA, GIBI = 1e9, 2.0**30


@dataclass(frozen=True)
class Convention:
    """A way of counting."""

    name: str
    title: str
    unit: str
    """What one counted thing is called, with its prefix."""
    text: str
    """What counts, in a sentence."""
    worth: Worth
    divisor: float = GIGA
    """Of the figure that is printed."""

    def value(self, kind: str, sizes: Mapping[str, int]) -> int:
        """What an operator of that kind with these sizes counts."""
        return int(sum(weight * sizes.get(size, 0) for size, weight in self.worth.get(kind, {}).items()))

    def figure(self, count: float) -> float:
        """A count as it would be printed, in `unit`."""
        return count / self.divisor


_PRODUCTS: Worth = {kind: {"products": 1} for kind in (
    "convolution", "linear", "product", "attention", "distance", "weighted sum", "scaled addition")}

MACS = Convention(
    "macs", "Multiply-adds", "GMAC",
    "one for each multiplication with its addition, in convolutions (transposed ones at the size of their input), "
    "linear layers, matrix products, attention, distances and weighted sums; all else is free",
    _PRODUCTS)

FVCORE = Convention(
    "fvcore", "fvcore, with this project's handles", "GMAC",
    "multiply-adds as above, and what fvcore 0.1.5 adds to them: batch norm 2 an element (1 without weights), layer, "
    "group and instance norm 5 (4), nearest interpolation 1, bilinear 4, adaptive pooling 1; the GMACs of this "
    "project's records",
    {**_PRODUCTS,
     "batch norm": {"input": 1, "affine": 1},
     **{kind: {"input": 4, "affine": 1} for kind in ("layer norm", "group norm", "instance norm")},
     "nearest interpolation": {"output": 1}, "bilinear interpolation": {"output": 4},
     "adaptive pooling": {"input": 1}})

MMCV = Convention(
    "mmcv", "mmcv's counter, as mmpose prints it", "GFLOPs (multiply-adds)",
    "multiply-adds and biases of convolutions, multiply-adds of linear layers without their biases, norms 2 an element "
    "(1 without weights), ReLU, pooling and interpolation 1; products, attention and sums outside of layers are free "
    "(mmcv 1.7, mmcv/cnn/utils/flops_counter.py)",
    {"convolution": {"products": 1, "bias": 1}, "linear": {"products": 1},
     **{kind: {"input": 1, "affine": 1} for kind in ("batch norm", "layer norm", "group norm", "instance norm")},
     "ReLU": {"output": 1}, "pooling": {"input": 1}, "adaptive pooling": {"input": 1},
     "nearest interpolation": {"output": 1}, "bilinear interpolation": {"output": 1}})

HRNET = Convention(
    "hrnet", "The HRNet repository's counter", "GFLOPs (multiply-adds / 2^30)",
    "multiply-adds of convolutions and linear layers alone, a transposed convolution's as if its kernel met every "
    "element of its output (stride squared times too many), divided by 2^30 (lib/utils/utils.py, get_model_summary)",
    {kind: {"products_at_output": 1} for kind in ("convolution", "linear")}, GIBI)

TCFORMER = Convention(
    "tcformer", "The TCFormer authors' counter", "GFLOPs (multiply-adds)",
    "mmcv's, and multiply-adds of attention, of the clustering's distances with one comparison a pair, and of "
    "transfers between tokens and maps with 4 a cell (tcformer_module/custom_flops_counter.py)",
    {**MMCV.worth, "attention": {"products": 1}, "product": {"products": 1, "output": 1},
     "distance": {"products": 1, "output": 1}, "weighted sum": {"products": 1, "rows": 4},
     "scaled addition": {"products": 1}})

FLOPS = Convention(
    "flops", "Floating-point operations, all", "GFLOP",
    "two for a multiply-add, one for a bias and for every element-wise operation, comparison or function value; batch "
    "norm 2 an element, other norms 5 and their weights 2, softmax 5 a logit (an attention's scaling and mask 1 each), "
    "GELU and its like 5, pooling and reductions 1 for each element they look at, bilinear interpolation 7, sorting "
    "n log2 n, the k first n log2(k + 1); arithmetic on indices and moving data are free",
    {**{kind: {"products": 2, "bias": 1} for kind in _PRODUCTS},
     "attention": {"products": 2, "logits": 6, "bias": 1}, "distance": {"products": 3, "output": 1},
     "batch norm": {"input": 2},
     **{kind: {"input": 5, "affine": 2} for kind in ("layer norm", "group norm", "instance norm")},
     "ReLU": {"output": 1}, "activation": {"output": 5}, "softmax": {"output": 5}, "element-wise": {"output": 1},
     "reduction": {"window": 1}, "pooling": {"window": 1}, "adaptive pooling": {"window": 1},
     "bilinear interpolation": {"output": 7}, "search": {"comparisons": 1}, "accumulation": {"window": 1}})

CONVENTIONS: dict[str, Convention] = {
    convention.name: convention for convention in (MACS, FLOPS, FVCORE, MMCV, HRNET, TCFORMER)}
"""By name."""


def convention(name: str) -> Convention:
    """The convention of that name. Raises UserError for another."""
    if name not in CONVENTIONS:
        raise unknown("convention", name, tuple(CONVENTIONS))
    return CONVENTIONS[name]
