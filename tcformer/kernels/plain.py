"""DPC-KNN and attention as they are defined, with all N x N and N x M numbers: what every quicker way is checked
against, and what is exported and traced. Plain operators, no shape that depends on the data."""

from __future__ import annotations

import torch
from torch import Tensor


def dpc_knn(
    x: Tensor, clusters: int, k: int, mask: Tensor | None = None, added: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Cluster tokens; arguments and results as those of `tcformer.kernels.dpc_knn`."""
    distance = squared_distances(x)
    if mask is not None:
        distance = hide_empty(distance, mask)
    return assign(distance, peak_scores(distance, k, mask, added), clusters)


def squared_distances(x: Tensor) -> Tensor:
    """Squared Euclidean distances over C of all pairs, (B, N, C) to (B, N, N); exactly 0 on the diagonal."""
    x = (x - x.mean(dim=1, keepdim=True)) * x.shape[2] ** -0.5  # centred: less cancellation below
    square = x.square().sum(dim=2, keepdim=True)
    distance = (square - 2 * x @ x.mT + square.mT).clamp(min=0)
    return distance.masked_fill(torch.eye(x.shape[1], dtype=torch.bool, device=x.device), 0)


def hide_empty(distance: Tensor, mask: Tensor) -> Tensor:
    """Put empty tokens further from every token than any two tokens of the batch are, by 1.

    Equally far from all centres, they join cluster 0 (as in the published code).
    """
    far = (distance.max().sqrt() + 1).square()
    return torch.where(mask[:, None, :], distance, far)


def peak_scores(distance: Tensor, k: int, mask: Tensor | None = None, added: Tensor | None = None) -> Tensor:
    """How fit each token is to be a centre: density times distance to the nearest denser token.

    Args:
        distance: squared distances, (B, N, N).
        k: neighbours of the density, at most N are taken.
        mask: (B, N), true for real tokens.
        added: (B, N), added to the densities.

    Returns:
        Scores (B, N): at least 0; inf for the densest, whose distance is defined as the largest of all, so that they
        come first in any case; -1 for empty tokens, so that they come last.
    """
    near = distance.topk(min(k, distance.shape[1]), dim=2, largest=False).values.mean(dim=2)
    return scores(distance, near, mask, added)


def scores(distance: Tensor, near: Tensor, mask: Tensor | None = None, added: Tensor | None = None) -> Tensor:
    """As `peak_scores`, from the mean distance of each token to its k nearest neighbours, itself included, (B, N)."""
    density = (-near).exp()
    # Which token is denser is told by the distances: in even parts of a picture densities are 1 less a few roundings.
    order = -near
    if added is not None:
        order = density = density + added
    if mask is not None:
        order = order.masked_fill(~mask, -torch.inf)
    denser = order[:, None, :] > order[:, :, None]
    gap = torch.where(denser, distance, torch.inf).amin(dim=2)
    score = torch.where(gap.isinf(), torch.inf, gap.sqrt() * density)
    return score if mask is None else score.masked_fill(~mask, -1)


def assign(distance: Tensor, score: Tensor, clusters: int) -> tuple[Tensor, Tensor]:
    """Take the tokens of the highest scores as centres, the earlier of equals first; tokens join the nearest centre.

    Args:
        distance: squared distances, (B, N, N).
        score: (B, N).
        clusters: number of clusters K.
    """
    centre = highest(score, clusters)
    # Rows of centres, not columns: the distance to an empty token is far from all, so such tokens join cluster 0.
    return join(distance.gather(1, centre[:, :, None].expand(-1, -1, distance.shape[1])), centre), centre


def highest(score: Tensor, clusters: int) -> Tensor:
    """The tokens of the highest scores, (B, N) to (B, K) in falling order; of equals the earlier comes first."""
    if torch.compiler.is_exporting():
        return score.topk(clusters, dim=1).indices  # ONNX has no stable sort, and its TopK breaks ties by index
    return score.sort(dim=1, descending=True, stable=True).indices[:, :clusters]


def join(distance: Tensor, centre: Tensor) -> Tensor:
    """The nearest centre of every token: distances (B, K, N) from the centres (B, K) to labels (B, N).

    A centre joins itself, also where another centre lies at distance 0.
    """
    rank = torch.arange(centre.shape[1], device=centre.device).expand_as(centre)
    return distance.min(dim=1).indices.scatter(1, centre, rank)


def top_scores(x: Tensor, score: Tensor, clusters: int) -> tuple[Tensor, Tensor]:
    """Centres by a given score, (B, N), and the centre nearest in feature distance for the rest, (B, N, C)."""
    centre = highest(score, clusters)
    x = (x - x.mean(dim=1, keepdim=True)) * x.shape[2] ** -0.5  # centred: less cancellation below
    chosen = x.gather(1, centre[:, :, None].expand(-1, -1, x.shape[2]))
    # |c - x|^2 without the |x|^2, which is the same for all centres.
    return join(chosen.square().sum(dim=2, keepdim=True) - 2 * chosen @ x.mT, centre), centre


def attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Attend; arguments and result as those of `tcformer.kernels.attention`."""
    logits = q * q.shape[3] ** -0.5 @ k.mT
    if bias is not None:
        logits = logits + bias
    return logits.softmax(dim=3) @ v
