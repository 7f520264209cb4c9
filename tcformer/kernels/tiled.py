"""DPC-KNN in tiles of rows, for the CPU: memory grows with the number of tokens, not with its square.

A token whose nearest denser token is among its k nearest neighbours, or whose nearest centre is, needs no second look
at all others; the rest, a fifth to two thirds, are searched for among all tokens or the centres alone.

Products are made picture by picture, so that a picture's numbers do not depend on what else is in its batch; all else
is done for the rows of as many pictures as make a tile.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    batch, tokens, _ = x.shape
    points = Points(x)
    distance, neighbour = nearest(points, min(k, tokens) - 1)
    near = distance.sum(dim=1) / min(k, tokens)
    density = (-near).exp()
    order = -near  # see plain.peak_scores
    if added is not None:
        order = density = density + added.flatten()
    score = peak_scores(points, density, order, distance, neighbour)
    centre = score.view(batch, tokens).sort(dim=1, descending=True, stable=True).indices[:, :clusters]
    return assign(points, centre, distance, neighbour).view(batch, tokens), centre


class Points:
    """A batch of pictures' tokens, (B, N, C), ready for their squared distances over C.

    |a - b|^2 is |b|^2 - 2ab, a linear layer of a with weights b and biases |b|^2, plus |a|^2, which changes no order
    within a row and is added to what was found. Rows are numbered through the batch, columns within a picture.
    """

    def __init__(self, x: Tensor):
        self.batch, self.tokens, channels = x.shape
        # Centred: less cancellation in the sum. Picture by picture: a sum's order may change with the batch.
        x = torch.stack([(picture - picture.mean(dim=0)) * channels**-0.5 for picture in x])
        self.x = x.flatten(0, 1)
        self.square = self.x.square().sum(dim=1)
        self.rows = self.x * -2
        self.all = self.layers()

    def layers(self, column: Tensor | None = None) -> list[PackedLinear]:
        """For each picture, the layer from rows to their distances, less |a|^2, to its tokens.

        Args:
            column: numbers of the tokens within their pictures, (B, K); None for all.
        """
        x, square = self.x.view(self.batch, self.tokens, -1), self.square.view(self.batch, -1)
        if column is not None:
            x = x.gather(1, column[:, :, None].expand(-1, -1, x.shape[2]))
            square = square.gather(1, column)
        # Packed where a picture takes several tiles: else packing takes longer than it saves.
        pack = self.tokens * x.shape[1] > TILE
        return [PackedLinear(weight, bias, pack) for weight, bias in zip(x, square, strict=True)]

    def tiles(self, columns: int, row: Tensor | None = None) -> Iterator[list[tuple[int, Tensor]]]:
        """Numbers of some rows, cut into tiles: for each tile, pictures with the rows that are of them.

        Args:
            columns: distances in a row; a tile has up to `TILE` of them, or 16 rows.
            row: (R,) ascending; None for all.
        """
        if row is None:
            row = torch.arange(self.batch * self.tokens)
        most = max(16, TILE // columns // 16 * 16)
        tile: list[tuple[int, Tensor]] = []
        free = most
        counts = torch.bincount(row // self.tokens, minlength=self.batch).tolist()
        for picture, rows in enumerate(row.split(counts)):
            if len(rows) > free:  # a picture is cut only where it is larger than a tile, so always in the same way
                if tile:
                    yield tile
                tile, free = [], most
            for part in rows.split(most) if len(rows) else ():
                if len(part) > free:
                    yield tile
                    tile, free = [], most
                tile.append((picture, part))
                free -= len(part)
        if tile:
            yield tile

    def distances(self, layers: list[PackedLinear], tile: list[tuple[int, Tensor]]) -> tuple[Tensor, Tensor]:
        """The tile's rows, (R,), and their distances, less |a|^2, by layers of their pictures, (R, K)."""
        if layers[0].pack:
            found = [layers[picture](self.rows[part]) for picture, part in tile]
            return torch.cat([part for _, part in tile]), torch.cat(found) if len(found) > 1 else found[0]
        row = torch.cat([part for _, part in tile])
        rows = self.rows[row].split([len(part) for _, part in tile])
        out = self.rows.new_empty(len(row), len(layers[0].weight))
        for (picture, _), mine, place in zip(tile, rows, out.split([len(mine) for mine in rows]), strict=True):
            bias = layers[picture].bias
            assert bias is not None
            torch.addmm(bias, mine, layers[picture].weight.T, out=place)
        return row, out


