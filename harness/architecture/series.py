"""What has to be known of a series of networks so that its stages can be read off and built otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Stage:
    """One stage of a built network, as found in its modules and in what it returned for one image."""

    grid: tuple[int, int]
    """Height and width of the map on which the stage convolves."""
    tokens: int
    channels: int
    heads: int
    reduction: int
    """Side of the patch of the map that makes one key; 1 for none."""
    expansion: float
    """Hidden width of the MLPs over `channels`."""
    blocks: int
    """Transformer blocks outside of what merges tokens."""
    merging_blocks: int
    """Transformer blocks that are part of a merge at the start of the stage."""


class Series(Protocol):
    """How one family of networks is read and varied."""

    def read(self, network: nn.Module, height: int, width: int) -> list[Stage]:
        """The stages of a network, run once on an image of noise."""
        ...

    def with_depths(self, args: Mapping[str, Any], depths: Sequence[int]) -> dict[str, Any]:
        """The builder's arguments for other numbers of blocks a stage, merging blocks counted."""
        ...

    def set_tokens(self, network: nn.Module, tokens: Sequence[int]) -> None:
        """Change a network so that its stages have these numbers of tokens."""
        ...
