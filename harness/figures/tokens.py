"""The tokens of every stage: run a network on crops, and make pictures of what belongs to which token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.data.crops import warp
from harness.data.geometry import crop_affine, crop_of_box
from harness.data.types import Boxes
from harness.errors import UserError
from harness.figures.panel import read_rgb
from harness.figures.photos import Photos
from harness.figures.rows import Row
from harness.figures.shares import AREAS, areas, cell_centres, token_shares

if TYPE_CHECKING:
    from torch import nn

    from tcformer.backbone import Backbone

TASKS = ("pose", "classification")
CLASSIFIED = 224
"""Pixels of a classifier's input (paper, supplementary section 1)."""
CROP_SHARE = 0.9
"""Of the shorter side: the centred square that a classifier sees (`crop_pct` of `tcformer.registry`)."""
DARK, BORDERS = 60.0, ((0, 0, 0), (150, 150, 150))
"""Mean of R, G and B below which a token is dark, and the borders of other and of dark tokens."""


@dataclass(frozen=True)
class View:
    """What a network sees of an image."""

    image_id: int
    center: np.ndarray
    """(2,) image pixels; so is `size`."""
    size: np.ndarray
    width: int
    """Of the input; so is `height`."""
    height: int


@dataclass(frozen=True)
class Stage:
    """The tokens of one stage on one view."""

    index: np.ndarray
    """(cells,) token of every cell of the initial grid, row by row."""
    grid: tuple[int, int]
    """Rows and columns of the initial grid."""

    @property
    def tokens(self) -> int:
        """How many tokens have a cell."""
        return len(np.unique(self.index))


def views_of(photos: Photos, row: Row, task: str) -> list[View]:
    """The crop of every box, as the row's protocol has it; for classification the centre of every image."""
    if task == "classification":
        found = []
        for image_id, size in zip(photos.split.images.id, photos.split.images.size, strict=True):
            side = CROP_SHARE * float(size.min())
            found.append(View(int(image_id), size / 2, np.array([side, side]), CLASSIFIED, CLASSIFIED))
        return found
    crop, boxes = row.protocol.crop, photos.boxes
    center, size = crop_of_box(boxes.box, crop.width, crop.height, crop.padding)
    return [View(int(i), c, s, crop.width, crop.height) for i, c, s in zip(boxes.image_id, center, size, strict=True)]


def largest(boxes: Boxes) -> Boxes:
    """The largest box of every image."""
    area = boxes.box[:, 2] * boxes.box[:, 3]
    rows = [int(mine[area[mine].argmax()]) for mine in (np.flatnonzero(boxes.image_id == i)
                                                        for i in np.unique(boxes.image_id))]
    return Boxes(boxes.image_id[rows], boxes.box[rows], boxes.score[rows])


def network_of(row: Row, task: str, device: str) -> nn.Module:
    """The row's network; for classification weights may be an ImageNet file, of which the backbone is taken."""
    if task == "pose" or row.weights is None:
        return row.network(device)
    import torch

    from harness.registry import build_model
    from harness.weights import load_initial

    torch.manual_seed(0)
    network = build_model(row.spec, row.layout.size)
    load_initial(network, row.spec, row.weights)
    return network.to(device).eval()


def backbone_of(network: nn.Module, title: str) -> Backbone:
    """The part that makes tokens. Raises UserError for a network without."""
    from tcformer.backbone import Backbone

    for module in network.modules():
        if isinstance(module, Backbone):
            return module
    raise UserError(f"{title} has no tokens: it is no TCFormer")


def pixels(photos: Photos, view: View) -> np.ndarray:
    """The network's input (height, width, 3) uint8 RGB. Raises UserError where the image cannot be read."""
    at = int(np.flatnonzero(photos.split.images.id == view.image_id)[0])
    image = read_rgb(photos.split.images.path[at])[:, :, ::-1]
    matrix = crop_affine(view.center, view.size, 0.0, view.width, view.height)
    return warp(np.ascontiguousarray(image), matrix, view.width, view.height)


def run(backbone: Backbone, crops: list[np.ndarray], device: str) -> list[list[Stage]]:
    """For each crop of one size the stages' tokens. Raises UserError for a crop that the network refuses."""
    import torch

    from harness.data.targets import normalise

    with torch.inference_mode():
        try:
            found = backbone.stages(normalise(torch.as_tensor(np.stack(crops)).to(device)))
        except ValueError as error:
            raise UserError(f"an input of {crops[0].shape[0]}x{crops[0].shape[1]}: {error}") from error
        indices = [tokens.index.cpu().numpy() for tokens in found]
        grid = found[0].assignment.grid.size
    return [[Stage(index[b], grid) for index in indices] for b in range(len(crops))]


def shares_of(stages: list[Stage], view: View, photos: Photos) -> np.ndarray:
    """(S, len(AREAS)) share of each stage's tokens on each area."""
    split = photos.split
    rows = np.flatnonzero(split.people.image_id == view.image_id)
    inside = areas(split.people, rows, split.layout, cell_centres(stages[0].grid, view.center, view.size))
    return np.array([[token_shares(stage.index, inside)[area] for area in AREAS] for stage in stages])


def regions(stage: Stage, crop: np.ndarray, zoom: int) -> np.ndarray:
    """(zoom H, zoom W, 3) uint8: every token in the mean colour of its pixels, with borders between tokens.

    `crop` is the input (H, W, 3); a border is one pixel wide, left of and above where another token begins.
    """
    height, width = crop.shape[0] * zoom, crop.shape[1] * zoom
    owner = enlarge(stage, (crop.shape[0], crop.shape[1]))
    count = int(stage.index.max()) + 1
    size = np.maximum(np.bincount(owner.ravel(), minlength=count), 1)
    mean = np.stack([np.bincount(owner.ravel(), crop[:, :, c].ravel().astype(np.float64), count) / size
                     for c in range(3)], axis=1)
    fine = enlarge(stage, (height, width))
    picture = np.rint(mean).astype(np.uint8)[fine]
    border = np.zeros(fine.shape, dtype=bool)
    border[1:] |= fine[1:] != fine[:-1]
    border[:, 1:] |= fine[:, 1:] != fine[:, :-1]
    dark = mean.mean(axis=1)[fine] < DARK
    for colour, where in zip(BORDERS, (border & ~dark, border & dark), strict=True):
        picture[where] = colour
    return picture


def density(stage: Stage) -> np.ndarray:
    """(rows, columns) tokens a cell, over their mean: above 1 where tokens are small; 1 everywhere for an even spread.
    """
    size = np.bincount(stage.index)
    return (len(stage.index) / stage.tokens / size[stage.index]).reshape(stage.grid)


def enlarge(stage: Stage, size: tuple[int, int]) -> np.ndarray:
    """(height, width) the token of every pixel of a picture of the grid."""
    rows, columns = stage.grid
    row, column = np.arange(size[0]) * rows // size[0], np.arange(size[1]) * columns // size[1]
    return stage.index.reshape(stage.grid)[row[:, None], column]
