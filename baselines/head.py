"""What the baselines share: the heat-map head and the check of the input size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

STRIDE = 32
"""Both backbones halve the image five times; only multiples of it come back as exactly a quarter."""


def check_input(images: Tensor) -> None:
    """Raise ValueError unless `images` is (B, 3, H, W) with H and W positive multiples of 32."""
    if torch.jit.is_tracing():  # shapes are not numbers there
        return
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images must be (B, 3, H, W), not {tuple(images.shape)}")
    height, width = images.shape[-2:]
    if height % STRIDE or width % STRIDE or not height or not width:
        raise ValueError(f"input size {width}x{height} (width x height): both must be multiples of {STRIDE}")


class HeatmapHead(nn.Module):
    """Transposed convolutions, each doubling the size, then a 1x1 convolution to one map a key point.

    Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking" (ECCV 2018), section 2: kernel 4,
    stride 2, batch norm, ReLU. HRNet uses the 1x1 convolution alone (`deconv_channels=()`).

    Takes features (B, C, h, w), returns (B, K, h * 2^n, w * 2^n) for n transposed convolutions.
    """

    def __init__(self, in_channels: int, num_keypoints: int, deconv_channels: Sequence[int] = ()) -> None:
        super().__init__()
        if num_keypoints < 1:
            raise ValueError(f"num_keypoints is {num_keypoints}, must be at least 1")
        layers: list[nn.Module] = []
        for channels in deconv_channels:
            # No bias: the batch norm that follows has one.
            layers += [
                nn.ConvTranspose2d(in_channels, channels, kernel_size=4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            in_channels = channels
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(in_channels, num_keypoints, kernel_size=1)
        self.init_weights()

    def init_weights(self) -> None:
        """Normal weights of standard deviation 0.001 and zero bias, as the original SBL, HRNet and mmpose."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=0.001)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Heat maps, not squashed: trained to lie between 0 and 1, but free to leave that range."""
        return self.final_layer(self.deconv_layers(features))
