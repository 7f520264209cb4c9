"""The images that a figure shows, with the boxes that the network is run on and, where known, the people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.data.coco import read_coco_split
from harness.data.images import decode_image
from harness.data.types import Boxes, Images, People, Split
from harness.errors import UserError
from harness.figures.rows import Row
from harness.inference.boxes import annotated_boxes
from harness.layout import Layout
from harness.predicting import boxes_on


@dataclass(frozen=True)
class Photos:
    """Images and boxes."""

    split: Split
    """The images, and their annotated people, if any."""
    boxes: Boxes
    notes: list[str]

    @property
    def annotated(self) -> bool:
        """Whether it is known where people are."""
        return len(self.split.people) > 0


def of_images(asked: list[str], row: Row, boxes: str | None, data_root: str | None) -> Photos:
    """Image files, with `boxes` as of `harness predict` (people are known from a file of annotations), or ids of
    images of the row's evaluation data, with their annotated people.

    Raises UserError for what is neither, an unreadable image, and where no box is on an image.
    """
    files = [Path(text) for text in asked]
    if not any(path.is_file() for path in files) and all(text.isdigit() for text in asked):
        if boxes is not None:
            raise UserError(f"--boxes {boxes}: images of the evaluation data have boxes of their own")
        return of_evaluation(row.data(data_root), [int(text) for text in asked])
    sizes = []
    for path in files:
        image = decode_image(path)
        if isinstance(image, str):
            raise UserError(f"--image {path}: {image} (expected an image file, or the number of an image of the row's "
                            "evaluation data)")
        sizes.append(image.shape[1::-1])
    images = Images(ids_of(files), tuple(files), np.array(sizes, dtype=np.int64))
    split = Split("images", "images", row.layout, images, nobody(row.layout))
    chosen, notes = boxes_on(split, boxes)
    if boxes is not None and (annotations := Path(boxes)).is_file():
        split = replace(split, people=annotated_people(annotations, split))
    return Photos(split, chosen, notes)


def ids_of(files: list[Path]) -> np.ndarray:
    """The ids of image files, as `harness predict` gives them: their names where all are numbers, else from 1 on."""
    names = [path.stem for path in files]
    if all(name.isdigit() for name in names) and len(set(map(int, names))) == len(names):
        return np.array([int(name) for name in names], dtype=np.int64)
    return np.arange(1, len(files) + 1)


def of_evaluation(split: Split, ids: list[int]) -> Photos:
    """Images of a data set and the boxes of its annotated people, all images where `ids` is empty."""
    missing = [i for i in ids if i not in split.images.id]
    if missing:
        first = ", ".join(map(str, split.images.id[:5]))
        raise UserError(f"--image {missing[0]}: {split.dataset}/{split.name} has no image of that number "
                        f"({len(split.images)} images: {first}, ...)")
    if ids:
        images = images_of(split.images, ids)
        split = replace(split, images=images, people=people_of(split.people, images.id))
    boxes = annotated_boxes(split)
    if len(boxes) == 0:
        raise UserError(f"no annotated person with a body point is on image(s) {', '.join(map(str, ids))} of "
                        f"{split.dataset}/{split.name}")
    return Photos(split, boxes, [f"boxes: of the annotated people of {split.dataset}/{split.name}"])


def images_of(images: Images, ids: list[int]) -> Images:
    """Some of the images, in their order."""
    rows = np.flatnonzero(np.isin(images.id, ids))
    return Images(images.id[rows], tuple(images.path[i] for i in rows), images.size[rows])


def people_of(people: People, image_ids: np.ndarray) -> People:
    """The people on some images, (I,) ids."""
    keep = np.isin(people.image_id, image_ids)
    return People(**{name: values[keep] for name, values in vars(people).items()})


def annotated_people(annotations: Path, split: Split) -> People:
    """The people that a file of annotations in COCO's form has on these images, by file name; nobody where it is a
    list of detections."""
    if annotations.read_bytes()[:1000].lstrip()[:1] != b"{":
        return split.people
    found = read_coco_split(annotations, Path(), split.layout, split.dataset, split.name, None)
    number = {path.name: int(i) for i, path in zip(split.images.id, split.images.path, strict=True)}
    here = {int(i): number[path.name] for i, path in zip(found.images.id, found.images.path, strict=True)
            if path.name in number}
    people = people_of(found.people, np.array(list(here), dtype=np.int64))
    return replace(people, image_id=np.array([here[int(i)] for i in people.image_id], dtype=np.int64))


def nobody(layout: Layout) -> People:
    """No people."""
    none = np.zeros(0)
    whole = none.astype(np.int64)
    return People(whole, whole, np.zeros((0, 4)), none, none.astype(bool), np.zeros((0, layout.size, 3)), whole)
