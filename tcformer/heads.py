"""The two heads: heat maps for poses, classes for ImageNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn

HEAD_STD = 0.001
"""Deviation of the last layer's initial weights (Simple Baselines, Xiao et al. 2018): heat maps start near 0."""


class HeatmapHead(nn.Module):
    """1x1 convolution from the finest map to one heat map for each key point."""

    def __init__(self, channels: int, num_keypoints: int):
        super().__init__()
        self.final_layer = nn.Conv2d(channels, num_keypoints, kernel_size=1)
        nn.init.normal_(self.final_layer.weight, std=HEAD_STD)
        nn.init.zeros_(self.final_layer.get_parameter("bias"))

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, num_keypoints, h, w)."""
        weight, bias = self.final_layer.weight.flatten(1), self.final_layer.get_parameter("bias")
        # As a product, the maps come out contiguous though `image` has its channels last in memory: losses and
        # decoders run along the maps.
        maps = torch.baddbmm(bias[:, None], weight.expand(len(image), -1, -1), image.flatten(2))
        return maps.unflatten(2, image.shape[2:])
