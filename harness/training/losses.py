"""Losses on heat maps, and how each one's outputs become heat maps to decode."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor


def mse_loss(maps: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean squared error over B x K heat maps (B, K, h, w), a scalar.

    Every map counts in the mean, also those of weight 0, as in mmpose (JointsMSELoss, KeypointMSELoss).
    `weight` (B, K).
    """
    return ((maps.float() - target).square().mean(dim=(2, 3)) * weight).mean()


def cross_entropy_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy of the softmax over each map (B, K, h, w) against its target scaled to sum 1, a scalar.

    The mean is over the labelled points of the batch (weights (B, K) as counts); a target without any mass,
    just outside of the map, counts as not labelled. 0, with a gradient of 0, where nothing is labelled.
    """
    flat = target.flatten(2)
    mass = flat.sum(dim=-1)
    weight = weight * (mass > 0)
    logp = logits.float().flatten(2).log_softmax(dim=-1)
    each = -(flat * logp).sum(dim=-1) / mass.clamp_min(1e-12)
    return (each * weight).sum() / weight.sum().clamp_min(1)


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "mse": mse_loss,
    "cross_entropy": cross_entropy_loss,
}
"""By the name of `target.loss`: (output, target, weight) -> scalar."""


def to_heatmap(output: Tensor, loss: str, sigma: float) -> Tensor:
    """Network output (B, K, h, w) as float32 heat maps in which an ideal answer has peak 1.

    mse: as it is. cross_entropy: the softmax times 2 pi sigma^2, the mass of a Gaussian with peak 1, so that
    scores and the visibility threshold mean the same. Answers sharper than the target are scaled down to peak
    1; cutting them off instead would leave a plateau without a maximum.
    """
    output = output.float()
    if loss == "mse":
        return output
    maps = output.flatten(2).softmax(dim=-1) * (2 * math.pi * sigma**2)
    return (maps / maps.amax(dim=-1, keepdim=True).clamp_min(1)).view_as(output)
