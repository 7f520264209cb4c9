"""TCFormer prepared for inference in fp32 on the CPU: the same weights and function, packed and fused.

Each class here is the twin of one in `blocks`, `neck` or `heads`, made from it and checked against it; what has no
twin runs as it is. A prepared model has no parameters, and later changes of the original do not reach it.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcformer.backbone import PatchEmbed
from tcformer.blocks import Attention, Block, Mlp, TokenConv, check_reduction
from tcformer.heads import HeatmapHead
from tcformer.kernels.onednn import PackedConv, PackedLinear, linear
from tcformer.neck import Lateral
from tcformer.tokens import Assignment, Size, Tokens, map_to_token, token_to_map

CHUNK = 256
"""Hidden channels of an MLP on a grid taken at once: what lies between its two linear layers stays in the cache."""


def prepare(model: nn.Module) -> nn.Module:
    """A copy for inference of a TCFormer in fp32 on the CPU; the model is left as it was."""
    twin = copy.deepcopy(model).eval().requires_grad_(False)
    _replace(twin)
    return twin


def _replace(module: nn.Module) -> None:
    for name, child in module.named_children():
        make = TWINS.get(type(child))
        if make is None:
            _replace(child)
        else:
            setattr(module, name, make(child))


class PreparedLinear(nn.Module):
    """Twin of `torch.nn.Linear`."""

    def __init__(self, layer: nn.Linear):
        super().__init__()
        self.layer = PackedLinear(layer.weight, layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C')."""
        return self.layer(x)


class PreparedPatchEmbed(nn.Module):
    """Twin of `backbone.PatchEmbed`."""

    def __init__(self, embed: PatchEmbed):
        super().__init__()
        self.proj = PackedConv.of(embed.proj)
        self.norm = embed.norm

    def forward(self, image: Tensor) -> Tokens:
        """See `backbone.PatchEmbed`."""
        x = self.proj(image)
        size = (x.shape[2], x.shape[3])
        return Tokens(self.norm(x.flatten(2).mT), Assignment.of_grid(size, image.device), size)


class PreparedTokenConv(nn.Module):
    """Twin of `blocks.TokenConv` that is not depthwise."""

    def __init__(self, layer: TokenConv):
        super().__init__()
        self.conv = PackedConv(layer.weight, layer.bias, layer.stride, padding=1)
        self.skip = PackedLinear(layer.skip.weight[:, :, 0])

    def forward(self, x: Tensor, assignment: Assignment, size: Size) -> Tensor:
        """See `blocks.TokenConv`."""
        convolved = map_to_token(self.conv(token_to_map(x, assignment, size)), assignment)
        return self.skip(x, add=convolved)


class PreparedMlp(nn.Module):
    """Twin of `blocks.Mlp`, the residual added."""

    def __init__(self, mlp: Mlp):
        super().__init__()
        conv = mlp.dwconv
        if isinstance(conv, TokenConv):
            skip = conv.skip.weight[:, 0, 0].detach().contiguous()
            weight, bias = conv.weight.detach(), conv.bias.detach()
            # Where tokens are pixels, the skip path is part of the kernel's middle.
            on_grid = weight + F.pad(skip[:, None, None, None], (1, 1, 1, 1))
        else:
            weight, bias, skip = conv.dwconv.weight.detach(), conv.dwconv.get_parameter("bias").detach(), None
            on_grid = weight
        self.skip = skip
        hidden = len(weight)
        self.fc1 = PackedLinear(mlp.fc1.weight, mlp.fc1.bias)
        self.conv = PackedConv(weight, bias, 1, 1, hidden)
        self.fc2 = PackedLinear(mlp.fc2.weight, mlp.fc2.bias)
        self.chunks = []
        for begin in range(0, hidden, CHUNK):
            part = slice(begin, begin + CHUNK)
            self.chunks.append(
                (
                    PackedLinear(mlp.fc1.weight[part], mlp.fc1.bias[part]),
                    PackedConv(on_grid[part], bias[part], 1, 1, len(bias[part]), gelu=True),
                    PackedLinear(mlp.fc2.weight[:, part], mlp.fc2.bias if begin == 0 else None),
                )
            )

    def forward(self, x: Tensor, assignment: Assignment, size: Size, add: Tensor) -> Tensor:
        """(B, N, C) to (B, N, C), `add` added."""
        if assignment.is_map(size):
            for fc1, conv, fc2 in self.chunks:
                image = token_to_map(fc1(x), assignment, size)
                add = fc2(map_to_token(conv(image), assignment), add=add)
            return add
        hidden = self.fc1(x)
        image = self.conv(token_to_map(hidden, assignment, size))
        convolved = map_to_token(image, assignment)
        if self.skip is not None:
            convolved = convolved.addcmul_(hidden, self.skip)
        return self.fc2(torch.ops.aten.gelu_(convolved), add=add)


