"""Golden outputs of the published model, and the comparison of partitions."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

TOLERANCE = 1e-4
"""Relative to the largest number, in fp32 (golden/README.md)."""


class Golden:
    """Files, inputs and weights as `golden/README.md` defines them."""

    def __init__(self, folder: Path):
        self.folder = folder

    def layout(self) -> dict:
        return json.loads((self.folder / "layout.json").read_text())

    def load(self, name: str) -> dict[str, Tensor]:
        with np.load(self.folder / f"{name}.npz") as file:
            return {key: torch.from_numpy(np.asarray(file[key])) for key in file.files}

    def draw(self, name: str, *shape: int) -> Tensor:
        generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
        return torch.from_numpy(generator.standard_normal(shape).astype(np.float32))

    def fill(self, module: nn.Module) -> None:
        weights = {}
        for key, value in module.state_dict().items():
            drawn = self.draw(key, *value.shape).double()
            if value.dim() >= 2:
                drawn = drawn / np.sqrt(np.prod(value.shape[1:]))
            else:
                drawn = 0.1 * drawn + (1 if key.endswith("weight") else 0)
            weights[key] = drawn.float()
        module.load_state_dict(weights)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def golden(shared) -> Golden:
    return Golden(shared / "golden")


@pytest.fixture(scope="session")
def near():
    """Whether a tensor agrees with the golden one; the floor is for gradients that are 0 but for rounding."""

    def check(ours: Tensor, theirs: Tensor, floor: float = 0.0) -> None:
        assert ours.shape == theirs.shape
        difference = (ours.detach() - theirs).abs().max().item()
        assert difference <= TOLERANCE * theirs.abs().max().item() + floor

    return check


@pytest.fixture(scope="session")
def match():
    """Match the clusters of two labellings (B, cells) by their members.

    Gives for each picture (ours, theirs), the numbers of equal clusters; at least 99.9 % of cells must be in them.
    """

    def clusters(labels: Tensor) -> dict[frozenset, int]:
        return {frozenset((labels == label).nonzero()[:, 0].tolist()): int(label) for label in labels.unique()}

    def check(ours: Tensor, theirs: Tensor) -> list[tuple[Tensor, Tensor]]:
        pairs, matched = [], 0
        for mine, his in zip(ours, theirs, strict=True):
            found, wanted = clusters(mine), clusters(his)
            both = [members for members in found if members in wanted]
            matched += sum(len(members) for members in both)
            pairs.append((torch.tensor([found[m] for m in both]), torch.tensor([wanted[m] for m in both])))
        assert matched >= 0.999 * ours.numel()
        return pairs

    return check
