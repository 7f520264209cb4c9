"""Weighted sums between two groupings of the same cells: the one operation behind every token transfer.

Tokens and pixels are both groups of the initial grid's cells. A transfer gives each target group the weighted mean,
over its cells, of the features of the source groups that hold those cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tcformer import kernels

EPSILON = 1e-6
"""Added to every mean's divisor (authors' repository)."""


def _once(make: Callable[[Any], Any]) -> property:
    """A property without gradient, made on first use and kept.

    Not `functools.cached_property`, whose lock stops torch.compile, as does `torch.no_grad` as a decorator.
    """
    name = f"_{make.__name__}"

    def get(self: Any) -> Any:
        if not hasattr(self, name):
            with torch.no_grad():
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
        """Cells in each group, (B, count) fp32."""
        return totals(self.index, torch.ones_like(self.index, dtype=torch.float32), self.count)


def totals(index: Tensor, values: Tensor, count: int) -> Tensor:
    """Sum of the values of each index, in the order of the cells: (B, cells) twice to (B, count)."""
    batch = len(index)
    flat = (index + count * torch.arange(batch, device=index.device)[:, None]).flatten()
    return values.new_zeros(batch * count).index_add_(0, flat, values.flatten()).view(batch, count)


class Bags(NamedTuple):
    """Which rows to add up, with which weight, for each of a batch's B T targets."""

    row: Tensor
    """Row numbers, counted through the whole batch, (L,) int64; L is at most B cells, whatever is used of it."""
    weight: Tensor
    """(L,) fp32."""
    offset: Tensor
    """Bag i is the entries offset[i] to offset[i + 1] - 1, (B T + 1,) int64; what comes after the last is padding."""


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
        self._bags: dict[tuple[int, bool], Bags] = {}
        self._pairs: dict[tuple[int, bool], Pairs] = {}
        self._way = True

    def opposite(self) -> Mixer:
        """The map from target to source, with weights of its own: without `weight`, both share the sorted pairs."""
        other = Mixer(self.target, self.source, self.weight, self.mean)
        other._pairs, other._way = self._pairs, not self._way
        return other

    def __call__(self, x: Tensor) -> Tensor:
        """Mix features, (B, source.count, C) to (B, target.count, C)."""
        if kernels.plain_only(traceable=True):
            return self.matrix.to(x.dtype) @ x
        forward = self.bags(len(x), True)
        if torch.is_grad_enabled():
            return _BagSum.apply(x, *forward, *self.bags(len(x), False))
        return _bag_sum(x, *forward)

    @_once
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
        return weight / (totals(index, weight, self.target.count) + EPSILON).gather(1, index)

    @_once
    def matrix(self) -> Tensor:
        """The map as a matrix, (B or 1, target.count, source.count) fp32: the plain twin of `bags`."""
        rows, columns = self.target.count, self.source.count
        place = self.target.index * columns + self.source.index
        batch = max(len(place), len(self.coefficient))
        place, weight = place.expand(batch, -1), self.coefficient.expand(batch, -1)
        return totals(place, weight, rows * columns).view(batch, rows, columns)

    def bags(self, batch: int, forward: bool) -> Bags:
        """Source rows of each target or, backward, target rows of each source, for a batch of so many pictures."""
        key = (batch, forward)
        if key not in self._bags:
            with torch.no_grad():
                self._bags[key] = self._make_bags(batch, forward)
        return self._bags[key]

    def _make_bags(self, batch: int, forward: bool) -> Bags:
        rows, bag = (self.source, self.target) if forward else (self.target, self.source)
        if self.weight is not None:  # cells of one pair may differ in weight: each is an entry of its own
            key, order = sorted_cells(rows, bag, batch)
            row, owner = _of_key(key, rows, bag)
            weight = self.coefficient.expand(batch, -1).flatten()[order]
            return Bags(row, weight, _offsets(owner, torch.ones_like(owner), batch * bag.count))
        way = (batch, forward == self._way)
        if way not in self._pairs:
            self._pairs[way] = merged_pairs(rows, bag, batch)
        pairs = self._pairs[way]
        if not self.mean:
            return Bags(pairs.row, pairs.cells, pairs.offset)
        divisor = (self.target.size + EPSILON).expand(batch, -1).flatten()
        return Bags(pairs.row, pairs.cells / divisor[pairs.owner if forward else pairs.row], pairs.offset)


