"""Tokens of a stage, the grid of cells they come from, and the transfers between tokens and maps.

The initial grid is the H/4 x W/4 map of stage 1. Each of its cells belongs to one token of every stage and to one
pixel of a map of any smaller size; all transfers are means over cells (`mixing.Mixer`). Weights and assignments are
constants for the gradient.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from tcformer.mixing import Groups, Mixer

Size = tuple[int, int]
"""Height and width of a grid or map."""


class Grid:
    """The initial grid of H_init x W_init cells, row by row, and its cells' pixels in smaller maps.

    Lives for one forward pass, so that what it holds is of that pass's device.
    """

    def __init__(self, size: Size, device: torch.device):
        self.size = size
        self.device = device
        self.cells = Groups.cells(size[0] * size[1], device)
        self._pixels: dict[Size, Groups] = {size: self.cells}

    def pixels(self, size: Size) -> Groups:
        """The pixel of each cell in a map: cell (r, c) lies in pixel (floor(r H / H_init), floor(c W / W_init))."""
        if size not in self._pixels:
            (rows, columns), (height, width) = self.size, size
            row = torch.arange(rows, device=self.device) * height // rows
            column = torch.arange(columns, device=self.device) * width // columns
            index = (row[:, None] * width + column).flatten()[None]
            self._pixels[size] = Groups(index, height * width)
        return self._pixels[size]

    def is_map(self, groups: Groups, size: Size) -> bool:
        """Whether groups are the pixels of a map of this size. By equal sizes, as a tracer's are no keys."""
        return any(groups is pixels and known == size for known, pixels in self._pixels.items())


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which token each cell belongs to, and how much it weighs in that token."""

    grid: Grid
    token: Groups
    """Token of every cell, index (B or 1, cells)."""
    weight: Tensor
    """Aggregation weight of every cell, (B or 1, cells); never renormalised."""
    _mixers: dict[tuple[Size, bool], Mixer] = field(default_factory=dict, repr=False)

    @classmethod
    def of_grid(cls, size: Size, device: torch.device) -> Assignment:
        """Every cell a token, weight 1 (stage 1)."""
        grid = Grid(size, device)
        return cls(grid, grid.cells, torch.ones(1, size[0] * size[1], device=device))

    def is_map(self, size: Size) -> bool:
        """Whether the tokens are the pixels of a map of this size, in order: stage 1, or any without CTM."""
        return self.grid.is_map(self.token, size)

    def of_map(self, size: Size) -> Assignment:
        """Every pixel of a map of this size a token, weight 1."""
        return Assignment(self.grid, self.grid.pixels(size), torch.ones_like(self.weight[:1]))

    def merged(self, clusters: Groups, share: Tensor) -> Assignment:
        """The assignment after tokens were merged.

        Args:
            clusters: cluster of every token, index (B, N).
            share: weight of every token in its cluster, (B, N).
        """
        batch = len(clusters.index)
        token = self.token.index.expand(batch, -1)
        index = clusters.index.gather(1, token)
        return Assignment(self.grid, Groups(index, clusters.count), self.weight * share.gather(1, token))

    def mixer(self, size: Size, to_map: bool) -> Mixer:
        """Transfer between these tokens and a map, made once for each size and direction."""
        key = (size, to_map)
        if key not in self._mixers:
            forth = Mixer(self.token, self.grid.pixels(size))
            self._mixers[size, True], self._mixers[size, False] = forth, forth.opposite()
        return self._mixers[key]


@dataclass(frozen=True, eq=False)
class Tokens:
    """A stage's tokens."""

    x: Tensor
    """Features, (B, N, C)."""
    assignment: Assignment
    size: Size
    """The grid on which the stage's convolutions are done."""

    def with_features(self, x: Tensor) -> Tokens:
        """The same tokens with other features, (B, N, C')."""
        return replace(self, x=x)

    @property
    def index(self) -> Tensor:
        """Token of every cell of the initial grid, (B, H_init * W_init) int64."""
        return self.assignment.token.index.expand(len(self.x), -1)

    @property
    def weight(self) -> Tensor:
        """Aggregation weight of every cell, (B, H_init * W_init)."""
        return self.assignment.weight.expand(len(self.x), -1)


def token_to_map(x: Tensor, assignment: Assignment, size: Size) -> Tensor:
    """Each pixel is the mean, over its cells, of their tokens' features.

    Args:
        x: features of the assignment's tokens, (B, N, C).
        size: height and width of the map.

    Returns:
        (B, C, height, width), channels last in memory.
    """
    pixels = x if assignment.is_map(size) else assignment.mixer(size, to_map=True)(x)
    return pixels.unflatten(1, size).permute(0, 3, 1, 2)


def map_to_token(image: Tensor, assignment: Assignment) -> Tensor:
    """Each token is the mean, over its cells, of their pixels' features: (B, C, height, width) to (B, N, C)."""
    size = (image.shape[2], image.shape[3])
    pixels = image.permute(0, 2, 3, 1).flatten(1, 2)
    return pixels if assignment.is_map(size) else assignment.mixer(size, to_map=False)(pixels)


def token_to_token(x: Tensor, source: Assignment, target: Assignment) -> Tensor:
    """Each target token is the mean, over its cells, of their source tokens' features.

    Cells weigh as the target's aggregation weights say. (B, N_source, C) to (B, N_target, C).
    """
    return Mixer(source.token, target.token, target.weight)(x)
