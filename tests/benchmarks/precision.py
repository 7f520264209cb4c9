"""How many cells keep their cluster when distances are made of less precise products.

    python -m tests.benchmarks.precision features.npz
    python -m tests.benchmarks.precision --model tcformer --weights best.pth --size 256x192 crops/*.jpg

Each kind of product is emulated by rounding what is multiplied, and adding up in fp32; the partition is compared with
that of fp64. What only the hardware does, the rounding inside its sums, is not emulated: the GPU tests of
`tests/tcformer/test_triton.py` see that.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tabulate import tabulate
from torch import Tensor

Products = Callable[[Tensor], Tensor]
"""Scalar products of all pairs of tokens, (N, C) to (N, N)."""

CHUNK = 512
"""Rows looked at at a time."""


def round_tf32(x: Tensor) -> Tensor:
    """fp32 to the nearest number with ten bits of mantissa, halves away from 0 (PTX: cvt.rna.tf32.f32)."""
    return ((x.view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)


def round_bf16(x: Tensor) -> Tensor:
    """fp32 to the nearest number with seven bits of mantissa."""
    return x.bfloat16().float()


def round_fp16(x: Tensor) -> Tensor:
    """fp32 to the nearest number of half precision."""
    return x.half().float()


def once(rounded: Callable[[Tensor], Tensor]) -> Products:
    """Products of rounded numbers."""
    return lambda x: rounded(x) @ rounded(x).mT


def thrice(rounded: Callable[[Tensor], Tensor]) -> Products:
    """Products of high parts with high and low parts, the low with the high."""

    def products(x: Tensor) -> Tensor:
        high = rounded(x)
        low = rounded(x - high)
        return low @ high.mT + high @ low.mT + high @ high.mT

    return products


@dataclass(frozen=True)
class Kind:
    """One way of making distances."""

    products: Products
    rounded: Callable[[Tensor], Tensor] | None = None
    """How the features themselves are rounded beforehand; None where they are fp32, and centred."""
    by_density: bool = False
    """Whether the denser token is told by exp(-mean distance), else by the mean distance itself, as the kernels do."""


KINDS = {
    "fp32": Kind(lambda x: x @ x.mT),
    "fp32, by density": Kind(lambda x: x @ x.mT, by_density=True),
    "tf32x3": Kind(thrice(round_tf32)),
    "bf16x3": Kind(thrice(round_bf16)),
    "tf32": Kind(once(round_tf32)),
    "bf16 products": Kind(once(round_bf16)),
    "fp16 features": Kind(lambda x: x @ x.mT, round_fp16),
    "bf16 features": Kind(lambda x: x @ x.mT, round_bf16),
}
"""By name. Features of half precision multiply exactly in fp32: what is left is their own rounding."""


def exact_distances(x: Tensor) -> Tensor:
    """Squared distances over C in fp64, (N, C) to (N, N). Not centred: equal tokens stay at distance 0."""
    return _from_products(x.double(), lambda x: x @ x.mT)


def distances(x: Tensor, kind: Kind) -> Tensor:
    """Squared distances over C in fp32, (N, C) to (N, N)."""
    x = x.float()
    return _from_products(x - x.mean(dim=0) if kind.rounded is None else kind.rounded(x), kind.products)


def _from_products(x: Tensor, products: Products) -> Tensor:
    """Lengths are taken from the products' diagonal, as the kernels do."""
    product = products(x)
    length = product.diagonal().clone()
    return (length[:, None] + length - 2 * product).clamp_(min=0).fill_diagonal_(0) / x.shape[1]


def partition(distance: Tensor, clusters: int, k: int, by_density: bool = False) -> Tensor:
    """DPC-KNN (see `tcformer.clustering`) of one picture, in the distances' precision: label of every token, (N,)."""
    mean = distance.topk(min(k, len(distance)), dim=1, largest=False).values.sort(dim=1).values.mean(dim=1)
    density = (-mean).exp()
    order = density if by_density else -mean
    gap = torch.cat([
        rows.masked_fill(order <= own[:, None], torch.inf).amin(dim=1)
        for rows, own in zip(distance.split(CHUNK), order.split(CHUNK), strict=True)
    ])  # fmt: skip
    score = torch.where(gap.isinf(), torch.inf, gap.sqrt() * density)
    centre = score.sort(descending=True, stable=True).indices[:clusters]
    label = distance[:, centre].min(dim=1).indices
    label[centre] = torch.arange(clusters, device=label.device)
    return label


