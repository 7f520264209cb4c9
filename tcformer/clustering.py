"""DPC-KNN: clustering of a picture's tokens by density peaks among k nearest neighbours.

Source: Du, Ding and Jia 2016 (density peaks with k nearest neighbours), as TCFormer uses it (paper section 3.2).
Nothing here has a gradient. Distances are squared and divided by the number of channels C throughout; the
square root is taken only where its value, and not its order, matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

NEIGHBOURS = 5
"""k of the published models (authors' repository)."""

CHUNK = {"cpu": 2**20, "default": 2**28}
"""Distances held at once: pictures are clustered in groups of so many. On CPU 4 MiB, about one core's cache."""

GROUP = 8
"""Columns in a group of `_nearest`; 8 to 24 measured alike on CPU."""


class Clusters(NamedTuple):
    """A partition of each picture's N tokens into K clusters, numbered by the rank of their centre's score."""

    label: Tensor
    """Cluster of every token, (B, N) int64 in [0, K)."""
    centre: Tensor
    """Token at the centre of every cluster, (B, K) int64 in [0, N), without repetition."""


@torch.no_grad()
def dpc_knn(
    x: Tensor,
    clusters: int,
    k: int = NEIGHBOURS,
    mask: Tensor | None = None,
    noise: float = 0.0,
    generator: torch.Generator | None = None,
) -> Clusters:
    """Cluster tokens by DPC-KNN.

    Args:
        x: features, (B, N, C). Half precision is raised to fp32, double stays.
        clusters: number of clusters K, 1 to N.
        k: neighbours of the density estimate, the token itself among them; at most N are taken.
        mask: (B, N), true for real tokens and false for empty ones; None where all are real.
        noise: upper bound of the uniform noise added to the densities. The published code adds 1e-6 at every
            forward pass, testing included; 0 (the default) makes equal inputs give equal clusters.
        generator: source of the noise; None is torch's own.

    Raises:
        ValueError: where `clusters` or `k` is out of range.
    """
    tokens = x.shape[1]
    if not 1 <= clusters <= tokens:
        raise ValueError(f"clusters={clusters} must lie between 1 and the number of tokens, {tokens}")
    if k < 1:
        raise ValueError(f"k={k} neighbours: at least 1 is needed")
    found = []
    with torch.autocast(x.device.type, enabled=False):
        for part, real in _groups(x, mask):
            distance = squared_distances(part)
            if real is not None:
                distance = hide_empty(distance, real)
            score = peak_scores(distance, k, real, noise, generator)
            found.append(gather_clusters(distance, score, clusters))
    return Clusters(torch.cat([f.label for f in found]), torch.cat([f.centre for f in found]))


def _groups(x: Tensor, mask: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Split the batch so that a group's distances stay within `CHUNK`.

    A masked batch stays whole: the distance to an empty token is defined over the batch.
    """
    if mask is not None:
        yield x, mask.bool()
        return
    limit = CHUNK.get(x.device.type, CHUNK["default"])
    for part in x.split(max(1, limit // x.shape[1] ** 2)):
        yield part, None


def squared_distances(x: Tensor) -> Tensor:
    """Squared Euclidean distances over C of all pairs, (B, N, C) to (B, N, N); exactly 0 on the diagonal."""
    x = x if x.dtype == torch.float64 else x.float()
    x = (x - x.mean(dim=1, keepdim=True)) * x.shape[2] ** -0.5  # centred: less cancellation below
    square = x.square().sum(dim=2, keepdim=True)
    one = torch.ones_like(square)
    # |a|^2 - 2ab + |b|^2 as a single product: no further pass over the N x N result.
    distance = torch.cat([x * -2, square, one], dim=2) @ torch.cat([x, one, square], dim=2).mT
    distance.clamp_(min=0).diagonal(dim1=1, dim2=2).zero_()
    return distance


def hide_empty(distance: Tensor, mask: Tensor) -> Tensor:
    """Put empty tokens further from every token than any two tokens of the batch are, by 1.

    Equally far from all centres, they join cluster 0 (as in the published code).
    """
    far = (distance.max().sqrt() + 1).square()
    return torch.where(mask[:, None, :], distance, far)


def peak_scores(
    distance: Tensor,
    k: int,
    mask: Tensor | None = None,
    noise: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """How fit each token is to be a centre: density times distance to the nearest denser token.

    Args:
        distance: squared distances, (B, N, N).
        k: neighbours of the density, as in `dpc_knn`; likewise `mask`, `noise` and `generator`.

    Returns:
        Scores (B, N), at least 0; -1 for empty tokens, so that they come last.
    """
    density = (-_nearest(distance, min(k, distance.shape[1])).mean(dim=2)).exp()
    if noise > 0:
        density = density + noise * torch.rand(
            density.shape, generator=generator, device=density.device, dtype=density.dtype
        )
    if mask is not None:
        density = density * mask
    densest = density == density.amax(dim=1, keepdim=True)
    furthest = distance.amax(dim=(1, 2))[:, None]
    score = torch.where(densest, furthest, _gap(distance, density)).sqrt() * density
    return score if mask is None else score.masked_fill(~mask, -1)


def _nearest(distance: Tensor, k: int) -> Tensor:
    """The token's own and the k - 1 smallest other distances of each row, (B, N, N) to (B, N, k), in any order.

    The k - 1 smallest numbers lie in the k - 1 groups of the smallest minima, so few numbers need to be looked at
    one by one: on CPU 1.7 times as quick as topk at N = 768, three times at N = 3072.
    """
    others = k - 1
    width = distance.shape[2] // GROUP
    own = distance.diagonal(dim1=1, dim2=2)
    zero = own.clone()
    own.fill_(torch.inf)  # until the others are found
    if width < others:
        near = distance.topk(others, dim=2, largest=False, sorted=False).values
    else:
        # Group j holds columns j, j + width, j + 2 width, ...; what is left over joins the candidates.
        body = distance[:, :, : GROUP * width]
        lowest = body.unflatten(2, (GROUP, width)).amin(dim=2)
        column = _smallest(lowest, others)[1][..., None] + width * torch.arange(GROUP, device=distance.device)
        candidates = body.gather(2, column.flatten(2))
        near = _smallest(torch.cat([candidates, distance[:, :, GROUP * width :]], dim=2), others)[0]
    own.copy_(zero)
    return torch.cat([zero[..., None], near], dim=2)


def _smallest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` smallest numbers along the last dimension and their places; overwrites `values`.

    Rounds of min: for few numbers quicker than topk.
    """
    found, places = [values[..., :0]], [values.new_zeros(0, dtype=torch.int64).expand(*values.shape[:-1], 0)]
    for _ in range(count):
        value, place = values.min(dim=-1, keepdim=True)
        values.scatter_(-1, place, torch.inf)
        found.append(value)
        places.append(place)
    return torch.cat(found, dim=-1), torch.cat(places, dim=-1)


def _gap(distance: Tensor, density: Tensor) -> Tensor:
    """The smallest distance of each row to a token of strictly higher density, (B, N); any number for the densest
    and for tokens of density 0, whose score is 0 in any case.

    Written with a difference and a maximum, which run some four times as quick on CPU as a comparison and a `where`:
    the number just above the row's own density, minus a token's density, is positive exactly where the token is not
    denser. Times a power of two (hence exactly) it outgrows every distance.
    """
    large = 2.0**120
    above = torch.nextafter(density, torch.full_like(density, torch.inf))
    bar = (above * large)[:, :, None] - (density * large)[:, None, :]
    return torch.maximum(distance, bar, out=bar).amin(dim=2)


def gather_clusters(distance: Tensor, score: Tensor, clusters: int) -> Clusters:
    """Take the tokens of the highest scores as centres; every token joins its nearest centre.

    Any other way of choosing centres (the paper's CTM-topk, say) is another `score`.

    Args:
        distance: squared distances, (B, N, N).
        score: (B, N), finite.
        clusters: number of clusters K.
    """
    batch, tokens = score.shape
    centre = score.topk(clusters, dim=1).indices
    row = centre + tokens * torch.arange(batch, device=centre.device)[:, None]
    label = distance.flatten(0, 1)[row.flatten()].view(batch, clusters, tokens).min(dim=1).indices
    # A centre joins itself, also where another centre lies at distance 0.
    rank = torch.arange(clusters, device=centre.device).expand_as(centre)
    return Clusters(label.scatter_(1, centre, rank), centre)
