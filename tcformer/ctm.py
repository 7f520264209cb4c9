"""CTM, the clustering-based token merge at the start of stages 2, 3 and 4 (paper section 3.2)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcformer.blocks import TokenConv
from tcformer.clustering import NEIGHBOURS, Clusters, dpc_knn, top_scores
from tcformer.kernels import raised
from tcformer.mixing import EPSILON, Groups, Mixer
from tcformer.tokens import Tokens

RATIO = 0.25
"""Clusters per token."""


class CTM(nn.Module):
    """Merge tokens into a quarter as many, and halve the map.

    Args:
        inputs, outputs: channels before and after.
        ratio: clusters per token, in (0, 1]; their number is rounded up.
        k: neighbours of the density estimate.
        noise: bound of the density noise, see `clustering.dpc_knn`.
        by_score: CTM-topk (supplementary, section 4): centres are the tokens of the highest scores, which are those
            that weigh the tokens when they merge; without DPC-KNN `k` and `noise` have no effect.
    """

    generator: torch.Generator | None = None
    """Source of the density noise; None is torch's own. Not part of the state dict."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        ratio: float = RATIO,
        k: int = NEIGHBOURS,
        noise: float = 0.0,
        by_score: bool = False,
    ):
        super().__init__()
        self.by_score = by_score
        self.ratio = ratio
        self.k = k
        self.noise = noise
        self.conv = TokenConv(inputs, outputs, stride=2)
        self.norm = nn.LayerNorm(outputs)
        self.score = nn.Linear(outputs, 1)

    def forward(self, tokens: Tokens) -> tuple[Tokens, Tokens, Tensor]:
        """Merge.

        Returns:
            The merged tokens; the tokens before merging, normed, on the same halved map; their scores (B, N, 1).
        """
        convolved = self.conv(tokens.x, tokens.assignment, tokens.size)
        x = self.norm(convolved)
        height, width = tokens.size
        before = Tokens(x, tokens.assignment, (-(-height // 2), -(-width // 2)))
        score = self.score(x)
        clusters = self.cluster(x if x.dtype == raised(x).dtype else self._norm_raised(convolved), score)
        groups = Groups(clusters.label, clusters.centre.shape[1])
        merged, share = merge_features(x, groups, raised(score).exp())
        return Tokens(merged, before.assignment.merged(groups, share), before.size), before, score

    def _norm_raised(self, x: Tensor) -> Tensor:
        """The norm in fp32: features rounded to half precision tie, and ties split clusters anyhow."""
        weight, bias = self.norm.weight.float(), self.norm.bias.float()
        return F.layer_norm(x.detach().float(), self.norm.normalized_shape, weight, bias, self.norm.eps)

    def _score_raised(self, x: Tensor) -> Tensor:
        """The score in the precision of x: scores rounded to half precision tie, and ties go by place."""
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(x.detach(), self.score.weight.to(x.dtype), self.score.bias.to(x.dtype))

    def cluster(self, x: Tensor, score: Tensor) -> Clusters:
        """Cluster normed features, (B, N, C) fp32 or double, into ceil(ratio N) clusters, at least one.

        `score` is that of the tokens, (B, N, 1).
        """
        clusters = math.ceil(x.shape[1] * self.ratio)
        if self.by_score:
            ranked = score if score.dtype == x.dtype else self._score_raised(x)
            return top_scores(x, ranked[..., 0], clusters)
        return dpc_knn(x, clusters, self.k, noise=self.noise, generator=self.generator)


def merge_features(x: Tensor, clusters: Groups, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean of each cluster's tokens.

    Args:
        x: features, (B, N, C).
        clusters: cluster of every token, index (B, N).
        weight: of every token, above 0, (B, N, 1), not in half precision; the gradient reaches it.

    Returns:
        Features of the clusters, (B, K, C), and each token's share in its cluster, (B, N), without gradient.
    """
    add = Mixer(Groups.cells(x.shape[1], x.device), clusters, mean=False)
    total = add(weight) + EPSILON
    merged = (add(raised(x) * weight) / total).to(x.dtype)
    share = weight[..., 0].detach() / total[..., 0].detach().gather(1, clusters.index)
    return merged, share
