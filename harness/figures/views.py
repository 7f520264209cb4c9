"""What a network sees of an image: the crop of a person, the crop of a face, or the centre as a classifier sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.crops import warp
from harness.data.geometry import crop_affine, crop_of_box
from harness.data.types import Boxes, People
from harness.errors import UserError, unknown
from harness.figures.panel import read_rgb
from harness.figures.photos import Photos
from harness.figures.rows import Row
from harness.layout import Layout

POSE, FACE, CLASSIFICATION = "pose", "face", "classification"
TASKS = (POSE, FACE, CLASSIFICATION)
"""What an input is for: Figures S5, (not yet) S7 and S8 of the supplementary."""
INPUTS = {POSE: "crop of a person", FACE: "crop of a face, not yet S7", CLASSIFICATION: "centre of the image"}
"""Every task's input in words, for the head of a column."""
NOT_YET_S7 = ("Not yet Figure S7: its network aligns faces (98 points of WFLW) and was trained on crops of faces. This "
              "one was trained on crops of whole people, and is shown faces, which it never saw so large.")


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


def parse_tasks(text: str) -> list[str]:
    """"pose,classification". Raises UserError for others."""
    tasks = [part.strip() for part in text.split(",")]
    for task in tasks:
        if task not in TASKS:
            raise unknown("task", task, TASKS, "in --task")
    return list(dict.fromkeys(tasks))


def tasks_of(row: Row, tasks: list[str]) -> list[str]:
    """Those of the tasks that a row has: a classifier has one. Raises UserError where it has none of them."""
    if not row.classifies:
        return tasks
    if CLASSIFICATION not in tasks:
        raise UserError(f"--task {','.join(tasks)}: {row.title} sees no people; name {CLASSIFICATION}, too")
    return [CLASSIFICATION]


def views_of(photos: Photos, row: Row, task: str, one_each: bool = False) -> list[View]:
    """The crop of every person or face, as the row's protocol has it; for classification the centre of every image.

    `one_each`: of the largest box of every image only. Raises UserError where there is nothing to see.
    """
    if task == CLASSIFICATION:
        found = []
        for image_id, size in zip(photos.split.images.id, photos.split.images.size, strict=True):
            side = row.centre.share * float(size.min())
            found.append(View(int(image_id), size / 2, np.array([side, side]), row.centre.size, row.centre.size))
        return found
    boxes = faces_of(photos) if task == FACE else photos.boxes
    boxes = largest(boxes) if one_each else boxes
    crop = row.protocol.crop
    center, size = crop_of_box(boxes.box, crop.width, crop.height, crop.padding)
    return [View(int(i), c, s, crop.width, crop.height) for i, c, s in zip(boxes.image_id, center, size, strict=True)]


def faces_of(photos: Photos) -> Boxes:
    """The boxes around the labelled points of every annotated face; where nobody is annotated, the boxes as they are,
    which are then taken for faces. Raises UserError where no annotated person has a face."""
    if not photos.annotated:
        return photos.boxes
    found = face_boxes(photos.split.people, photos.split.layout)
    if len(found) == 0:
        raise UserError(f"nobody annotated in {photos.split.dataset}/{photos.split.name} has a labelled face to crop")
    return found


def face_boxes(people: People, layout: Layout) -> Boxes:
    """The box (x, y, w, h) around every person's labelled face points, for faces that have an extent; score 1."""
    ids, boxes = [], []
    if "face" in layout.parts:
        for image_id, keypoints in zip(people.image_id, people.keypoints[:, layout.parts["face"].slice], strict=True):
            seen = keypoints[keypoints[:, 2] > 0, :2]
            if len(seen) and (np.ptp(seen, axis=0) > 0).all():
                ids.append(int(image_id))
                boxes.append(np.concatenate([seen.min(axis=0), np.ptp(seen, axis=0)]))
    return Boxes(np.array(ids, dtype=np.int64), np.array(boxes, dtype=np.float64).reshape(-1, 4), np.ones(len(ids)))


def largest(boxes: Boxes) -> Boxes:
    """The largest box of every image."""
    area = boxes.box[:, 2] * boxes.box[:, 3]
    rows = [int(mine[area[mine].argmax()]) for mine in (np.flatnonzero(boxes.image_id == i)
                                                        for i in np.unique(boxes.image_id))]
    return Boxes(boxes.image_id[rows], boxes.box[rows], boxes.score[rows])


def pixels(photos: Photos, view: View) -> np.ndarray:
    """The network's input (height, width, 3) uint8 RGB. Raises UserError where the image cannot be read."""
    at = int(np.flatnonzero(photos.split.images.id == view.image_id)[0])
    image = read_rgb(photos.split.images.path[at])[:, :, ::-1]
    matrix = crop_affine(view.center, view.size, 0.0, view.width, view.height)
    return warp(np.ascontiguousarray(image), matrix, view.width, view.height)
