"""Predicting a folder of images with weights from a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.types import Boxes, Images, People, Split
from harness.errors import UserError
from harness.files import atomic_write, write_json
from harness.hardware import resolve_device
from harness.layout import Layout, load_layout
from harness.protocol import Protocol, make_protocol, merge
from harness.registry import build_model, model_spec

SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Done:
    """What was written."""

    results: Path
    images: int
    people: int
    notes: list[str]


def predict_folder(weights: Path, folder: Path, out: Path, boxes: str | None, model: str | None,
                   input_size: str | None, layout_name: str | None, device: str, min_score: float) -> Done:
    """Predict every image of a folder; see `harness predict --help`. Raises UserError for what does not fit."""
    from harness.weights import load_weights, read_checkpoint

    where = resolve_device(device)
    images = list_images(folder)
    meta: dict[str, Any] = read_checkpoint(weights).get("meta", {})
    name = model or meta.get("model")
    if name is None:
        raise UserError(f"{weights} does not say which network it is of: --model NAME (`harness list models`)")
    layout = load_layout(layout_name or meta.get("layout", "coco-wholebody"))
    protocol = _protocol(meta, input_size)
    spec = model_spec(name, meta.get("model_args") if name == meta.get("model") else None)
    network = build_model(spec, layout.size)
    load_weights(network, spec, weights)

    none = np.zeros(0)
    nobody = People(none.astype(np.int64), none.astype(np.int64), np.zeros((0, 4)), none, none.astype(bool),
                    np.zeros((0, layout.size, 3)), none.astype(np.int64))
    split = Split("images", folder.name, layout, images, nobody)
    chosen, notes = choose_boxes(images, boxes, protocol)

    from harness.inference.nms import select
    from harness.inference.predict import predict
    from harness.scoring import Scored, write_results

    network.to(where).eval()
    predictions, info = predict(network, split, chosen, protocol, where)
    notes += info["notes"]
    kept, scores = select(predictions, layout, protocol)
    scored = Scored(image_id=predictions.image_id[kept], keypoints=predictions.keypoints[kept], score=scores)
    results = out / "predictions.json"
    write_results(results, scored, layout)
    write_json(out / "images.json", [{"id": int(i), "file_name": p.name, "width": int(w), "height": int(h)}
                                     for i, p, (w, h) in zip(images.id, images.path, images.size, strict=True)])
    draw_pictures(images, scored, predictions.box[kept], layout, out, min_score)
    return Done(results, len(images), len(scored.score), notes)


def _protocol(meta: dict[str, Any], input_size: str | None) -> Protocol:
    values = meta.get("protocol", {})
    if input_size is not None:
        match = re.fullmatch(r"(\d+)x(\d+)", input_size)
        if match is None:
            raise UserError(f"--input {input_size}: expected HxW, for example 384x288")
        values = merge(values, {"crop": {"height": int(match[1]), "width": int(match[2])}})
    return make_protocol(values, "the weights file or --input")


def list_images(folder: Path) -> Images:
    """The images of a folder, by name. An all-digit file name is the image's id; others count from 1."""
    import cv2

    if not folder.is_dir():
        raise UserError(f"image folder {folder} not found")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(f"no image in {folder} (looked for {', '.join(SUFFIXES)})")
    numeric = all(p.stem.isdigit() for p in paths)
    ids, kept, sizes, broken = [], [], [], []
    for number, path in enumerate(paths, start=1):
        image = cv2.imread(str(path))
        if image is None:
            broken.append(path.name)
            continue
        ids.append(int(path.stem) if numeric else number)
        kept.append(path)
        sizes.append(image.shape[1::-1])
    if broken:
        raise UserError(f"{len(broken)} image(s) in {folder} cannot be read: {', '.join(broken[:5])}")
    return Images(np.array(ids, dtype=np.int64), tuple(kept), np.array(sizes, dtype=np.int64))


def choose_boxes(images: Images, boxes: str | None, protocol: Protocol) -> tuple[Boxes, list[str]]:
    """The boxes to predict on, and what must be said about them."""
    count = len(images)
    if boxes is None:
        whole = np.concatenate([np.zeros((count, 2)), images.size.astype(np.float64)], axis=1)
        return Boxes(images.id, whole, np.ones(count)), ["boxes: the whole image is one person (--boxes for others)"]
    numbers = boxes.split(",")
    if len(numbers) > 1 and not Path(boxes).is_file():
        try:
            box = np.array([float(n) for n in numbers])
        except ValueError:
            box = np.zeros(0)
        if len(box) != 4 or not np.isfinite(box).all():
            raise UserError(f"--boxes {boxes}: expected four numbers x,y,w,h or a file of detections")
        if box[2] <= 0 or box[3] <= 0:
            raise UserError(f"--boxes {boxes}: width and height must be positive")
        if not ((box[:2] < images.size) & (box[:2] + box[2:] > 0)).all(axis=1).any():
            raise UserError(f"--boxes {boxes}: outside of every image")
        return Boxes(images.id, np.tile(box, (count, 1)), np.ones(count)), [f"boxes: {boxes} in every image"]
    from harness.data.coco import read_detections

    found = read_detections(Path(boxes), images, "the images")
    if len(found) == 0:
        raise UserError(f"--boxes {boxes}: no box is of an image in this folder (ids {images.id[:3].tolist()} ...)")
    return found, [f"boxes: {len(found)} of {boxes}"]


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
