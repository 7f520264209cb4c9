"""The TCFormer series: variants, the pose model and the ImageNet classifier."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from tcformer.backbone import Backbone
from tcformer.blocks import init_weights
from tcformer.heads import HeatmapHead
from tcformer.neck import MTA

VARIANTS: dict[str, tuple[int, int, int, int]] = {
    "tcformer_light": (2, 2, 2, 2),
    # Table S1 prints 3, 2, 5, 2, with the CTMs' blocks 3/3/6/3: 24,991,083 parameters with an ImageNet head. The
    # 25.6M that the paper gives for it, and the released weights (25,594,731), have one block more in stage 2.
    "tcformer": (3, 4, 6, 3),
    "tcformer_large": (3, 8, 27, 3),
}
"""Blocks of the four stages, the one inside each CTM counted; all else is the same in the whole series (Table S1)."""


class PoseModel(nn.Module):
    """Backbone, neck and heat-map head; the state's prefixes are those of the authors' checkpoints."""

    def __init__(self, backbone: Backbone, neck: MTA, keypoint_head: HeatmapHead):
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.keypoint_head = keypoint_head

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to heat maps, (B, K, ceil(H/4), ceil(W/4))."""
        return self.keypoint_head(self.neck.finest(self.backbone(image)))


def build_pose_model(
    variant: str = "tcformer_large",
    num_keypoints: int = 133,
    *,
    neck_channels: int = 256,
    neck_heads: int = 4,
    neck_mlp_ratio: float = 4,
    neck_reductions: tuple[int, ...] = (8, 4, 2),
    **backbone: Any,
) -> PoseModel:
    """A pose model with initial weights.

    Args:
        variant: a name of `VARIANTS`; it sets the depths.
        num_keypoints: heat maps K.
        neck_channels, neck_heads, neck_mlp_ratio, neck_reductions: of the MTA neck.
        backbone: settings of `Backbone` to be changed: widths, heads, mlp_ratios, reductions, depths,
            drop_path_rate, density_noise, in_chans, k, merge.

    Raises:
        ValueError: for an unknown variant or setting.
    """
    if variant not in VARIANTS:
        raise ValueError(f"unknown TCFormer variant '{variant}' (choices: {', '.join(VARIANTS)})")
    settings: dict[str, Any] = {"depths": VARIANTS[variant], **backbone}
    try:
        body = Backbone(**settings)
    except TypeError as error:
        raise ValueError(f"TCFormer variant '{variant}': {error}") from error
    neck = MTA(body.widths, neck_channels, neck_heads, neck_mlp_ratio, neck_reductions)
    return PoseModel(body, neck, HeatmapHead(neck_channels, num_keypoints))


class Classifier(Backbone):
    """TCFormer for ImageNet: mean over stage 4's tokens, then a linear layer; the backbone's keys stay bare.

    Args:
        num_classes: outputs; 0 for the mean itself.
        backbone: settings of `Backbone`.
    """

    def __init__(self, num_classes: int = 1000, **backbone: Any):
        super().__init__(**backbone)
        self.num_features = self.head_hidden_size = self.widths[-1]
        self.reset_classifier(num_classes)

    def get_classifier(self) -> nn.Module:
        """The last layer (timm's interface)."""
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the last layer (timm's interface). The pooling is always the mean: `global_pool` None or 'avg'."""
        if global_pool not in (None, "avg"):
            raise ValueError(f"global_pool='{global_pool}': TCFormer has 'avg' only")
        self.num_classes = num_classes
        self.head = nn.Linear(self.num_features, num_classes) if num_classes > 0 else nn.Identity()
        self.head.apply(init_weights)

    def forward_features(self, image: Tensor) -> Tensor:
        """(B, in_chans, H, W) to stage 4's tokens, (B, N, C)."""
        return self.stages(image)[-1].x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """(B, N, C) to (B, num_classes), or to (B, C) with `pre_logits`."""
        x = x.mean(dim=1)
        return x if pre_logits else self.head(x)

    def forward(self, image: Tensor) -> Tensor:
        """(B, in_chans, H, W) to logits, (B, num_classes)."""
        return self.forward_head(self.forward_features(image))