class PreparedAttention(nn.Module):
    """Twin of `blocks.Attention`, the residual added.

    Where there are few keys, the queries' and the output's linear layers are multiplied into the keys and values
    first: logits are linear in the query, and the output is linear in the values.
    """

    def __init__(self, attention: Attention):
        super().__init__()
        self.plain = attention
        self.heads = attention.heads
        self.q_weight = attention.q.weight.detach().unflatten(0, (self.heads, -1))
        self.q_bias = attention.q.bias.detach().unflatten(0, (self.heads, -1))[:, :, None]
        self.out_weight = attention.proj.weight.detach().unflatten(1, (self.heads, -1)).transpose(0, 1)
        self.q = PackedLinear(attention.q.weight, attention.q.bias)
        self.kv = PackedLinear(attention.kv.weight, attention.kv.bias)
        self.proj = PackedLinear(attention.proj.weight, attention.proj.bias)
        if attention.reduction > 1 and not attention.pool:
            self.sr = PackedConv.of(attention.sr)

    def forward(
        self, query: Tensor, source: Tensor, assignment: Assignment, size: Size, score: Tensor | None, add: Tensor
    ) -> Tensor:
        """See `blocks.Attention`; `add` is added."""
        check_reduction(size, self.plain.reduction)
        if self.plain.reduction > 1:
            source, score = self._reduce(source, assignment, size, score)
        n, m, channels = query.shape[1], source.shape[1], query.shape[2]
        k, v = self.kv(source).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if m * channels + n * m * self.heads < FOLD * n * (channels + m):
            return torch.stack(
                [
                    self._folded(query[b], k[b], v[b], None if score is None else score[b, :, 0], add[b])
                    for b in range(len(query))
                ]
            )
        q = self.q(query).unflatten(2, (self.heads, -1)).transpose(1, 2)
        bias = None if score is None else score.mT[:, None].expand(-1, -1, n, -1)
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.proj(x.transpose(1, 2).flatten(2), add=add)

    def _folded(self, query: Tensor, k: Tensor, v: Tensor, score: Tensor | None, add: Tensor) -> Tensor:
        """One picture: query and add (N, C), k and v (heads, M, d), score (M,)."""
        scale = k.shape[2] ** -0.5
        keys = (k @ self.q_weight).flatten(0, 1).mul_(scale)
        offset = (k @ self.q_bias)[..., 0].mul_(scale)
        if score is not None:
            offset += score
        values = (self.out_weight @ v.mT).transpose(0, 1).flatten(1)
        share = linear(query, keys, offset.flatten()).unflatten(1, (self.heads, -1)).softmax(dim=2)
        return linear(share.flatten(1), values, self.proj.bias, add=add)

    def _reduce(
        self, source: Tensor, assignment: Assignment, size: Size, score: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        image = token_to_map(source, assignment, size)
        image = F.avg_pool2d(image, self.plain.reduction) if self.plain.pool else self.sr(image)
        source = image.flatten(2).mT
        if not self.plain.pool:
            source = self.plain.norm(source)
        if score is not None:
            score = F.avg_pool2d(token_to_map(score, assignment, size), self.plain.reduction).flatten(2).mT
        return source.contiguous(), score


FOLD = 0.85
"""Share of the multiply-adds under which an attention is folded: it has more passes over small matrices."""


class PreparedBlock(nn.Module):
    """Twin of `blocks.Block`."""

    def __init__(self, block: Block):
        super().__init__()
        self.norm1, self.norm2 = block.norm1, block.norm2
        self.attn, self.mlp = PreparedAttention(block.attn), PreparedMlp(block.mlp)

    def forward(self, tokens: Tokens, source: Tokens | None = None, score: Tensor | None = None) -> Tokens:
        """See `blocks.Block`."""
        query = self.norm1(tokens.x)
        keys = query if source is None else self.norm1(source.x)
        assignment = tokens.assignment if source is None else source.assignment
        x = self.attn(query, keys, assignment, tokens.size, score, add=tokens.x)
        return tokens.with_features(self.mlp(self.norm2(x), tokens.assignment, tokens.size, add=x))


class PreparedLateral(nn.Module):
    """Twin of `neck.Lateral`."""

    def __init__(self, lateral: Lateral):
        super().__init__()
        self.layer = PackedLinear(lateral.conv.weight[:, :, 0, 0], lateral.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, inputs) to (B, N, outputs)."""
        return self.layer(x)


class PreparedHead(nn.Module):
    """Twin of `heads.HeatmapHead`."""

    def __init__(self, head: HeatmapHead):
        super().__init__()
        self.weight = head.final_layer.weight.detach().flatten(1).contiguous()
        self.bias = head.final_layer.get_parameter("bias").detach()[:, None]

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, num_keypoints, h, w)."""
        pixels = image.permute(0, 2, 3, 1).flatten(1, 2).contiguous()
        maps = torch.stack([linear(self.weight, picture, None).add_(self.bias) for picture in pixels])
        return maps.unflatten(2, image.shape[2:])


TWINS = {
    nn.Linear: PreparedLinear,
    PatchEmbed: PreparedPatchEmbed,
    TokenConv: PreparedTokenConv,
    Block: PreparedBlock,
    Lateral: PreparedLateral,
    HeatmapHead: PreparedHead,
}
