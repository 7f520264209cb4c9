"""HRNet, top-down: the highest-resolution branch and a 1x1 convolution (Sun et al., CVPR 2019)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from timm.models.hrnet import HighResolutionNet, cfg_cls
from torch import Tensor, nn

from baselines.head import HeatmapHead, check_input

MODULES = (1, 4, 3)
"""Exchange blocks of stages 2, 3 and 4 in HRNet-w32 and w48 (the paper's section 3, "Instantiation")."""

SMALL: dict[str, Any] = dict(modules=(1, 1, 1), blocks=1, stem_width=16, stage1_width=16, stage1_blocks=1)
"""Sizes of `build_hrnet(..., small=True)`: one of everything, to be trained on a CPU in minutes."""


class HRNet(nn.Module):
    """timm's HRNet without its classifier (`backbone.`) with a `HeatmapHead` of one convolution (`head.`)."""

    def __init__(self, backbone: HighResolutionNet, num_keypoints: int) -> None:
        super().__init__()
        self.backbone = keep_first_branch(backbone)
        width = backbone.stage4_cfg["num_channels"][0]
        self.head = HeatmapHead(width, num_keypoints)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W), H and W multiples of 32, to heat maps (B, K, H/4, W/4); else ValueError."""
        check_input(images)
        (features,) = self.backbone.forward_features(images)
        return self.head(features)


def build_hrnet(width: int | str = 32, num_keypoints: int = 133, *, small: bool = False, **sizes: Any) -> HRNet:
    """HRNet with random weights: nothing is ever downloaded (see `baselines.convert` for weights from files).

    `width` is the channels of the highest-resolution branch (32 and 48 are in the published tables; any other
    positive number works) or the name of a timm HRNet ("hrnet_w18_small"), whose sizes are fixed.
    `small` takes the sizes of `SMALL`, and `sizes` overrides single ones (arguments of `hrnet_config`).

    Raises ValueError for a name that is not known, sizes beside a name, or impossible sizes.
    """
    if isinstance(width, str):
        if width not in cfg_cls:
            raise ValueError(f"HRNet '{width}' is not known (choices: a number, {', '.join(cfg_cls)})")
        if small or sizes:
            given = [*(["small"] if small else []), *sizes]
            raise ValueError(f"HRNet '{width}' has fixed sizes: {', '.join(given)} needs a number as width")
        config = copy.deepcopy(cfg_cls[width])  # some timm versions change what they are given
    else:
        config = hrnet_config(width, **({**SMALL, **sizes} if small else sizes))
    return HRNet(HighResolutionNet(config, head=""), num_keypoints)


def hrnet_config(
    width: int,
    *,
    modules: Sequence[int] = MODULES,
    blocks: int = 4,
    stem_width: int = 64,
    stage1_width: int = 64,
    stage1_blocks: int = 4,
) -> dict[str, Any]:
    """Configuration for timm's `HighResolutionNet`; the defaults are HRNet-w32's and w48's but for `width`.

    Branches have `width` times 1, 2, 4 and 8 channels; `modules` counts the exchange blocks of stages 2, 3
    and 4, `blocks` the residual blocks of a branch in each; `stage1_width` is the inner width of stage 1's
    `stage1_blocks` bottlenecks, a quarter of what they give out; `stem_width` is the first convolution's
    channels (the second one always has 64). Raises ValueError for anything that is not positive.
    """
    if len(modules) != 3 or min(width, *modules, blocks, stem_width, stage1_width, stage1_blocks) < 1:
        raise ValueError(
            "HRNet sizes must be positive, modules three numbers: "
            f"width={width}, modules={tuple(modules)}, blocks={blocks}, stem_width={stem_width}, "
            f"stage1_width={stage1_width}, stage1_blocks={stage1_blocks}"
        )

    def stage(kind: str, num_modules: int, num_blocks: int, channels: tuple[int, ...]) -> dict[str, Any]:
        return dict(
            num_modules=num_modules,
            num_branches=len(channels),
            block_type=kind,
            num_blocks=(num_blocks,) * len(channels),
            num_channels=channels,
            fuse_method="SUM",
        )

    config: dict[str, Any] = {
        "stem_width": stem_width,
        "stage1": stage("BOTTLENECK", 1, stage1_blocks, (stage1_width,)),
    }
    for branches, count in zip((2, 3, 4), modules, strict=True):
        channels = tuple(width * 2**branch for branch in range(branches))
        config[f"stage{branches}"] = stage("BASIC", count, blocks, channels)
    return config


def keep_first_branch(backbone: HighResolutionNet) -> HighResolutionNet:
    """Drop what only feeds the three lower-resolution outputs: the last exchange block's other fusions.

    The pose network never had them (78 parameters and buffers in w32 and w48), so that counts and strict
    loading agree with mmpose's. Changes `backbone` in place and returns it.
    """
    last = backbone.stage4[-1]
    last.fuse_layers = nn.ModuleList([last.fuse_layers[0]])
    return backbone
