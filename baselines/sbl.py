"""SimpleBaseline (SBL): a ResNet and three transposed convolutions (Xiao et al., ECCV 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import timm
from torch import Tensor, nn

from baselines.head import HeatmapHead, check_input

DEPTHS = (18, 34, 50, 101, 152)
"""50, 101 and 152 are in the published tables; 18 and 34 serve small stand-ins."""

STAGE_CHANNELS = (64, 128, 256, 512)
"""Widths of a ResNet's stages, before a bottleneck's factor of four (He et al., CVPR 2016, table 1)."""


class SimpleBaseline(nn.Module):
    """timm ResNet (`backbone.`) with a `HeatmapHead` (`head.`)."""

    def __init__(self, backbone: nn.Module, head: HeatmapHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W), H and W multiples of 32, to heat maps (B, K, H/4, W/4); else ValueError."""
        check_input(images)
        return self.head(self.backbone(images))


def build_sbl(
    depth: int = 50,
    num_keypoints: int = 133,
    deconv_channels: Sequence[int] = (256, 256, 256),
    stage_channels: Sequence[int] = STAGE_CHANNELS,
) -> SimpleBaseline:
    """SBL with random weights: nothing is ever downloaded (see `baselines.convert` for weights from files).

    `deconv_channels` needs three entries, so that heat maps have a quarter of the input's size;
    `stage_channels` are the widths of the ResNet's four stages. Narrower ones make a stand-in. The ResNet
    halves in the 3x3 convolution of a block ("pytorch" style), and starts as mmpose's: Kaiming normal, every
    batch norm at one (timm by itself would start a block's last one at zero).

    Raises ValueError for a depth not in `DEPTHS`, a wrong number of widths, or fewer than one key point.
    """
    if depth not in DEPTHS:
        raise ValueError(f"SBL depth {depth} is not known (choices: {', '.join(map(str, DEPTHS))})")
    if len(deconv_channels) != 3 or min(deconv_channels) < 1:
        raise ValueError(f"deconv_channels must be three positive numbers, not {tuple(deconv_channels)}")
    if len(stage_channels) != 4 or min(stage_channels) < 1:
        raise ValueError(f"stage_channels must be four positive numbers, not {tuple(stage_channels)}")
    backbone = timm.create_model(
        f"resnet{depth}",
        pretrained=False,
        num_classes=0,
        global_pool="",
        zero_init_last=False,
        channels=tuple(stage_channels),
    )
    features = stage_channels[-1] * (4 if depth >= 50 else 1)  # bottlenecks give out four times their width
    return SimpleBaseline(backbone, HeatmapHead(features, num_keypoints, deconv_channels))
