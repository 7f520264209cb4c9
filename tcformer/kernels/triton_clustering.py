"""DPC-KNN in tiles for CUDA: never an N x N matrix, no host synchronisation, all shapes static.

What is computed is defined in `tcformer.clustering`. Three passes over the tokens' distances: the nearest neighbours,
the nearest denser token, the nearest centre. In between, tokens are ranked by score, without a sort. Memory beyond
the features is linear in N; fp32 features are copied once, centred.

Equal pictures get bit-equal clusters in any batch: tile sizes follow from C, k and the type of the features, no
program looks beyond its picture, and nothing is added up in an order left to chance.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from tcformer.kernels.triton_passes import add_up, assign, neighbours, prepare, rank_scores, scores

FP32_PRODUCTS = "tf32x3"
"""How fp32 features are multiplied: three tf32 products, about as precise as fp32 and several times as quick as
"ieee", which is accepted too. Never plain "tf32": its eleven bits move clusters. bf16 and fp16 features multiply as
they are: their products are exact in fp32."""

INTERPRETED = triton.knobs.runtime.interpret
"""Whether Triton's interpreter runs the kernels (TRITON_INTERPRET=1 when triton was imported). Its dot product takes
bf16 for integers, so that features are raised there first."""

LARGEST_K = 16
"""Neighbours, the token itself among them: beyond it, the lists of nearest distances outgrow the registers."""

LARGEST_C = 1024
LARGEST_BATCH = 65_535
"""CUDA's limit on a grid's second and third dimension."""

SUM_ROWS = 512
"""Tokens whose features one program adds up for the mean."""

BLOCK = 64
"""Rows of all passes' tiles: the least that four warps' tensor-core instruction takes on Hopper. More rows would read
columns less often, but small batches then leave multiprocessors idle, and two such programs share one as it is."""


class Tiles(NamedTuple):
    """How wide the passes' tiles of distances are; a program takes BLOCK rows and goes through all columns."""

    near: int
    """Columns in the pass for the nearest neighbours."""
    columns: int
    """Columns in the other passes."""
    channels: int
    """Channels multiplied at once. Where these are all, the rows' features are read once and the loop over columns is
    pipelined, else the loop over channels is."""
    stages: int
    """Depth of that pipeline: tiles of features in shared memory at a time."""


WARPS = 4


def choose_tiles(channels: int, k: int, dtype: torch.dtype) -> Tiles:
    """Tiles for a picture: never by the batch, so that its clusters do not depend on it.

    Chosen by what compiles for Hopper without spilling (`python -m tests.tcformer.triton_hopper`), two programs or
    more to a multiprocessor: at most 255 registers a thread and 113 KiB of shared memory each. Not timed on a GPU.
    - Half precision, 64 columns: at C = 128 and k = 5 a thread holds 32 distances and 4 x 32 nearest ones, 218
      registers in all, and 64 KiB are shared. The other passes take about 120 registers.
    - More than 128 channels, the small pictures of the later stages: 64 at a time. Addresses take registers, too, so
      that lists are half as many.
    - fp32: each product needs its operands twice, high and low parts, the rows' in registers. Hence half as many
      columns, and 64 channels at a time: 206 registers, 80 KiB.
    - More neighbours: lists of up to 8 fit with 32 columns (with 16 in fp32), of up to 15 with 16.
    """
    half = dtype != torch.float32
    columns = 64 if half else 32
    near = columns if k <= 5 else columns // 2 if k <= 9 else 16
    whole = max(16, triton.next_power_of_2(channels))
    if whole <= (128 if half else 64):
        return Tiles(near, columns, whole, 3)
    return Tiles(min(near, 32), columns, 64, 3)


def why_not(x: Tensor, k: int) -> str | None:
    """Why these kernels cannot cluster `x`, (B, N, C), with `k` neighbours; None where they can."""
    batch, tokens, channels = x.shape
    if x.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return f"features of type {x.dtype}: float32, bfloat16 and float16 are supported"
    if min(k, tokens) > LARGEST_K:
        return f"k={k} neighbours: at most {LARGEST_K} are supported"
    if channels > LARGEST_C:
        return f"{channels} channels: at most {LARGEST_C} are supported"
    if tokens * channels >= 2**31 or batch > LARGEST_BATCH:
        return f"features of shape {tuple(x.shape)} are beyond the kernels' integers"
    return None


def supported(x: Tensor, k: int) -> bool:
    """Whether these kernels can cluster `x`, (B, N, C), with `k` neighbours."""
    return why_not(x, k) is None