def nearest(points: Points, others: int) -> tuple[Tensor, Tensor]:
    """Squared distances to the nearest other tokens, ascending, and their rows: (B N, others) twice."""
    n = points.tokens
    group = max(1, n // LANES)
    lanes = n // group
    if lanes < others:
        group, lanes = 1, n
    candidates, lane = [], []
    for tile in points.tiles(n):
        row, distance = points.distances(points.all, tile)
        distance[torch.arange(len(row)), row % n] = torch.inf  # not the token itself
        # Lane j holds columns j, j + lanes, j + 2 lanes, ...; what is left over joins the candidates.
        body = distance[:, : group * lanes].unflatten(1, (group, lanes))
        found = _rounds(body.amin(dim=1), others)[1]
        taken = body.gather(2, found[:, None, :].expand(-1, group, -1)).flatten(1)
        candidates.append(torch.cat([taken, distance[:, group * lanes :]], dim=1))
        lane.append(found)
    near, place = smallest(torch.cat(candidates), others)
    near = near.add_(points.square[:, None]).clamp_(min=0)
    turn, inside = (place // others, place % others) if others else (place, place)
    column = torch.where(
        turn < group, turn * lanes + torch.cat(lane).gather(1, inside), place + group * (lanes - others)
    )
    first = torch.arange(len(near)) // n * n  # of the row's picture
    return near, column + first[:, None]


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
    """As `smallest`, by rounds of min, for few of many quicker than topk; overwrites `values`."""
    found, places = [values[:, :0]], [torch.empty(len(values), 0, dtype=torch.int64)]
    for _ in range(count):
        value, place = values.min(dim=1, keepdim=True)
        values.scatter_(1, place, torch.inf)
        found.append(value)
        places.append(place)
    return torch.cat(found, dim=1), torch.cat(places, dim=1)


def peak_scores(points: Points, density: Tensor, order: Tensor, distance: Tensor, neighbour: Tensor) -> Tensor:
    """Scores of all rows, (B N,), as in `plain.peak_scores`.

    Args:
        points: the tokens.
        density: (B N,).
        order: what tells which of two tokens is denser, (B N,).
        distance, neighbour: as `nearest` gives them.
    """
    gap = torch.full_like(density, torch.inf)
    if neighbour.shape[1]:
        gap = torch.where(order[neighbour] > order[:, None], distance, torch.inf).amin(dim=1)
    lone = gap.isinf().nonzero()[:, 0]
    columns = order.view(points.batch, points.tokens)
    for tile in points.tiles(points.tokens, lone):
        row, away = points.distances(points.all, tile)
        denser = columns[row // points.tokens] > order[row, None]
        gap[row] = (away.masked_fill_(~denser, torch.inf).amin(dim=1) + points.square[row]).clamp_(min=0)
    return torch.where(gap.isinf(), torch.inf, gap.sqrt() * density)


def assign(points: Points, centre: Tensor, distance: Tensor, neighbour: Tensor) -> Tensor:
    """The nearest centre of every token, the lower rank of equals, (B N,).

    Args:
        points: the tokens.
        centre: numbers of the centres within their pictures, (B, K).
        distance, neighbour: as `nearest` gives them.
    """
    clusters = centre.shape[1]
    rank = torch.full((points.batch, points.tokens), clusters)
    rank = rank.scatter_(1, centre, torch.arange(clusters).expand_as(centre)).flatten()
    label = rank.clone()
    if neighbour.shape[1]:
        near = rank[neighbour]
        to_centre = torch.where(near < clusters, distance, torch.inf)
        best = to_centre.amin(dim=1, keepdim=True)
        # Only where it is nearer than the last neighbour: behind that, another centre could lie as near.
        sure = (label == clusters) & (best < distance[:, -1:])[:, 0]
        label = torch.where(sure, torch.where(to_centre == best, near, clusters).amin(dim=1), label)
    lone = (label == clusters).nonzero()[:, 0]
    layers = points.layers(centre)
    for tile in points.tiles(clusters, lone):
        row, away = points.distances(layers, tile)
        label[row] = away.min(dim=1).indices
    return label
