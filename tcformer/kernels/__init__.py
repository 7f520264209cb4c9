"""The parts of TCFormer that decide its speed, each in a plain form and in quicker ones chosen by device.

| function | plain | CPU | CUDA |
|---|---|---|---|
| `dpc_knn` | `plain`, the N x N matrix | `tiled`, or `small` for few tokens | `triton_clustering` |
| `bag_sum` | `mixing.Mixer.matrix`, a dense product | `torch.nn.functional.embedding_bag` | `triton_mixing` |
| `attention` | `plain`, the N x M logits | PyTorch's | PyTorch's |
| `sort_keys` | PyTorch's | NumPy's | PyTorch's |

`TCFORMER_KERNELS=off` in the environment takes the plain forms everywhere; so do export and, for the clustering,
tracing, which cannot follow the others. Where Triton is missing or does not support the input, CUDA clusters in the
plain form.
"""

from __future__ import annotations

import importlib.util
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tcformer.kernels import plain, small, tiled

TRITON = torch.cuda.is_available() and importlib.util.find_spec("triton") is not None
"""Whether Triton's kernels can be used: a CUDA device is there, and Triton."""

if TRITON:
    from tcformer.kernels import triton_clustering, triton_mixing

VARIABLE = "TCFORMER_KERNELS"
"""The environment's switch: `off`, or `auto` (the default). Read at every call."""


def plain_only(traceable: bool = False) -> bool:
    """Whether only plain operators may be used: asked for, or needed as the model is exported or traced.

    Args:
        traceable: whether torch.jit's tracer, which counts operations, can follow the quick form.

    Raises:
        ValueError: for another value of the variable.
    """
    if torch.compiler.is_exporting() or (torch.jit.is_tracing() and not traceable):
        return True
    value = os.environ.get(VARIABLE) or "auto"
    if value not in ("auto", "off"):
        raise ValueError(f"{VARIABLE}='{value}' in the environment (choices: auto, off)")
    return value == "off"


def dpc_knn(
    x: Tensor, clusters: int, k: int, mask: Tensor | None = None, added: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Cluster each picture's tokens; see `tcformer.clustering.dpc_knn`.

    Args:
        x: features, (B, N, C).
        clusters: number of clusters K.
        k: neighbours of the density, the token itself among them.
        mask: true for real tokens, (B, N), or None.
        added: added to the densities, (B, N) fp32, or None.

    Returns:
        Cluster of every token, (B, N) int64, and token at the centre of every cluster, (B, K) int64. Ties go to the
        lower index: of tokens with equal scores the earlier comes first, of centres at equal distance the first.
    """
    if not plain_only():
        if x.is_cpu and mask is None:
            return _dpc_knn(x, clusters, k, added)
        if TRITON and x.is_cuda and triton_clustering.supported(x, k):
            return triton_clustering.dpc_knn(x, clusters, k, mask, added)
    return plain.dpc_knn(raised(x), clusters, k, mask, added)


@torch.library.custom_op("tcformer::dpc_knn", mutates_args=())
def _dpc_knn(x: Tensor, clusters: int, k: int, added: Tensor | None) -> tuple[Tensor, Tensor]:
    return (small if x.shape[1] <= small.MOST else tiled).dpc_knn(raised(x), clusters, k, added)


@_dpc_knn.register_fake
def _(x: Tensor, clusters: int, k: int, added: Tensor | None) -> tuple[Tensor, Tensor]:
    batch, tokens, _ = x.shape
    return x.new_empty(batch, tokens, dtype=torch.int64), x.new_empty(batch, clusters, dtype=torch.int64)


def attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention.

    Args:
        q: queries, (B, heads, N, d).
        k, v: keys and values, (B, heads, M, d).
        bias: added to the logits of every key, (B, 1, 1, M), or None.

    Returns:
        (B, heads, N, d).
    """
    if plain_only(traceable=True):
        return plain.attention(q, k, v, bias)
    mask = None if bias is None else bias.expand(-1, -1, q.shape[2], -1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def raised(x: Tensor) -> Tensor:
    """Half precision raised to fp32; double stays."""
    return x if x.dtype == torch.float64 else x.float()


def bag_sum(rows: Tensor, index: Tensor, weight: Tensor, offset: Tensor) -> Tensor:
    """Weighted sums of rows.

    Args:
        rows: (R, C).
        index: numbers of rows, (L,) int64.
        weight: (L,) fp32.
        offset: bag i is the entries offset[i] to offset[i + 1] - 1, (bags + 1,) int64; the rest is ignored.

    Returns:
        (bags, C), zero for empty bags.
    """
    if TRITON and rows.is_cuda:
        return triton_mixing.bag_sum(rows, index, weight, offset)
    table = raised(rows)
    found = F.embedding_bag(
        index, table, offset, mode="sum", per_sample_weights=weight.to(table.dtype), include_last_offset=True
    )
    return found.to(rows.dtype)


def by_numpy(x: Tensor) -> bool:
    """Whether NumPy may work on a tensor: on the CPU, and nothing compiles, traces or exports, which cannot follow."""
    return x.is_cpu and not (torch.compiler.is_compiling() or torch.jit.is_tracing() or plain_only())


def sort_keys(key: Tensor) -> Tensor:
    """Integers in ascending order: (L,) to (L,).

    NumPy's sort uses vector instructions: on one core of an AMD EPYC it took a fifteenth of the time of PyTorch's for
    6,144 to 24,576 keys.
    """
    return torch.from_numpy(np.sort(key.numpy())) if by_numpy(key) else key.sort().values
