"""COCO-WholeBody annotation files (`coco_wholebody_{train,val}_v1.0.json`), and whom one may train on."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.columns import (
    Where,
    check_entries,
    field_values,
    id_column,
    list_column,
    number_column,
    numbers,
    point_columns,
    read_json,
)
from harness.data.scan import list_chunks
from harness.data.types import Boxes, Images, People, Split
from harness.errors import UserError
from harness.layout import Layout

FIELDS = ("images", "annotations")
"""The lists of an annotation file that are read."""

PERSON = 1
"""COCO's category of people."""

BOX_AREA_SHARE = 0.53
"""Area of a person whose annotation has none, as a share of the box (`evaluateImg` of xtcocotools 1.14.3)."""


def read_coco_split(annotations: Path, images_dir: Path, layout: Layout, dataset: str, split: str,
                    detections: Path | None) -> Split:
    """Read one split: images by id, every annotated person in the order of the file, crowds too.

    A missing `area` becomes 0.53 w h, a missing `iscrowd` 0, a missing `num_keypoints` the number of labelled
    body points. Annotations and detections of other categories are left out, and detections on images that are not in
    the split.

    Raises UserError naming file, entry and field: file missing or no JSON, fields missing (such as
    `foot_kpts` in a plain COCO file), wrong lengths, other than finite numbers, ids that repeat or point
    nowhere.
    """
    listed: Any = []
    parts, found = [], set()
    for field, first, entries in list_chunks(annotations, FIELDS, f"annotations of {dataset}/{split}"):
        if field == "images":
            listed = listed + entries if first else entries
        else:
            parts.append(read_people(entries, layout, annotations, first))
        found.add(field)
    for field in FIELDS:
        if field not in found:
            raise UserError(f"{annotations} has no list '{field}': not a COCO annotation file")
    images, people = read_images(listed, images_dir, annotations), join_people(parts)
    check_unique(people.id, f"{annotations}: annotation id")
    stray = ~np.isin(people.image_id, images.id)
    if stray.any():
        first = int(np.argmax(stray))
        raise UserError(f"{annotations}: annotation {people.id[first]} is on image {people.image_id[first]}, "
                        "which the file does not list")
    boxes = None if detections is None else read_detections(detections, images, f"{dataset}/{split}")
    return Split(dataset, split, layout, images, people, boxes)


def read_images(entries: Any, folder: Path, path: Path) -> Images:
    """The list `images` of an annotation file, by id. Raises UserError as `read_coco_split` does."""

    def where(i: int) -> str:
        return f"{path}: image {i} of the list"

    entries = check_entries(entries, where, f"{path}: images")
    ids = id_column(entries, "id", where)
    check_unique(ids, f"{path}: image id")
    names = field_values(entries, "file_name", where)
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise UserError(f"{where(i)}: file_name is {name!r}, expected text")
    size = np.stack([id_column(entries, "width", where), id_column(entries, "height", where)], axis=1)
    order = np.argsort(ids)
    return Images(ids[order], tuple(Path(folder) / names[i] for i in order), size[order])


def read_people(entries: Any, layout: Layout, path: Path, first: int = 0) -> People:
    """The list `annotations` of an annotation file, or a piece of it that begins with entry `first`.

    Raises UserError as `read_coco_split` does; ids that repeat are not looked for.
    """
    entries = check_entries(entries, lambda i: f"{path}: annotation {first + i} of the list", f"{path}: annotations")
    entries = [entry for entry in entries if entry.get("category_id", PERSON) == PERSON]

    def where(i: int) -> str:
        return f"{path}: annotation {entries[i].get('id', f'{first + i} of the list')}"

    check_fields(entries, layout, where)
    ids = id_column(entries, "id", where)
    keypoints = point_columns(entries, layout, where)
    box = list_column(entries, "bbox", 4, where)
    estimate = box[:, 3] * box[:, 2] * BOX_AREA_SHARE
    body = np.count_nonzero(keypoints[:, layout.parts["body"].slice, 2] > 0, axis=1)
    return People(
        id=ids,
        image_id=id_column(entries, "image_id", where),
        box=box,
        area=filled(entries, "area", estimate.tolist(), where),
        crowd=filled(entries, "iscrowd", [0] * len(entries), where) != 0,
        keypoints=keypoints,
        body_labelled=filled(entries, "num_keypoints", body.tolist(), where).astype(np.int64),
    )


def join_people(parts: list[People]) -> People:
    """People of several pieces of a file, in their order."""
    if len(parts) == 1:
        return parts[0]
    return People(**{field.name: np.concatenate([getattr(part, field.name) for part in parts])
                     for field in fields(People)})


def check_fields(entries: list[dict[str, Any]], layout: Layout, where: Where) -> None:
    """Say all at once which parts' points are missing. Raises UserError for the first such annotation."""
    fields = [part.points for part in layout.parts.values() if part.points is not None]
    for i, entry in enumerate(entries):
        missing = [field for field in fields if field not in entry]
        if missing:
            raise UserError(f"{where(i)} lacks {', '.join(missing)}, which layout {layout.name} needs "
                            "(a file of body key points only is not enough)")


def filled(entries: list[dict[str, Any]], field: str, defaults: list[Any], where: Where) -> np.ndarray:
    """(N,) float64 of a field that may be missing; true and false count as 1 and 0."""
    values = [entry.get(field, default) for entry, default in zip(entries, defaults, strict=True)]
    return numbers([int(v) if isinstance(v, bool) else v for v in values], field, where)


def check_unique(ids: np.ndarray, what: str) -> None:
    """Raises UserError naming the first id that repeats."""
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise UserError(f"{what} {values[np.argmax(counts > 1)]} is there more than once")


def read_detections(path: Path, images: Images, split: str) -> Boxes:
    """A detector's boxes: a JSON list of image_id, category_id, bbox (x, y, w, h) and score.

    Raises UserError as `read_coco_split` does.
    """

    def name(i: int) -> str:
        return f"{path}: entry {i}"

    everything = check_entries(read_json(path, f"detections of {split}"), name, str(path))
    image = id_column(everything, "image_id", name)
    index = np.flatnonzero((id_column(everything, "category_id", name) == PERSON) & np.isin(image, images.id))
    entries = [everything[i] for i in index]

    def where(i: int) -> str:
        return name(int(index[i]))

    return Boxes(image[index], list_column(entries, "bbox", 4, where), number_column(entries, "score", where))


def clip_boxes(box: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) x, y, w, h cut to their images, `size` (N, 2); w or h <= 0 where nothing is left.

    As mmpose 0.x (branch 0.x at 3b8173463c, top-down COCO data set) cleans annotated boxes: corners lie on
    pixels 0 to size - 1, nothing is subtracted from w and h, and a box that starts left of or above the image
    keeps its size.
    """
    start = np.maximum(box[:, :2], 0)
    stop = np.minimum(size - 1, start + np.maximum(box[:, 2:], 0))
    return np.concatenate([start, stop - start], axis=1)


def trainable(people: People, images: Images) -> np.ndarray:
    """(P,) bool: people the protocol trains on, and whose boxes count as ground-truth boxes.

    As in mmpose 0.x: no crowd, a positive area, some of the box inside the image, a labelled body point (by the
    file's own count, which mmpose 1.x reads; 0.x looks for a body number above 0, the same in COCO).
    """
    if len(people) == 0:
        return np.zeros(0, dtype=bool)
    clipped = clip_boxes(people.box, images.size[np.searchsorted(images.id, people.image_id)])
    left = (clipped[:, 2:] > 0).all(axis=1)
    return ~people.crowd & (people.area > 0) & left & (people.body_labelled > 0)
