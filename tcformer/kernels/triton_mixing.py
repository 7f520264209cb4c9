"""Weighted sums of rows over bags for CUDA, as `torch.nn.functional.embedding_bag` in mode "sum" defines them."""

from __future__ import annotations

from contextlib import nullcontext

import torch
import triton
import triton.language as tl
from torch import Tensor

BAGS = 4
"""Bags of one program. They are followed side by side, so that as many rows are on their way at a time; a program
runs as long as its longest bag."""

WIDEST = 256
"""Channels of one program, at most."""

CHANNELS_PER_WARP = 128
"""With BAGS rows, 16 numbers for each of a warp's threads."""


@triton.jit
def _sum_bags(
    rows, index, weight, offset, out, bags,
    C: tl.constexpr, BAGS: tl.constexpr, BLOCK_C: tl.constexpr, TOTAL: tl.constexpr,
):  # fmt: skip
    """Entries of a bag are added one by one, in order, in TOTAL's precision."""
    bag = tl.program_id(0).to(tl.int64) * BAGS + tl.arange(0, BAGS)
    begin = tl.load(offset + bag, mask=bag < bags, other=0)
    end = tl.load(offset + bag + 1, mask=bag < bags, other=0)
    channel = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = (channel < C)[None, :]
    total = tl.zeros((BAGS, BLOCK_C), TOTAL)
    for step in range(0, tl.max(end - begin, 0)):
        entry = begin + step
        more = entry < end
        row = tl.load(index + entry, mask=more, other=0).to(tl.int64)
        factor = tl.load(weight + entry, mask=more, other=0.0).to(TOTAL)
        place = rows + row[:, None] * C + channel[None, :]
        total += factor[:, None] * tl.load(place, mask=more[:, None] & inside, other=0.0).to(TOTAL)
    tl.store(out + bag[:, None] * C + channel[None, :], total, mask=(bag < bags)[:, None] & inside)


def bag_sum(rows: Tensor, index: Tensor, weight: Tensor, offset: Tensor) -> Tensor:
    """Weighted sums of rows, without gradient: that is the same sum with the roles of rows and bags exchanged.

    Args:
        rows: (R, C) of any floating type.
        index: row of every entry, (L,) int64 or int32 in [0, R).
        weight: of every entry, (L,) fp32.
        offset: (bags + 1,) int64, ascending: bag i holds the entries offset[i] to offset[i + 1] - 1. Entries from
            offset[-1] on are padding: neither they nor their rows are read.

    Returns:
        (bags, C) of the rows' type; entries are added in order, in fp32 (in fp64 where the rows are). Empty bags
        are 0.
    """
    return _bag_sum(rows.detach(), index, weight.detach(), offset)


@torch.library.custom_op(
    "tcformer::triton_bag_sum",
    mutates_args=(),
    schema="(Tensor rows, Tensor index, Tensor weight, Tensor offset) -> Tensor",
)
def _bag_sum(rows: Tensor, index: Tensor, weight: Tensor, offset: Tensor) -> Tensor:
    rows, index, weight, offset = (t.contiguous() for t in (rows, index, weight, offset))
    bags, channels = len(offset) - 1, rows.shape[1]
    out = rows.new_empty((bags, channels))
    width = min(triton.next_power_of_2(channels), WIDEST)
    # Triton launches on the current device, which need not be the tensor's.
    with torch.cuda.device(rows.device) if rows.is_cuda else nullcontext():
        _sum_bags[triton.cdiv(bags, BAGS), triton.cdiv(channels, width)](
            rows, index, weight, offset, out, bags,
            C=channels, BAGS=BAGS, BLOCK_C=width, TOTAL=tl.float64 if rows.dtype == torch.float64 else tl.float32,
            num_warps=max(1, width // CHANNELS_PER_WARP),
        )  # fmt: skip
    return out


@_bag_sum.register_fake
def _(rows: Tensor, index: Tensor, weight: Tensor, offset: Tensor) -> Tensor:
    return rows.new_empty((offset.shape[0] - 1, rows.shape[1]))
