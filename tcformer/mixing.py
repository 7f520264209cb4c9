"""Weighted sums between two groupings of the same cells: the one operation behind every token transfer.

Tokens and pixels are both groups of the initial grid's cells. A transfer gives each target group the weighted mean,
over its cells, of the features of the source groups that hold those cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

EPSILON = 1e-6
"""Added to every mean's divisor (authors' repository)."""

DENSE_PER_CELL = 12
"""A transfer is a dense matrix where that has at most so many entries per cell, else sums over bags of cells.

Measured on CPU; a matrix product does about thirteen multiply-adds in the time of one indexed one."""


def _once(make: Callable[[Any], Any]) -> property:
    """A property made on first use and kept: `functools.cached_property` less its lock, which stops torch.compile."""
    name = f"_{make.__name__}"

    def get(self: Any) -> Any:
        if not hasattr(self, name):
            setattr(self, name, make(self))
        return getattr(self, name)

    return property(get, doc=make.__doc__)


class Groups:
    """A partition of each picture's cells into `count` numbered groups.

    Args:
        index: group of every cell, (B, cells) int64 in [0, count); B = 1 where all pictures share it.
        count: number of groups; some may be empty.
        identity: whether group i is cell i, for all i.
    """

    def __init__(self, index: Tensor, count: int, identity: bool = False):
        self.index = index
        self.count = count
        self.identity = identity

    @classmethod
    def cells(cls, count: int, device: torch.device) -> Groups:
        """Every cell a group of its own."""
        return cls(torch.arange(count, device=device)[None], count, identity=True)

    @_once
    def size(self) -> Tensor:
        """Cells in each group, (B, count) int64."""
        return _totals(self.index, torch.ones_like(self.index), self.count)

    @_once
    def order(self) -> Tensor:
        """The cells sorted by group, (B, cells) int64."""
        return self.index if self.identity else self.index.argsort(dim=1, stable=True)

    @_once
    def start(self) -> Tensor:
        """Where each group begins in `order`, (B, count) int64."""
        return self.size.cumsum(dim=1) - self.size


def _totals(index: Tensor, values: Tensor, count: int) -> Tensor:
    """Sum of the values of each index, in the order of the cells: (B, cells) twice to (B, count)."""
    batch = len(index)
    flat = (index + count * torch.arange(batch, device=index.device)[:, None]).flatten()
    return values.new_zeros(batch * count).index_add_(0, flat, values.flatten()).view(batch, count)


class Mixer:
    """The linear map from features of `source` groups to those of `target` groups.

    Target t becomes sum over its cells i of w_i x[source of i] / (sum of w_i + EPSILON), or the plain sum where
    `mean` is false. Weights and groups are constants for the gradient.

    Args:
        source, target: groupings of the same cells.
        weight: (B or 1, cells), or None for ones.
        mean: whether to divide by the sum of the weights.

    What the map needs is made on first use and kept: the same mixer serves all blocks of a stage.
    """

    def __init__(self, source: Groups, target: Groups, weight: Tensor | None = None, mean: bool = True):
        self.source = source
        self.target = target
        self.weight = weight
        self.mean = mean
        self.dense = source.count * target.count <= DENSE_PER_CELL * source.index.shape[1]
        self._bags: dict[tuple[int, bool], tuple[Tensor, Tensor, Tensor]] = {}

    def __call__(self, x: Tensor) -> Tensor:
        """Mix features, (B, source.count, C) to (B, target.count, C)."""
        if self.dense:
            return self.matrix.to(x.dtype) @ x
        bags = self.bags(len(x), forward=True)
        if torch.is_grad_enabled():
            return _BagSum.apply(x, *bags, *self.bags(len(x), forward=False))
        return _bag_sum(x, *bags)  # also the only way that torch.jit's tracer, hence fvcore, can follow

    @_once
    def batch(self) -> int:
        """B, or 1 where neither the groups nor the weights differ between pictures."""
        return max(len(self.source.index), len(self.target.index), 1 if self.weight is None else len(self.weight))

    @_once
    @torch.no_grad()
    def coefficient(self) -> Tensor:
        """Weight of every cell in its target, divided where `mean`; (B or 1, cells) fp32."""
        index = self.target.index
        if self.weight is None:
            if not self.mean:
                return torch.ones_like(index, dtype=torch.float32)
            return (self.target.size + EPSILON).reciprocal().gather(1, index)
        if not self.mean:
            return self.weight
        batch = max(len(index), len(self.weight))
        index, weight = index.expand(batch, -1), self.weight.expand(batch, -1)
        return weight / (_totals(index, weight, self.target.count) + EPSILON).gather(1, index)

    @_once
    @torch.no_grad()
    def matrix(self) -> Tensor:
        """The map as a matrix, (B or 1, target.count, source.count) fp32."""
        batch, rows, columns = self.batch, self.target.count, self.source.count
        place = (self.target.index * columns + self.source.index).expand(batch, -1)
        return _totals(place, self.coefficient.expand(batch, -1), rows * columns).view(batch, rows, columns)

    def bags(self, batch: int, forward: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Rows to add up for each target (or, backward, for each source): row numbers, weights, bag starts.

        Rows are numbered through the whole batch of `batch` pictures.
        """
        key = (batch, forward)
        if key not in self._bags:
            self._bags[key] = self._make_bags(batch, forward)
        return self._bags[key]

    @torch.no_grad()
    def _make_bags(self, batch: int, forward: bool) -> tuple[Tensor, Tensor, Tensor]:
        rows, bag = (self.source, self.target) if forward else (self.target, self.source)
        picture = torch.arange(batch, device=rows.index.device)[:, None]
        order = bag.order.expand(batch, -1)
        index = rows.index.expand(batch, -1).gather(1, order) + picture * rows.count
        weight = self.coefficient.expand(batch, -1).gather(1, order)
        start = bag.start + picture * rows.index.shape[1]
        return index.flatten(), weight.flatten(), start.flatten()


class _BagSum(torch.autograd.Function):
    """Sums over bags, whose gradient is of the same kind with source and target changing places.

    Both directions gather: no write conflicts, and the order of adding is not left to chance.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, *bags: Tensor) -> Tensor:
        ctx.save_for_backward(*bags[3:])
        return _bag_sum(x, *bags[:3])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return _bag_sum(grad, *ctx.saved_tensors), *[None] * 6


def _bag_sum(x: Tensor, index: Tensor, weight: Tensor, start: Tensor) -> Tensor:
    """(B, S, C) to (B, T, C), for B T bags of the B S rows."""
    batch, _, channels = x.shape
    rows = x.reshape(-1, channels).contiguous()
    out = F.embedding_bag(index, rows, start, mode="sum", per_sample_weights=weight.to(x.dtype))
    return out.view(batch, -1, channels)