class Pairs(NamedTuple):
    """The pairs of groups that share cells, sorted by the bag: a half to a twentieth of the cells where groups are
    regions."""

    row: Tensor
    """Groups to be read, numbered through the batch, (L,) int64: the pairs and, where shapes must be static, padding
    up to L = B cells."""
    owner: Tensor
    """Bags, numbered through the batch, (L,) int64."""
    cells: Tensor
    """Cells that the pair shares, (L,) fp32; 0 for padding."""
    offset: Tensor
    """As in `Bags`."""


def pair_keys(rows: Groups, bag: Groups, batch: int) -> Tensor:
    """A number for the pair of groups of every cell, by bag and then by row: (B cells,) int64."""
    picture = torch.arange(batch, device=bag.index.device)[:, None]
    return ((bag.index + picture * bag.count) * rows.count + rows.index).flatten()


def sorted_cells(rows: Groups, bag: Groups, batch: int) -> tuple[Tensor, Tensor]:
    """Pairs of groups of all cells, as `pair_keys` numbers them, in ascending order, and the cells in that order."""
    key = pair_keys(rows, bag, batch)
    # Key and cell in one number: equal keys stay in the order of their cells, and only one array is sorted.
    both = kernels.sort_keys(key * len(key) + torch.arange(len(key), device=key.device))
    return both // len(key), both % len(key)


def _of_key(key: Any, rows: Groups, bag: Groups) -> tuple[Any, Any]:
    """Row and bag of keys, numbered through the batch; of a tensor or an array."""
    owner = key // rows.count
    return key - (owner - owner // bag.count) * rows.count, owner


def _offsets(owner: Tensor, entries: Tensor, bags: int) -> Tensor:
    offset = entries.new_zeros(bags + 1)
    offset[1:] = entries.new_zeros(bags).index_add_(0, owner, entries).cumsum(0)
    return offset


def merged_pairs(rows: Groups, bag: Groups, batch: int) -> Pairs:
    """Sort the cells of `batch` pictures by pairs of groups, and take each pair once."""
    key = kernels.sort_keys(pair_keys(rows, bag, batch))
    return (short_pairs if kernels.by_numpy(key) else padded_pairs)(key, rows, bag, batch)


def padded_pairs(key: Tensor, rows: Groups, bag: Groups, batch: int) -> Pairs:
    """The pairs of sorted keys, static in their shapes: for graphs, and without a wait for the device."""
    row, owner = _of_key(key, rows, bag)
    first = torch.ones_like(key)
    first[1:] = key[1:] != key[:-1]
    offset = _offsets(owner, first, batch * bag.count)
    place = first.cumsum(0) - 1
    cells = key.new_zeros(key.shape, dtype=torch.float32).index_add_(0, place, first.new_ones(first.shape).float())
    zero = torch.zeros_like(row)
    return Pairs(zero.scatter(0, place, row), zero.scatter(0, place, owner), cells, offset)


def short_pairs(key: Tensor, rows: Groups, bag: Groups, batch: int) -> Pairs:
    """The pairs of sorted keys, and no padding: few numbers where groups are regions, on the CPU."""
    ordered = key.numpy()
    start = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    row, owner = _of_key(ordered[start], rows, bag)  # NumPy divides whole arrays by one number several times as fast
    cells = np.diff(start, append=len(ordered)).astype(np.float32)
    offset = np.searchsorted(owner, np.arange(batch * bag.count + 1))
    return Pairs(*(torch.from_numpy(part) for part in (row, owner, cells, offset)))


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


def _bag_sum(x: Tensor, index: Tensor, weight: Tensor, offset: Tensor) -> Tensor:
    """(B, S, C) to (B, T, C), for B T bags of the B S rows."""
    rows = x.reshape(-1, x.shape[2]).contiguous()
    return kernels.bag_sum(rows, index, weight, offset).view(len(x), -1, x.shape[2])
