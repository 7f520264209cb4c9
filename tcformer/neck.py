"""MTA, the multi-stage token aggregation neck (paper section 3.4)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from tcformer.blocks import Block, init_weights
from tcformer.tokens import Tokens, token_to_map, token_to_token


class Lateral(nn.Module):
    """1x1 convolution of tokens to the neck's width."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, inputs) to (B, N, outputs)."""
        return F.linear(x, self.conv.weight[:, :, 0, 0], self.conv.bias)


class MTA(nn.Module):
    """Bring the coarser stages' tokens down to the finer ones, level by level.

    Args:
        widths: channels of the stages, finest first.
        channels: the neck's own width.
        heads, mlp_ratio: of its blocks.
        reductions: R of the block of each level but the coarsest; by average pooling.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (64, 128, 320, 512),
        channels: int = 256,
        heads: int = 4,
        mlp_ratio: float = 4,
        reductions: tuple[int, ...] = (8, 4, 2),
    ):
        super().__init__()
        if len(reductions) != len(widths) - 1:
            raise ValueError(f"neck reductions {reductions}: {len(widths) - 1} are needed for {len(widths)} levels")
        self.lateral_convs = nn.ModuleList(Lateral(width, channels) for width in widths)
        self.merge_blocks = nn.ModuleList(
            Block(channels, heads, mlp_ratio, reduction, pool=True) for reduction in reductions
        )
        self.apply(init_weights)

    def levels(self, stages: list[Tokens]) -> list[Tokens]:
        """The aggregated tokens of every level, finest first."""
        levels = [
            tokens.with_features(lateral(tokens.x)) for tokens, lateral in zip(stages, self.lateral_convs, strict=True)
        ]
        for i in reversed(range(len(self.merge_blocks))):
            fine, coarse = levels[i], levels[i + 1]
            down = token_to_token(coarse.x, coarse.assignment, fine.assignment)
            levels[i] = self.merge_blocks[i](fine.with_features(fine.x + down))
        return levels

    def finest(self, stages: list[Tokens]) -> Tensor:
        """The finest level as a map, (B, channels, H/4, W/4): all that the pose head reads."""
        level = self.levels(stages)[0]
        return token_to_map(level.x, level.assignment, level.size)

    def forward(self, stages: list[Tokens]) -> list[Tensor]:
        """Every level as a map, (B, channels, H_s, W_s), finest first."""
        return [token_to_map(level.x, level.assignment, level.size) for level in self.levels(stages)]
