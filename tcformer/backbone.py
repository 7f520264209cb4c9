"""The TCFormer backbone: patch embedding, a stage on the grid, three stages of merged tokens."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tcformer.blocks import BLOCK_EPS, Block, drop_path_rates, init_weights
from tcformer.clustering import NEIGHBOURS
from tcformer.ctm import CTM
from tcformer.grid import GridMerge
from tcformer.tokens import Assignment, Tokens

STAGES = 4

MERGES = ("ctm", "topk", "grid", "average")
"""What reduces the tokens at the start of stages 2, 3 and 4: CTM as published; CTM-topk, whose centres are the tokens
of the highest scores; without CTM, a 3x3 convolution of stride 2 on the grid, or the mean of 2x2 pixels."""

HEAD_WIDTH = 64
"""Channels of an attention head in the whole series (Table S1: 64/1, 128/2, 320/5, 512/8)."""


class PatchEmbed(nn.Module):
    """Overlapping patches: 7x7 convolution of stride 4, LayerNorm."""

    def __init__(self, inputs: int, channels: int):
        super().__init__()
        self.proj = nn.Conv2d(inputs, channels, kernel_size=7, stride=4, padding=3)
        self.norm = nn.LayerNorm(channels)

    def forward(self, image: Tensor) -> Tokens:
        """(B, inputs, H, W) to one token for each cell of the initial grid, ceil(H/4) x ceil(W/4)."""
        x = self.proj(image)
        size = (x.shape[2], x.shape[3])
        return Tokens(self.norm(x.flatten(2).mT), Assignment.of_grid(size, image.device), size)


class Backbone(nn.Module):
    """TCFormer without a head.

    Args:
        widths: channels of the four stages.
        heads: attention heads of each stage; None for one to every 64 channels, at least one (1, 2, 5, 8 as published).
        mlp_ratios: hidden width of the MLPs over the stage's width.
        reductions: R of the attentions of each stage.
        depths: blocks of each stage, the block inside the CTM counted.
        drop_path_rate: of the last block; the rate rises linearly from 0 at the first.
        density_noise: bound of the noise on DPC-KNN's densities; the published code has 1e-6, here it is off.
        in_chans: channels of the image.
        k: neighbours of DPC-KNN's density.
        merge: one of `MERGES`. All else, the block inside CTM included, is the same; "topk" has the same weights as
            "ctm" by name and shape.

    Raises:
        ValueError: where a setting has not four entries, a depth is below 1, `merge` is unknown, or there is density
            noise where `merge` takes no density.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (64, 128, 320, 512),
        heads: tuple[int, ...] | None = None,
        mlp_ratios: tuple[float, ...] = (8, 8, 4, 4),
        reductions: tuple[int, ...] = (8, 4, 2, 1),
        depths: tuple[int, ...] = (3, 4, 6, 3),
        drop_path_rate: float = 0.0,
        density_noise: float = 0.0,
        in_chans: int = 3,
        k: int = NEIGHBOURS,
        merge: str = "ctm",
    ):
        super().__init__()
        if heads is None:
            heads = tuple(max(1, width // HEAD_WIDTH) for width in widths)
        settings = {
            "widths": widths, "heads": heads, "mlp_ratios": mlp_ratios, "reductions": reductions, "depths": depths
        }  # fmt: skip
        for name, values in settings.items():
            if len(values) != STAGES:
                raise ValueError(f"{name}={values}: one entry for each of the {STAGES} stages is needed")
        if min(depths) < 1:
            raise ValueError(f"depths={depths}: every stage needs at least one block")
        if merge not in MERGES:
            raise ValueError(f"unknown merge '{merge}' (choices: {', '.join(MERGES)})")
        if density_noise and merge != "ctm":
            raise ValueError(f"density_noise={density_noise:g}: merge '{merge}' has no densities to add it to")
        self.widths = tuple(widths)
        self.merge = merge
        rates = drop_path_rates(drop_path_rate, tuple(depths))
        for i in range(STAGES):
            blocks = [
                Block(
                    widths[i], heads[i], mlp_ratios[i], reductions[i],
                    drop_path=rate, eps=BLOCK_EPS, on_grid=i == 0,
                )
                for rate in rates[i]
            ]  # fmt: skip
            if i == 0:
                self.patch_embed1 = PatchEmbed(in_chans, widths[0])
            else:
                if merge in ("ctm", "topk"):
                    ctm = CTM(widths[i - 1], widths[i], k=k, noise=density_noise, by_score=merge == "topk")
                    setattr(self, f"ctm{i}", ctm)
                else:
                    setattr(self, f"patch_embed{i + 1}", GridMerge(widths[i - 1], widths[i], merge == "average"))
            setattr(self, f"block{i + 1}", nn.ModuleList(blocks))
            setattr(self, f"norm{i + 1}", nn.LayerNorm(widths[i], eps=BLOCK_EPS))
        self.apply(init_weights)

    def set_noise_generator(self, generator: torch.Generator | None) -> None:
        """Draw the density noise from `generator` (on the model's device) instead of torch's own."""
        for module in self.modules():
            if isinstance(module, CTM):
                module.generator = generator

    def stage(self, number: int, tokens: Tokens) -> Tokens:
        """Run one stage, 1 to 4, on what comes before it: the patch embedding, or the stage before."""
        blocks = list(self.get_submodule(f"block{number}").children())
        if number > 1:
            name = f"ctm{number - 1}" if self.merge in ("ctm", "topk") else f"patch_embed{number}"
            tokens, before, score = self.get_submodule(name)(tokens)
            tokens = blocks.pop(0)(tokens, before, score)
        for block in blocks:
            tokens = block(tokens)
        return tokens.with_features(self.get_submodule(f"norm{number}")(tokens.x))

    def stages(self, image: Tensor) -> list[Tokens]:
        """The tokens of the four stages, (B, in_chans, H, W) to a list of `Tokens`."""
        tokens = self.patch_embed1(image)
        found: list[Tokens] = []
        for number in range(1, STAGES + 1):
            tokens = self.stage(number, tokens)
            found.append(tokens)
        return found

    def forward(self, image: Tensor) -> Any:
        """See `stages`."""
        return self.stages(image)