def dpc_knn(
    x: Tensor, clusters: int, k: int, mask: Tensor | None = None, added: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Cluster tokens by DPC-KNN, as `tcformer.clustering.dpc_knn` does.

    Args:
        x: features, (B, N, C) in fp32, bf16 or fp16; distances are made of half-precision products added up in fp32.
        clusters: number of clusters K, 1 to N.
        k: neighbours of the density estimate, the token itself among them; at most N are taken.
        mask: (B, N) bool, true for real tokens and false for empty ones; None where all are real.
        added: (B, N) fp32, at least 0, added to the densities: the published noise; None for none. With noise, and
            less than k real tokens in a picture, densities do not count the empty ones among their neighbours.

    Returns:
        Cluster of every token, (B, N) int64 in [0, K), and token at the centre of every cluster, (B, K) int64 in
        [0, N), without repetition and by descending score, also for features that are not finite.

    Raises:
        ValueError: where `clusters` or `k` is out of range, or the features are not `supported`.
    """
    tokens = x.shape[1]
    if not 1 <= clusters <= tokens:
        raise ValueError(f"clusters={clusters} must lie between 1 and the number of tokens, {tokens}")
    if k < 1:
        raise ValueError(f"k={k} neighbours: at least 1 is needed")
    reason = why_not(x, k)
    if reason:
        raise ValueError(reason)
    return _dpc_knn(x.detach(), clusters, k, mask, added)


@torch.library.custom_op(
    "tcformer::triton_dpc_knn",
    mutates_args=(),
    schema="(Tensor x, SymInt clusters, SymInt k, Tensor? mask, Tensor? added) -> (Tensor, Tensor)",
)
def _dpc_knn(x: Tensor, clusters: int, k: int, mask: Tensor | None, added: Tensor | None) -> tuple[Tensor, Tensor]:
    x = x.contiguous()
    mask = None if mask is None else mask.bool().contiguous()
    k = min(k, x.shape[1])
    tiles = choose_tiles(x.shape[2], k, x.dtype)
    with _on_device(x):
        x, square = _prepared(x, tiles)
        total = _near_sum(x, square, mask, k, tiles)
        density = (total / -k).exp()
        # Which token is denser is told by the sum of distances, where there is no noise: among near tokens, in even
        # parts of a picture, fp32 densities are 1 less a few roundings, and decided little there.
        order = -total
        if added is not None:
            order = density = density + added
        if mask is not None:
            order = order.masked_fill(~mask, -torch.inf)
        return _clusters(x, square, mask, density.contiguous(), order.contiguous(), clusters, tiles)


@_dpc_knn.register_fake
def _(x: Tensor, clusters: int, k: int, mask: Tensor | None, added: Tensor | None) -> tuple[Tensor, Tensor]:
    batch, tokens, _ = x.shape
    return x.new_empty((batch, tokens), dtype=torch.int64), x.new_empty((batch, clusters), dtype=torch.int64)


def _on_device(x: Tensor) -> AbstractContextManager[Any]:
    """Triton launches on the current device, which need not be the tensor's."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def _features_of(x: Tensor, tiles: Tiles) -> dict[str, Any]:
    """Arguments of every kernel that multiplies features."""
    return {
        "C": x.shape[2],
        "BLOCK_C": tiles.channels,
        "RAISE": INTERPRETED and x.dtype != torch.float32,
        "PRECISION": FP32_PRODUCTS if x.dtype == torch.float32 else None,
        "num_warps": WARPS,
        "num_stages": tiles.stages,
    }


def _prepared(x: Tensor, tiles: Tiles) -> tuple[Tensor, Tensor]:
    """The features, less the picture's mean where they are fp32, and the squared lengths (B, N) fp32.

    Without the mean lengths are smaller, and less is lost in their differences. Half precision would be rounded, and
    is left. The mean is not left to torch, whose order of adding may depend on the batch.
    """
    batch, tokens, channels = x.shape
    square = x.new_empty((batch, tokens), dtype=torch.float32)
    centre = x.dtype == torch.float32
    centred, sums, parts = x, None, 0
    if centre:
        centred = torch.empty_like(x)
        parts = triton.cdiv(tokens, SUM_ROWS)
        sums = x.new_empty((batch, parts, channels))
        add_up[parts, triton.cdiv(channels, tiles.channels), batch](
            x, sums, tokens, C=channels, ROWS=SUM_ROWS, BLOCK_N=32, BLOCK_C=tiles.channels
        )
    prepare[triton.cdiv(tokens, BLOCK), batch](
        x, sums, parts, centred, square, tokens, 1 / tokens, CENTRE=centre, BLOCK=BLOCK, **_features_of(x, tiles)
    )
    return centred, square


def _near_sum(x: Tensor, square: Tensor, mask: Tensor | None, k: int, tiles: Tiles) -> Tensor:
    """Sum of the k smallest distances, the own, 0, among them, (B, N); of empty tokens any number.

    Where less than k tokens are real, `tcformer.clustering` also takes the distance to an empty token as often as one
    is missing. That is the same for all real tokens of the picture and multiplies all their densities alike, so that
    it is left out here.
    """
    if k == 1:
        return torch.zeros_like(square)
    batch, tokens, _ = x.shape
    total = torch.empty_like(square)
    neighbours[triton.cdiv(tokens, BLOCK), batch](
        x, square, mask, total, tokens,
        OTHERS=k - 1, MASKED=mask is not None, ROWS=BLOCK, COLUMNS=tiles.near, **_features_of(x, tiles),
    )  # fmt: skip
    return total


def _clusters(
    x: Tensor, square: Tensor, mask: Tensor | None, density: Tensor, order: Tensor, clusters: int, tiles: Tiles
) -> tuple[Tensor, Tensor]:
    """Labels and centres from the densities, and from what orders them."""
    batch, tokens, _ = x.shape
    grid = (triton.cdiv(tokens, BLOCK), batch)
    passes = {"MASKED": mask is not None, "ROWS": BLOCK, "COLUMNS": tiles.columns, **_features_of(x, tiles)}
    score = torch.empty_like(density)
    scores[grid](x, square, mask, density, order, score, tokens, **passes)
    rank = torch.empty_like(score, dtype=torch.int32)
    centre = x.new_empty((batch, clusters), dtype=torch.int64)
    rank_scores[grid](score, rank, centre, tokens, clusters, ROWS=BLOCK, COLUMNS=BLOCK)
    label = x.new_empty((batch, tokens), dtype=torch.int64)
    assign[grid](x, square, mask, rank, centre, label, tokens, clusters, **passes)
    return label, centre
