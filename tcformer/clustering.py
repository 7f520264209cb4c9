"""DPC-KNN: clustering of a picture's tokens by density peaks among k nearest neighbours; and centres by a given score.

Source: Du, Ding and Jia 2016 (density peaks with k nearest neighbours), as TCFormer uses it (paper section 3.2); the
other is the paper's ablation CTM-topk (supplementary, section 4).
Nothing here has a gradient. Distances are squared and divided by the number of channels C throughout; the
square root is taken only where its value, and not its order, matters. `kernels` holds the arithmetic.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tcformer import kernels

NEIGHBOURS = 5
"""k of the published models (authors' repository)."""


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

    Equal inputs give equal clusters, bit for bit, alone and in any batch (without noise); ties go to the lower index.
    Features that are not finite give clusters all the same, of no meaning.

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
    _check_clusters(clusters, x.shape[1])
    if k < 1:
        raise ValueError(f"k={k} neighbours: at least 1 is needed")
    added = None
    if noise > 0:
        added = noise * torch.rand(x.shape[:2], generator=generator, device=x.device)
    with torch.autocast(x.device.type, enabled=False):
        return Clusters(*kernels.dpc_knn(x, clusters, k, None if mask is None else mask.bool(), added))


@torch.no_grad()
def top_scores(x: Tensor, score: Tensor, clusters: int) -> Clusters:
    """Cluster tokens around those of the highest scores, numbered by rank; ties go to the lower index.

    Every other token joins the centre that is nearest in features, as in `dpc_knn`: only the choice of the centres
    differs.

    Args:
        x: features, (B, N, C). Half precision is raised to fp32, double stays.
        score: of every token, (B, N).
        clusters: number of clusters K, 1 to N.

    Raises:
        ValueError: where `clusters` is out of range.
    """
    _check_clusters(clusters, x.shape[1])
    with torch.autocast(x.device.type, enabled=False):
        return Clusters(*kernels.plain.top_scores(kernels.raised(x), score, clusters))


def _check_clusters(clusters: int, tokens: int) -> None:
    if not 1 <= clusters <= tokens:
        raise ValueError(f"clusters={clusters} must lie between 1 and the number of tokens, {tokens}")
