"""The flip test: heat maps of the mirrored input, brought back."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def flip_back(maps: Tensor, flip_index: Sequence[int], shift: bool) -> Tensor:
    """Heat maps (B, K, h, w) of mirrored inputs as if the inputs had not been mirrored.

    Mirrored, with left and right swapped by `flip_index` (K). `shift` moves them right by one pixel, the
    first column staying as it is: with the biased crops of mmpose 0.x mirror images are off by one input
    pixel, and this half-repair is part of the published protocol (without it body AP drops by 0.02: HRNet
    issue 22).
    """
    maps = maps.flip(-1)[:, list(flip_index)]
    if shift:
        maps[..., 1:] = maps[..., :-1].clone()
    return maps


def average(maps: Tensor, flipped_back: Tensor) -> Tensor:
    """The mean of both passes, equal shapes."""
    return (maps + flipped_back) * 0.5
