"""DPC-KNN in tiles of rows, for the CPU: memory grows with the number of tokens, not with its square.

A token whose nearest denser token is among its k nearest neighbours, or whose nearest centre is, needs no second look
at all others; the rest, a fifth to a third, are searched for among the denser tokens or the centres alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tcformer.kernels.onednn import PackedLinear

TILE = 2**20
"""Distances of one tile, 4 MiB in fp32."""

LANES = 96
"""Lanes of `nearest`, about: minima that are looked at one by one."""

GROUP = 8
"""Columns in a lane of `smallest`."""

FEW = 64
"""Up to so many columns `smallest` looks at each."""


def dpc_knn(x: Tensor, clusters: int, k: int, added: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Cluster tokens; arguments and results as those of `tcformer.kernels.dpc_knn`, without a mask."""
    # Picture by picture: a picture's numbers do not depend on what else is in its batch.
    found = [_cluster(tokens, clusters, k, None if added is None else added[b]) for b, tokens in enumerate(x)]
    label, centre = zip(*found, strict=True)
    return torch.stack(label), torch.stack(centre)


def _cluster(x: Tensor, clusters: int, k: int, added: Tensor | None) -> tuple[Tensor, Tensor]:
    points = Points(x)
    distance, neighbour = nearest(points, min(k, len(x)) - 1)
    density = (-distance.sum(dim=1) / min(k, len(x))).exp()
    if added is not None:
        density = density + added
    score = peak_scores(points, density, distance, neighbour)
    centre = score.sort(descending=True, stable=True).indices[:clusters]
    return assign(points, centre, distance, neighbour), centre


class Points:
    """One picture's tokens, (N, C), as the two factors of their squared distances over C.

    |a - b|^2 is |b|^2 - 2ab, a linear layer of a with weights b and biases |b|^2, plus |a|^2, which changes no order
    within a row and is added to what was found.
    """

    def __init__(self, x: Tensor):
        self.x = (x - x.mean(dim=0)) * x.shape[1] ** -0.5  # centred: less cancellation in the sum
        self.square = self.x.square().sum(dim=1)
        self.rows = self.x * -2

    def to(self, columns: Tensor | None = None) -> PackedLinear:
        """From rows to distances less |a|^2 to these tokens, None for all."""
        if columns is None:
            return PackedLinear(self.x, self.square)
        return PackedLinear(self.x[columns], self.square[columns])

    def __len__(self) -> int:
        return len(self.x)

    def tiles(self, rows: int, columns: int) -> list[tuple[int, int]]:
        """Begin and end of the tiles of so many rows, each with so many columns."""
        step = max(16, TILE // max(1, columns) // 16 * 16)
        return [(begin, min(begin + step, rows)) for begin in range(0, rows, step)]


def nearest(points: Points, others: int) -> tuple[Tensor, Tensor]:
    """Squared distances to the nearest other tokens, ascending, and their numbers: (N, others) twice."""
    n = len(points)
    group = max(1, n // LANES)
    lanes = n // group
    if lanes < others:
        group, lanes = 1, n
    to_all = points.to()
    candidates, lane = [], []
    for begin, end in points.tiles(n, n):
        tile = to_all(points.rows[begin:end])
        tile.diagonal(begin).fill_(torch.inf)
        # Lane j holds columns j, j + lanes, j + 2 lanes, ...; what is left over joins the candidates.
        body = tile[:, : group * lanes].unflatten(1, (group, lanes))
        found = _rounds(body.amin(dim=1), others)[1]
        taken = body.gather(2, found[:, None, :].expand(-1, group, -1)).flatten(1)
        candidates.append(torch.cat([taken, tile[:, group * lanes :]], dim=1))
        lane.append(found)
    distance, place = smallest(torch.cat(candidates), others)
    row, inside = place // others, (place % others) if others else place
    neighbour = row * lanes + torch.cat(lane).gather(1, inside)
    distance = distance.add_(points.square[:, None]).clamp_(min=0)
    return distance, torch.where(row < group, neighbour, place - group * others + group * lanes)


def smallest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` smallest numbers of each row, ascending, and their columns: (R, N) to (R, count) twice.

    They lie in the `count` lanes of the smallest minima, so few numbers are looked at one by one. May overwrite
    `values`.
    """
    width = values.shape[1] // GROUP
    if values.shape[1] <= FEW or width < count:
        return _rounds(values, count)
    group = _rounds(values[:, : GROUP * width].unflatten(1, (GROUP, width)).amin(dim=1), count)[1]
    column = (group[:, None, :] + width * torch.arange(GROUP)[:, None]).flatten(1)
    if GROUP * width < values.shape[1]:
        rest = torch.arange(GROUP * width, values.shape[1]).expand(len(values), -1)
        column = torch.cat([column, rest], dim=1)
    found, place = _rounds(values.gather(1, column), count)
    return found, column.gather(1, place)


def _rounds(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """As `smallest`, by rounds of min; overwrites `values`."""
    found, places = [values[:, :0]], [torch.empty(len(values), 0, dtype=torch.int64)]
    for _ in range(count):
        value, place = values.min(dim=1, keepdim=True)
        values.scatter_(1, place, torch.inf)
        found.append(value)
        places.append(place)
    return torch.cat(found, dim=1), torch.cat(places, dim=1)


def peak_scores(points: Points, density: Tensor, distance: Tensor, neighbour: Tensor) -> Tensor:
    """Scores (N,) as in `plain.peak_scores`, from the densities (N,) and the nearest other tokens."""
    others = torch.where(density[neighbour] > density[:, None], distance, torch.inf)
    gap = others.amin(dim=1) if others.shape[1] else torch.full_like(density, torch.inf)
    sparse, order = density.neg().sort(stable=True)  # the densest first
    lone = order[gap[order].isinf()]
    denser = torch.searchsorted(sparse, density[lone].neg())  # how many tokens are denser, equals not counted
    for begin, end in points.tiles(len(lone), len(points)):
        row, limit = lone[begin:end], denser[begin:end]
        width = int(limit[-1])
        if width:
            tile = points.to(order[:width])(points.rows[row])
            tile.masked_fill_(torch.arange(width) >= limit[:, None], torch.inf)
            gap[row] = (tile.amin(dim=1) + points.square[row]).clamp_(min=0)
    return torch.where(gap.isinf(), torch.inf, gap.sqrt() * density)


def assign(points: Points, centre: Tensor, distance: Tensor, neighbour: Tensor) -> Tensor:
    """The nearest centre of every token, the lower rank of equals: (K,) to (N,).

    Args:
        points: the tokens.
        centre: numbers of the centres.
        distance, neighbour: as `nearest` gives them; (N, 0) where they are not known.
    """
    n, k = len(points), len(centre)
    rank = torch.full((n,), k)
    rank[centre] = torch.arange(k)
    label = rank.clone()
    if distance.shape[1] > 1:
        near = rank[neighbour]
        near_centre = torch.where(near < k, distance, torch.inf)
        best = near_centre.amin(dim=1, keepdim=True)
        # Only where it is nearer than the last neighbour: behind that, another centre could lie as near.
        sure = (label == k) & (best < distance[:, -1:])[:, 0]
        label = torch.where(sure, torch.where(near_centre == best, near, k).amin(dim=1), label)
    lone = (label == k).nonzero()[:, 0]
    to_centre = points.to(centre)
    for begin, end in points.tiles(len(lone), k):
        row = lone[begin:end]
        label[row] = to_centre(points.rows[row]).min(dim=1).indices
    return label