def share_equal(one: Tensor, other: Tensor, cells: Tensor | None = None) -> float:
    """Share of cells in clusters that have the same members in both labellings of N tokens, (N,) each.

    Args:
        cells: how many cells each token is; None for one.
    """
    cells = torch.ones_like(one) if cells is None else cells
    meets, meet, size = torch.stack([one, other]).unique(dim=1, return_inverse=True, return_counts=True)
    equal = (size == one.bincount()[meets[0]]) & (size == other.bincount()[meets[1]])
    return (cells[equal[meet]].sum() / cells.sum()).item()


@dataclass(frozen=True)
class Features:
    """What one clustering is given."""

    name: str
    x: Tensor
    """(N, C)"""
    cells: Tensor | None = None
    """Cells of each token, (N,)."""


def agreement(features: Features, ratio: float = 0.25, k: int = 5) -> dict[str, float]:
    """Share of cells in the clusters of fp64, for all of `KINDS`; and for half-precision features also against the
    fp64 clustering of those, rounded, themselves: `own`."""
    clusters = max(1, math.ceil(len(features.x) * ratio))
    exact = partition(exact_distances(features.x), clusters, k)
    found = {}
    for name, kind in KINDS.items():
        label = partition(distances(features.x, kind), clusters, k, kind.by_density)
        found[name] = share_equal(label, exact, features.cells)
        if kind.rounded is not None:
            own = partition(exact_distances(kind.rounded(features.x.float())), clusters, k)
            found[f"{name}, own"] = share_equal(label, own, features.cells)
    return found


def load_features(path: Path) -> list[Features]:
    """All arrays (B, N, C) or (N, C) of an .npz file, or of a .pt file that holds a tensor or a mapping of them."""
    if path.suffix == ".npz":
        with np.load(path) as file:
            arrays = {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}
    else:
        loaded = torch.load(path, map_location="cpu")
        arrays = {path.stem: loaded} if isinstance(loaded, Tensor) else loaded
    return [Features(name, x) for name, a in arrays.items() for x in (a if a.dim() == 3 else a[None])]


@torch.no_grad()
def model_features(
    variant: str, settings: dict, weights: Path, size: tuple[int, int], images: list[Path]
) -> list[Features]:
    """What the model's three clusterings are given for pictures, each resized whole to height x width in fp32."""
    import cv2

    from harness.data.targets import normalise
    from tcformer import build_pose_model, clean_state_dict

    state = clean_state_dict(torch.load(weights, map_location="cpu"))
    points = state["keypoint_head.final_layer.weight"].shape[0]
    model = build_pose_model(variant, points, **settings).eval()
    model.load_state_dict(state)
    found: list[Features] = []
    for stage, ctm in enumerate((m for m in model.modules() if type(m).__name__ == "CTM"), start=2):

        def note(module, inputs, outputs, stage=stage):
            _, before, _ = outputs
            for x, index in zip(before.x, before.index, strict=True):
                found.append(Features(f"stage {stage}, N={x.shape[0]}, C={x.shape[1]}", x, index.bincount()))

        ctm.register_forward_hook(note)
    for path in images:
        picture = cv2.imread(str(path))
        if picture is None:
            raise SystemExit(f"error: not a picture: {path}")
        picture = cv2.resize(picture[..., ::-1], size[::-1], interpolation=cv2.INTER_AREA)
        model(normalise(torch.from_numpy(picture.copy())[None]))
    return found


def table(features: list[Features]) -> str:
    """Mean and least share of each group of equal names."""
    groups: dict[str, list[dict[str, float]]] = {}
    for one in features:
        groups.setdefault(one.name, []).append(agreement(one))
    rows = []
    for name, found in groups.items():
        for kind in found[0]:
            shares = [100 * f[kind] for f in found]
            rows.append((name, len(shares), kind, sum(shares) / len(shares), min(shares)))
    return tabulate(rows, ("features", "pictures", "distances", "mean %", "least %"), floatfmt=".3f")


def main() -> None:
    """Print the share of cells in equal clusters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="features (.npz, .pt), or pictures with --weights")
    parser.add_argument("--weights", type=Path, help="checkpoint of a pose model")
    parser.add_argument("--model", default="tcformer_large", help="variant")
    parser.add_argument("--args", type=json.loads, default={}, help="settings of the model, JSON")
    parser.add_argument("--size", default="384x288", help="height x width of the input")
    given = parser.parse_args()
    if given.weights:
        height, width = map(int, given.size.split("x"))
        print(table(model_features(given.model, given.args, given.weights, (height, width), given.files)))
    else:
        print(table([one for path in given.files for one in load_features(path)]))


if __name__ == "__main__":
    main()
