"""Predicting a folder of images with weights from a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.data.coco import read_detections
from harness.data.folder import scan_images, unreadable
from harness.data.images import listed
from harness.data.types import Boxes, Images, People, Predictions, Split
from harness.errors import UserError
from harness.files import atomic_write, write_json
from harness.hardware import resolve_device
from harness.layout import Layout, load_layout
from harness.protocol import Protocol, make_protocol, merge
from harness.registry import build_model, model_spec
from harness.stages import Watch, unwatched

if TYPE_CHECKING:
    from torch import nn

RESULTS, IMAGES = "predictions.json", "images.json"
"""What a folder of predictions holds besides the pictures."""

@dataclass(frozen=True)
class Done:
    """What was written."""

    results: Path
    images: int
    people: int
    notes: list[str]


@dataclass(frozen=True)
class Task:
    """A network made ready, and the boxes on the images of a folder that it is to be run on."""

    network: nn.Module
    split: Split
    """Images without annotated people."""
    boxes: Boxes
    protocol: Protocol
    device: str
    notes: list[str]
    """What must be said of weights, images and boxes."""
    broken: dict[str, str]
    """Path -> reason of the images that were left out because they cannot be read."""


@dataclass(frozen=True)
class Found:
    """What came out of a task."""

    predictions: Predictions
    """Raw, of every box."""
    kept: np.ndarray
    """(M,) ascending rows of `predictions` that OKS-NMS leaves."""
    scores: np.ndarray
    """(M,) their scores."""
    notes: list[str]


def predict_folder(weights: Path, folder: Path, out: Path, boxes: str | None, model: str | None,
                   input_size: str | None, layout_name: str | None, device: str, min_score: float) -> Done:
    """Predict every image of a folder; see `harness predict --help`. Raises UserError for what does not fit."""
    from harness.scoring import Scored, write_results

    check_folder(out)
    task = prepare(folder, weights, boxes, model, input_size, layout_name, device)
    found = find(task)
    images, layout, kept = task.split.images, task.split.layout, found.kept
    scored = Scored(image_id=found.predictions.image_id[kept], keypoints=found.predictions.keypoints[kept],
                    score=found.scores)
    results = out / RESULTS
    write_results(results, scored, layout)
    write_json(out / IMAGES, [{"id": int(i), "file_name": p.name, "width": int(w), "height": int(h)}
                                     for i, p, (w, h) in zip(images.id, images.path, images.size, strict=True)])
    draw_pictures(images, scored, found.predictions.box[kept], layout, out, min_score)
    counted = [] if all(path.stem.isdigit() for path in images.path) else [
        f"image ids count from 1 by name (see {IMAGES}): to score these with `harness evaluate`, name each image by "
        "its id in the annotations"]
    return Done(results, len(images), len(scored.score), task.notes + found.notes + counted)


def check_folder(out: Path) -> None:
    """Raise UserError where predictions may not be written: in a file's place, and among files that are not theirs."""
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"--out {out}: a file, not a folder")
    held = sorted(path.name for path in out.iterdir())
    if held and not {RESULTS, IMAGES} <= set(held):
        files = ", ".join(held[:3]) + ", ..." * (len(held) > 3)
        raise UserError(f"--out {out}: the folder holds other files ({files}); name a new or empty one, or one of "
                        "earlier predictions")


