"""What reduces the tokens of a TCFormer without CTM, the ablation's baseline: tokens are pixels of a map throughout.

The paper does not say what stands in for CTM (supplementary, section 4); these are two readings of it.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from tcformer.tokens import Tokens, token_to_map


class GridMerge(nn.Module):
    """Halve the map, rounding up, and let its pixels be the tokens; LayerNorm, as after CTM's convolution.

    Args:
        inputs, outputs: channels before and after.
        average: take the mean of each 2x2 pixels and a linear layer, in place of a 3x3 convolution of stride 2 (the
            overlapping patch embedding of PVTv2).
    """

    def __init__(self, inputs: int, outputs: int, average: bool = False):
        super().__init__()
        if average:
            self.proj: nn.Module = nn.Conv2d(inputs, outputs, kernel_size=1)
        else:
            self.proj = nn.Conv2d(inputs, outputs, kernel_size=3, stride=2, padding=1)
        self.average = average
        self.norm = nn.LayerNorm(outputs)

    def forward(self, tokens: Tokens) -> tuple[Tokens, None, None]:
        """The merged tokens; no tokens before merging and no scores: the block that follows attends to its own."""
        image = token_to_map(tokens.x, tokens.assignment, tokens.size)
        if self.average:  # a last row or column without a partner is its own mean
            image = F.avg_pool2d(image, 2, ceil_mode=True)
        image = self.proj(image)
        size = (image.shape[2], image.shape[3])
        return Tokens(self.norm(image.flatten(2).mT), tokens.assignment.of_map(size), size), None, None
