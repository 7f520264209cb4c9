"""The tokens of every stage: run a network on crops, and tell which cell of the picture belongs to which token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UserError
from harness.figures.photos import Photos
from harness.figures.rows import Row
from harness.figures.shares import AREAS, areas, cell_centres, token_shares
from harness.figures.views import CLASSIFICATION, View

if TYPE_CHECKING:
    from torch import nn

    from tcformer.backbone import Backbone


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


def network_of(row: Row, task: str, device: str) -> nn.Module:
    """The row's network; for classification weights may be an ImageNet file, of which the backbone is taken."""
    if task != CLASSIFICATION or row.weights is None:
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
