"""Transformer blocks on tokens: attention with spatial reduction, MLP with a convolution, token convolution.

Paper section 3.3; module names are those of the authors' checkpoints.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from timm.layers import DropPath
from torch import Tensor, nn

from tcformer import kernels
from tcformer.tokens import Assignment, Size, Tokens, map_to_token, token_to_map

BLOCK_EPS = 1e-6
"""LayerNorm's epsilon in the backbone's blocks and after its stages (authors' repository); elsewhere PyTorch's 1e-5."""


class TokenConv(nn.Module):
    """3x3 convolution of tokens: skip(x) + map_to_token(conv(token_to_map(x))).

    The skip path is a 1x1 convolution without bias and with the same groups.

    Args:
        inputs, outputs: channels.
        stride: 1, or 2: the map halves, rounding up, and the tokens stay.
        depthwise: whether each channel is convolved alone (`outputs` is then `inputs`).
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, depthwise: bool = False):
        super().__init__()
        self.stride = stride
        self.groups = inputs if depthwise else 1
        self.weight = nn.Parameter(torch.empty(outputs, inputs // self.groups, 3, 3))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.skip = nn.Conv1d(inputs, outputs, kernel_size=1, bias=False, groups=self.groups)
        self.apply(init_weights)

    def forward(self, x: Tensor, assignment: Assignment, size: Size) -> Tensor:
        """(B, N, inputs) to (B, N, outputs); `size` is the map's, (H_s, W_s), before the stride."""
        image = token_to_map(x, assignment, size)
        if self.groups > 1 and self.stride == 1 and assignment.is_map(size):
            # Tokens are pixels: the skip path is part of the kernel's middle, which saves passes over x.
            kernel = self.weight + F.pad(self.skip.weight[..., None], (1, 1, 1, 1))
            return map_to_token(self._convolve(image, kernel), assignment)
        convolved = map_to_token(self._convolve(image, self.weight), assignment)
        if self.groups == 1:
            return convolved + F.linear(x, self.skip.weight[:, :, 0])
        return torch.addcmul(convolved, x, self.skip.weight[:, 0, 0])

    def _convolve(self, image: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(image, weight, self.bias, self.stride, padding=1, groups=self.groups)


class GridConv(nn.Module):
    """3x3 depthwise convolution of stage 1's tokens, which are the initial grid's cells."""

    def __init__(self, channels: int):
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=channels)

    def forward(self, x: Tensor, assignment: Assignment, size: Size) -> Tensor:
        """(B, N, C) to (B, N, C)."""
        return map_to_token(self.dwconv(token_to_map(x, assignment, size)), assignment)


class Mlp(nn.Module):
    """Linear, depthwise convolution, GELU, linear."""

    def __init__(self, channels: int, hidden: int, on_grid: bool = False):
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.dwconv = GridConv(hidden) if on_grid else TokenConv(hidden, hidden, depthwise=True)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor, assignment: Assignment, size: Size) -> Tensor:
        """(B, N, C) to (B, N, C)."""
        return self.fc2(F.gelu(self.dwconv(self.fc1(x), assignment, size)))


class Attention(nn.Module):
    """Multi-head attention whose keys and values may be reduced on a map first.

    Args:
        channels: C, a multiple of `heads`.
        reduction: R; keys and values come from a map of the queries' map size, R times smaller a side.
        pool: reduce by average pooling alone, in place of an R x R convolution of stride R and a LayerNorm.
    """

    def __init__(self, channels: int, heads: int, reduction: int = 1, pool: bool = False):
        super().__init__()
        if channels % heads:
            raise ValueError(f"width {channels} is not a multiple of heads={heads}")
        self.heads = heads
        self.reduction = reduction
        self.pool = pool
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)
        if reduction > 1 and not pool:
            self.sr = nn.Conv2d(channels, channels, kernel_size=reduction, stride=reduction)
            self.norm = nn.LayerNorm(channels)

    def forward(
        self, query: Tensor, source: Tensor, assignment: Assignment, size: Size, score: Tensor | None
    ) -> Tensor:
        """Attend from tokens to tokens.

        Args:
            query: (B, N, C).
            source: features that keys and values are made of, (B, M, C).
            assignment: of the source's tokens.
            size: the queries' map size.
            score: the source tokens' scores, (B, M, 1), added to the logits; None for none.

        Raises:
            ValueError: where the map is smaller than R: there would be no key.
        """
        check_reduction(size, self.reduction)
        if self.reduction > 1:
            source, score = self._reduce(source, assignment, size, score)
        q = self.q(query).unflatten(2, (self.heads, -1)).transpose(1, 2)
        k, v = self.kv(source).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        bias = None if score is None else score.to(q.dtype).mT[:, None]
        x = kernels.attention(q, k, v, bias)
        return self.proj(x.transpose(1, 2).flatten(2))

    def _reduce(
        self, source: Tensor, assignment: Assignment, size: Size, score: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        image = token_to_map(source, assignment, size)
        image = F.avg_pool2d(image, self.reduction) if self.pool else self.sr(image)
        source = image.flatten(2).mT
        if not self.pool:
            source = self.norm(source)
        if score is not None:
            score = F.avg_pool2d(token_to_map(score, assignment, size), self.reduction).flatten(2).mT
        return source, score


def check_reduction(size: Size, reduction: int) -> None:
    """Raise ValueError where a map holds no patch of `reduction` a side."""
    if min(size) < reduction:
        raise ValueError(
            f"a map of {size[0]} x {size[1]} has no {reduction} x {reduction} patch to make a key of: the image is "
            f"too small (the published models need 29 pixels a side)"
        )


class Block(nn.Module):
    """Pre-norm attention and MLP with residuals and drop path.

    Args:
        channels, heads: of the attention.
        mlp_ratio: the MLP's hidden width over `channels`.
        reduction, pool: see `Attention`.
        drop_path: probability of dropping a branch, 0 to 1.
        eps: of both LayerNorms.
        on_grid: whether the block is one of stage 1 (a plain depthwise convolution in the MLP, no skip path).
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        mlp_ratio: float,
        reduction: int = 1,
        pool: bool = False,
        drop_path: float = 0.0,
        eps: float = 1e-5,
        on_grid: bool = False,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=eps)
        self.attn = Attention(channels, heads, reduction, pool)
        self.norm2 = nn.LayerNorm(channels, eps=eps)
        self.mlp = Mlp(channels, int(channels * mlp_ratio), on_grid)
        self.drop_path = DropPath(drop_path) if drop_path > 0 else nn.Identity()

    def forward(self, tokens: Tokens, source: Tokens | None = None, score: Tensor | None = None) -> Tokens:
        """Update tokens.

        Args:
            tokens: the queries.
            source: tokens of the keys and values, normed by the same `norm1`; None for the queries themselves.
            score: the source's scores, (B, M, 1), or None.
        """
        query = self.norm1(tokens.x)
        keys = query if source is None else self.norm1(source.x)
        assignment = tokens.assignment if source is None else source.assignment
        x = tokens.x + self.drop_path(self.attn(query, keys, assignment, tokens.size, score))
        x = x + self.drop_path(self.mlp(self.norm2(x), tokens.assignment, tokens.size))
        return tokens.with_features(x)


def init_weights(module: nn.Module) -> None:
    """Initial weights of one layer, for `Module.apply` (authors' repository).

    Linear: normal 0.02 cut off at two absolute units, bias 0. Convolutions: normal, sqrt(2 / fan-out), bias 0.
    LayerNorm keeps PyTorch's 1 and 0.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif isinstance(module, nn.Conv1d | nn.Conv2d | TokenConv):
        fan_out = len(module.weight) * module.weight[0, 0].numel() // module.groups
        nn.init.normal_(module.weight, std=(2 / fan_out) ** 0.5)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def drop_path_rates(rate: float, depths: tuple[int, ...]) -> list[list[float]]:
    """Rates rising linearly from 0 at the first block to `rate` at the last, one list a stage."""
    step = rate / max(1, sum(depths) - 1)
    first = [sum(depths[:stage]) for stage in range(len(depths))]
    return [[step * (start + i) for i in range(depth)] for start, depth in zip(first, depths, strict=True)]
