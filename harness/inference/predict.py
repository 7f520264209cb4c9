"""Run a network on boxes: crops, flip test, decoding, back to the image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harness.data.crops import TestCrops
from harness.data.geometry import heatmap_to_image
from harness.data.images import check_broken, listed
from harness.data.loader import make_loader
from harness.data.targets import normalise
from harness.data.types import Boxes, Predictions, Split
from harness.errors import UserError
from harness.inference.boxes import take
from harness.inference.decode import decode
from harness.inference.flip import average, flip_back
from harness.layout import Layout
from harness.protocol import Protocol
from harness.stages import Watch, unwatched
from harness.training.losses import to_heatmap

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}
"""Of `test.precision`, for autocast; fp32 runs without."""


def predict(model: nn.Module, split: Split, boxes: Boxes, protocol: Protocol, device: str | torch.device,
            progress: Callable[[int, int], None] | None = None, num_workers: int = 0,
            part: tuple[int, int] = (0, 1), repeat: int = 0, watch: Watch = unwatched
            ) -> tuple[Predictions, dict[str, Any]]:
    """One predicted person a box, in the order of the boxes, and what happened on the way.

    Boxes without extent and boxes on unreadable images have no prediction. Batches are fixed by the boxes'
    order alone, and each starts from its own random state (some networks draw numbers at test too), so a
    prediction does not depend on loader processes, on `part` or on what ran before; torch's random state is
    left as it was.

    `repeat` chooses other random states, for networks that draw numbers at test.

    `part` = (rank, processes): batch b belongs to rank b % processes; `merge` puts the parts together.
    `progress(done, total)` is told of this part's boxes after each batch, `watch` of every stage but nms; of load and
    crop only where no loader processes see to them.

    The second result: `rows` (N,) of `boxes` that were predicted; counts `boxes`, `skipped_boxes` (no
    extent), `unreadable_boxes`, `images`; `broken` path -> reason; `tolerated` share; `title`; `notes`, lines
    for the record.

    Raises UserError where more images than `train.max_broken_images` cannot be read, where the network gives
    another number of heat maps than the layout's K, or values that are not finite.
    """
    rank, processes = part
    layout = split.layout
    usable = with_extent(boxes)
    crops = TestCrops(split, take(boxes, usable), protocol, watch)
    size = protocol.test.batch_size
    batches = [range(start, min(start + size, len(crops))) for start in range(0, len(crops), size)]
    mine = batches[rank::processes]
    total, done = sum(map(len, mine)), 0
    rows, keypoints = [np.zeros(0, np.int64)], [np.zeros((0, layout.size, 3))]
    loader = make_loader(crops, mine, num_workers)
    with _evaluating(model), _own_random_state(device):
        for number, (indices, batch) in enumerate(zip(mine, loader, strict=True)):
            # A CPU generator takes the lower 32 bits of a seed only; nobody has a million batches.
            torch.manual_seed((repeat << 20) + rank + number * processes)
            index = np.asarray(indices)
            with watch("transfer"):
                images = normalise(batch["image"].to(device))
            with watch("network"):
                maps = heatmaps(model, images, layout, protocol)
            with watch("decode"):
                found = decode(maps, protocol.test.decode, protocol.test.dark_kernel).cpu().numpy().astype(np.float64)
                if not np.isfinite(found).all():
                    raise UserError("the network gives heat maps with values that are not finite: its weights are "
                                    "broken, or its training diverged")
                found[..., :2] = heatmap_to_image(found[..., :2], crops.center[index], crops.size[index],
                                                  maps.shape[-1], maps.shape[-2])
            readable = batch["readable"].numpy()
            rows.append(usable[index[readable]])
            keypoints.append(found[readable])
            done += len(indices)
            if progress:
                progress(done, total)
    row = np.concatenate(rows)
    # Rounded to float32, which is what mmpose keeps as well: half the file, and saving is exact.
    points = np.concatenate(keypoints).astype(np.float32).astype(np.float64)
    kept = take(boxes, row)
    reader = crops.reader
    info = {"rows": row, "boxes": len(boxes), "skipped_boxes": len(boxes) - len(usable),
            "unreadable_boxes": total - len(row), "images": reader.used, "broken": reader.broken(),
            "tolerated": reader.tolerated, "title": reader.title}
    return Predictions(kept.image_id, kept.box, kept.score, points), {**info, "notes": notes(info)}


def heatmaps(model: nn.Module, images: Tensor, layout: Layout, protocol: Protocol) -> Tensor:
    """Heat maps (B, K, h, w) float32 of normalised images (B, 3, H, W), with the protocol's flip test."""
    test, target = protocol.test, protocol.target
    dtype = DTYPES.get(test.precision)
    with torch.inference_mode(), torch.autocast(images.device.type, dtype=dtype, enabled=dtype is not None):
        maps = to_heatmap(model(images), target.loss, target.sigma)
        if maps.shape[1] != layout.size:
            raise UserError(f"the network gives {maps.shape[1]} heat maps; layout {layout.name} has "
                            f"{layout.size} key points")
        if test.flip:
            mirrored = to_heatmap(model(images.flip(-1)), target.loss, target.sigma)
            maps = average(maps, flip_back(mirrored, layout.flip_index, test.flip_shift))
    return maps


def merge(parts: Sequence[tuple[Predictions, dict[str, Any]]]) -> tuple[Predictions, dict[str, Any]]:
    """The results of all parts as if one process had made them.

    Raises UserError where the parts together met too many unreadable images.
    """
    row = np.concatenate([info["rows"] for _, info in parts])
    order = np.argsort(row, kind="stable")

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(predictions, name) for predictions, _ in parts])[order]

    broken = {path: why for _, info in parts for path, why in info["broken"].items()}
    info = {**parts[0][1], "rows": row[order], "broken": broken,
            "unreadable_boxes": sum(info["unreadable_boxes"] for _, info in parts)}
    check_broken(broken, info["images"], info["tolerated"], info["title"])
    predictions = Predictions(joined("image_id"), joined("box"), joined("box_score"), joined("keypoints"))
    return predictions, {**info, "notes": notes(info)}


def first_batch(split: Split, boxes: Boxes, protocol: Protocol) -> np.ndarray:
    """The crops (B, H, W, 3) uint8 RGB of the first batch of boxes, for measurements."""
    crops = TestCrops(split, take(boxes, with_extent(boxes)), protocol)
    return np.stack([crops[i]["image"] for i in range(min(len(crops), protocol.test.batch_size))])


def with_extent(boxes: Boxes) -> np.ndarray:
    """Indices of the boxes that have a width and a height."""
    return np.flatnonzero((boxes.box[:, 2:] > 0).all(axis=1) & np.isfinite(boxes.box).all(axis=1))


def notes(info: dict[str, Any]) -> list[str]:
    """What a record must say of boxes without a prediction: no line where every box has one."""
    lines = []
    if info["skipped_boxes"]:
        lines.append(f"{info['skipped_boxes']} of {info['boxes']} boxes have no extent and were skipped")
    if info["broken"]:
        lines.append(f"{len(info['broken'])} of {info['images']} images could not be read, "
                     f"{info['unreadable_boxes']} boxes have no prediction: {listed(info['broken'], 10)}")
    return lines


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and back to what it was."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


@contextlib.contextmanager
def _own_random_state(device: str | torch.device) -> Iterator[None]:
    """Seeding inside does not reach outside."""
    devices = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield
