"""What there is to count of one executed operator, read from the shapes in a traced graph.

Every rule takes an operator's inputs and outputs as fvcore hands them over (lists of `torch._C.Value`) and gives a
dictionary of sizes by name. What a size is worth is a matter of convention: see `conventions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Sizes = dict[str, int]
Measure = Callable[[list[Any], list[Any]], Sizes]

NAMES = {
    "products": "multiply-adds",
    "products_at_output": "multiply-adds, those of a transposed convolution as if its kernel met every output element",
    "bias": "output elements that a bias is added to",
    "input": "elements of the first input",
    "output": "elements of the output",
    "affine": "elements that a norm scales and shifts by weights of its own",
    "logits": "logits of an attention: queries times keys",
    "window": "elements that go into all of a pooling's windows, or into a sum",
    "comparisons": "of a sort, n log2 n; of the k first, n log2(k + 1)",
    "rows": "rows that are read or written by index",
}
"""Every size, with what it is."""


def shape(value: Any) -> list[int] | None:
    """Of a tensor; None for anything else."""
    return value.type().sizes() if value.isCompleteTensor() else None


def known(value: Any) -> list[int]:
    """Shape of what must be a tensor."""
    sizes = shape(value)
    assert sizes is not None, f"{value} is no tensor of a known shape"
    return sizes


def elements(value: Any) -> int:
    """Of a tensor; 0 for anything else."""
    sizes = shape(value)
    return 0 if sizes is None else math.prod(sizes)


def floating(values: list[Any]) -> bool:
    """Whether a tensor among them holds floating-point numbers: arithmetic on indices and masks is not counted."""
    return any(value.isCompleteTensor() and value.type().dtype().is_floating_point for value in values)


def convolution(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """(B, C_in, *) with weights (C_out, C_in / groups, *k), or transposed (C_in, C_out / groups, *k)."""
    image, weight, found = known(inputs[0]), known(inputs[1]), known(outputs[0])
    kernel = image[0] * math.prod(weight)
    transposed = inputs[6].toIValue()
    return {
        "products": kernel * math.prod((image if transposed else found)[2:]),
        "products_at_output": kernel * math.prod(found[2:]),
        "bias": 0 if shape(inputs[2]) is None else math.prod(found),
        "input": math.prod(image), "output": math.prod(found),
    }


def linear(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """(*, in) with weights (out, in)."""
    x, weight = known(inputs[0]), known(inputs[1])
    products = math.prod(x) * weight[0]
    return {"products": products, "products_at_output": products, "output": elements(outputs[0]),
            "bias": elements(outputs[0]) if len(inputs) > 2 and shape(inputs[2]) is not None else 0,
            "input": math.prod(x)}


def product(first: int = 0, bias: bool = False) -> Measure:
    """Matrix products of inputs `first` and `first` + 1, batched and broadcast as their output is."""
    def measure(inputs: list[Any], outputs: list[Any]) -> Sizes:
        x = known(inputs[first])
        output = elements(outputs[0])
        return {"products": output * x[-1], "output": output, "input": math.prod(x), "bias": output if bias else 0}
    return measure


def einsum(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """As fvcore counts it: along the cheapest order of contraction."""
    from fvcore.nn.jit_handles import einsum_flop_jit

    return {"products": int(einsum_flop_jit(inputs, outputs)), "output": elements(outputs[0])}


def attention(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """Queries (*, N, d), keys (*, M, d), values (*, M, e): q k^T and the weighted sum of v."""
    query, key, value = (known(given) for given in inputs[:3])
    logits = math.prod(query[:-1]) * key[-2]
    masked = len(inputs) > 3 and shape(inputs[3]) is not None
    return {"products": logits * (query[-1] + value[-1]), "logits": logits, "bias": logits if masked else 0,
            "output": elements(outputs[0]), "input": math.prod(query)}


def distances(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """cdist of (*, N, C) and (*, M, C): N M C multiply-adds, of differences or of the product at its heart."""
    x = known(inputs[0])
    output = elements(outputs[0])
    return {"products": output * x[-1], "output": output, "input": math.prod(x)}


def bag(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """embedding_bag: rows taken from a table (R, C), each times its weight and added: one multiply-add a channel."""
    table, rows = known(inputs[0]), known(inputs[1])
    taken = math.prod(rows)
    return {"products": taken * table[-1], "rows": taken, "output": elements(outputs[0])}


def scaled_addition(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """addcmul: one multiply-add an element. TCFormer adds its depthwise 1x1 convolutions so."""
    return {"products": elements(outputs[0]), "output": elements(outputs[0])}


def norm(weight: int) -> Measure:
    """A normalisation whose weights, if any, are input number `weight`."""
    def measure(inputs: list[Any], outputs: list[Any]) -> Sizes:
        count = elements(inputs[0])
        return {"input": count, "output": count, "affine": 0 if shape(inputs[weight]) is None else count}
    return measure


def elementwise(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """Arithmetic or comparison of floating-point numbers, element by element."""
    count = elements(outputs[0]) if floating(inputs) else 0
    return {"input": elements(inputs[0]) if count else 0, "output": count}


def reduction(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """A sum, mean, extremum or running sum of floating-point numbers."""
    return {"window": elements(inputs[0]) if floating(inputs[:1]) else 0, "output": elements(outputs[0])}


def pooling(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """Windows of (kh, kw), given as the second input."""
    kernel = inputs[1].toIValue()
    if kernel is None:  # a list made of constants in the graph
        kernel = [value.toIValue() for value in inputs[1].node().inputs()]
    area = math.prod(kernel) if isinstance(kernel, list | tuple) else kernel
    if isinstance(kernel, list | tuple) and len(kernel) == 1:
        area = kernel[0] ** 2
    output = elements(outputs[0])
    return {"input": elements(inputs[0]), "output": output, "window": output * int(area)}


def whole_pooling(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """Adaptive: windows that share the input out."""
    return {"input": elements(inputs[0]), "output": elements(outputs[0]), "window": elements(inputs[0])}


def interpolation(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """An image of another size."""
    return {"input": elements(inputs[0]), "output": elements(outputs[0])}


def sorting(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """Comparisons of a sort along the last axis: n ceil(log2 n) a row, of floating-point numbers."""
    sizes = shape(inputs[0])
    return {"comparisons": math.prod(sizes) * ceil_log2(sizes[-1]) if sizes and floating(inputs[:1]) else 0}


def first_few(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """Comparisons of the k first of each row: n ceil(log2(k + 1)), as a heap of k takes them."""
    found = shape(outputs[0])
    return {"comparisons": elements(inputs[0]) * ceil_log2(found[-1] + 1) if found and floating(inputs[:1]) else 0}


def ceil_log2(value: int) -> int:
    """Whole part, rounded up; 0 for 1."""
    return max(value - 1, 0).bit_length()


def accumulation(source: int) -> Measure:
    """Additions into rows found by index: one for each element of input number `source`."""
    def measure(inputs: list[Any], outputs: list[Any]) -> Sizes:
        return {"window": elements(inputs[source]) if floating([inputs[source]]) else 0}
    return measure


def movement(inputs: list[Any], outputs: list[Any]) -> Sizes:
    """Elements that are only moved, made or renamed."""
    return {"output": elements(outputs[0])}