def prepare(folder: Path, weights: Path | None, boxes: str | None, model: str | None, input_size: str | None,
            layout_name: str | None, device: str, values: dict[str, Any] | None = None, skip_broken: bool = False
            ) -> Task:
    """The task that these options of `harness predict` name.

    Without `weights` the network, which must then be named, has initial weights of seed 0. `values` are settings of
    the protocol, on top of those of the weights file. `skip_broken` leaves images out that cannot be read, in place of
    refusing them. Raises UserError for what does not exist or does not fit.
    """
    import torch

    from harness.inference.boxes import take
    from harness.weights import load_weights, read_checkpoint

    where = resolve_device(device)
    images, broken = scan_images(folder)
    if broken and not (skip_broken and len(images)):
        raise unreadable(folder, broken)
    meta: dict[str, Any] = read_checkpoint(weights).get("meta", {}) if weights is not None else {}
    name = model or meta.get("model")
    if name is None:
        raise UserError(f"{weights} does not say which network it is of: --model NAME (`harness list models`)")
    layout = load_layout(layout_name or meta.get("layout", "coco-wholebody"))
    protocol = _protocol(meta, input_size, values or {})
    spec = model_spec(name, meta.get("model_args") if name == meta.get("model") else None)
    if weights is None:
        torch.manual_seed(0)
    network = build_model(spec, layout.size)
    if weights is not None:
        load_weights(network, spec, weights)
    network.to(where).eval()
    if spec.channels_last:  # as a run's evaluation, down to the last bit
        network.to(memory_format=torch.channels_last)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False  # "fp32" means it

    none = np.zeros(0)
    nobody = People(none.astype(np.int64), none.astype(np.int64), np.zeros((0, 4)), none, none.astype(bool),
                    np.zeros((0, layout.size, 3)), none.astype(np.int64))
    split = Split("images", folder.name, layout, images, nobody)
    chosen, notes = boxes_on(split, boxes)
    least = protocol.test.min_box_score
    chosen = take(chosen, chosen.score >= least)
    if len(chosen) == 0:
        raise UserError(f"no box has a score of at least {least:g} (test.min_box_score)")
    if broken:
        notes.append(f"{len(broken)} of {len(images) + len(broken)} image(s) cannot be read and are left out: "
                     f"{listed(broken, 5)}")
    return Task(network, split, chosen, protocol, where, notes, broken)


def boxes_on(split: Split, boxes: str | None) -> tuple[Boxes, list[str]]:
    """What `harness.inference.boxes.folder_boxes` gives; where the images of a list of detections are not there, its
    error says what would tell them."""
    from harness.inference.boxes import folder_boxes

    try:
        return folder_boxes(split, boxes)
    except UserError as error:
        if boxes is None or not _on_other_images(Path(boxes), split.images):
            raise
        raise UserError(f"{error}: detections have ids of images and no names; an image's id is its file's name where "
                        "all names are numbers (000000000139.jpg is 139), else its place in the list; --boxes with a "
                        "file of COCO annotations goes by names") from error


def _on_other_images(path: Path, images: Images) -> bool:
    """Whether a file is a list of detections, none of them on these images."""
    try:
        return path.is_file() and not len(read_detections(path, images, "the images"))
    except UserError:
        return False


def find(task: Task, watch: Watch = unwatched, progress: Callable[[int, int], None] | None = None) -> Found:
    """Run the network on the boxes, rescore and suppress. `watch` and `progress` as in `predict`; nms, too."""
    from harness.inference.nms import select
    from harness.inference.predict import predict

    predictions, info = predict(task.network, task.split, task.boxes, task.protocol, task.device, progress,
                                watch=watch)
    with watch("nms"):
        kept, scores = select(predictions, task.split.layout, task.protocol)
    return Found(predictions, kept, scores, info["notes"])


def _protocol(meta: dict[str, Any], input_size: str | None, settings: dict[str, Any]) -> Protocol:
    values = meta.get("protocol", {})
    if input_size is not None:
        match = re.fullmatch(r"(\d+)x(\d+)", input_size)
        if match is None:
            raise UserError(f"--input {input_size}: expected HxW, for example 384x288")
        values = merge(values, {"crop": {"height": int(match[1]), "width": int(match[2])}})
    return make_protocol(merge(values, settings), "the weights file, --input or --set")


def draw_pictures(images: Images, scored: Any, boxes: np.ndarray, layout: Layout, out: Path, min_score: float) -> None:
    """A PNG for every image with its people's key points."""
    import cv2

    from harness.data.drawing import draw_pose

    for image_id, path in zip(images.id, images.path, strict=True):
        picture = np.asarray(cv2.imread(str(path)))
        for row in np.flatnonzero(scored.image_id == image_id)[::-1]:
            picture = draw_pose(picture, scored.keypoints[row], layout, min_score=min_score, box=boxes[row])
        done, data = cv2.imencode(".png", picture)
        assert done
        with atomic_write(out / f"{path.stem}-pose.png") as file:
            file.write(data.tobytes())
