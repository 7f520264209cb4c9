"""The TCFormer series: its stages as modules and tensors have them, whatever it was meant to be built with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from harness.architecture.series import Stage
from harness.errors import UserError
from tcformer.backbone import STAGES, Backbone
from tcformer.blocks import Block
from tcformer.ctm import CTM


class TCFormerSeries:
    """Reads and varies a `tcformer.Backbone`, the ImageNet classifier among them."""

    def read(self, network: nn.Module, height: int, width: int) -> list[Stage]:
        """The four stages of a backbone. Raises UserError for another network or blocks that differ in a stage."""
        if not isinstance(network, Backbone):
            raise UserError(f"{type(network).__name__} is no TCFormer backbone: its stages cannot be read")
        image = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            found = network.eval().stages(image)
        stages = []
        for number, tokens in enumerate(found, 1):
            blocks = list(network.get_submodule(f"block{number}").children())
            # The first block of a stage after a CTM is the CTM's own: its keys are the tokens before the merge.
            merging = int(hasattr(network, f"ctm{number - 1}"))
            settings = {_settings(block) for block in blocks}
            if len(settings) != 1:
                raise UserError(f"the blocks of stage {number} differ: {sorted(settings)}")
            heads, reduction, expansion = settings.pop()
            stages.append(Stage(tokens.size, tokens.x.shape[1], tokens.x.shape[2], heads, reduction, expansion,
                                len(blocks) - merging, merging))
        return stages

    def with_depths(self, args: Mapping[str, Any], depths: Sequence[int]) -> dict[str, Any]:
        """The builder's arguments with `depths`, the CTMs' blocks counted."""
        return {**args, "depths": tuple(depths)}

    def set_tokens(self, network: nn.Module, tokens: Sequence[int]) -> None:
        """Let each CTM keep as many tokens as stages 2 to 4 are to have; the maps stay as they are."""
        for number in range(1, STAGES):
            merge = network.get_submodule(f"ctm{number}")
            assert isinstance(merge, CTM)
            merge.ratio = tokens[number] / tokens[number - 1]


def _settings(block: nn.Module) -> tuple[int, int, float]:
    """Heads, reduction and expansion of a block, the latter two from its layers."""
    assert isinstance(block, Block)
    reducing = getattr(block.attn, "sr", None)
    hidden = block.mlp.fc1
    return block.attn.heads, reducing.stride[0] if reducing else 1, hidden.out_features / hidden.in_features


TCFORMER = TCFormerSeries()
