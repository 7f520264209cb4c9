"""The person boxes that the network is run on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.data.coco import clip_boxes, read_coco_split, read_detections, trainable
from harness.data.crops import image_rows
from harness.data.types import Boxes, Images, Split
from harness.errors import UserError
from harness.protocol import Test


def test_boxes(split: Split, test: Test) -> Boxes:
    """The boxes of `test.boxes`, in their own order; scores below `test.min_box_score` are left out.

    "gt": annotated people that pass the training filter, clipped to the image, score 1 (mmpose's
    use_gt_bbox). "detector": the split's own detections. Anything else: a JSON file of detections in COCO's
    result form, of which only images of the split count. Detected boxes are not clipped (mmpose).
    Raises UserError where there are none to use.
    """
    title = f"{split.dataset}/{split.name}"
    if test.boxes == "gt":
        boxes, source = annotated_boxes(split), "the annotations"
    elif test.boxes == "detector":
        if split.detections is None:
            raise UserError(f"{title} has no detector boxes{_expected(split)}; use --boxes gt or a file")
        boxes, source = split.detections, "the detections"
    elif Path(test.boxes).is_file():
        boxes, source = read_detections(Path(test.boxes), split.images, title), test.boxes
    else:
        raise UserError(f"--boxes {test.boxes}: no such file (choices: gt, detector, a JSON file of detections)")
    chosen = take(boxes, np.isin(boxes.image_id, split.images.id) & (boxes.score >= test.min_box_score))
    if len(chosen) == 0:
        raise UserError(f"no box in {source} is on an image of {title} with a score of at least "
                        f"{test.min_box_score:g} (test.min_box_score)")
    return chosen


test_boxes.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest makes of the name


def take(boxes: Boxes, rows: np.ndarray) -> Boxes:
    """The boxes at an index array or where a mask (N,) is true."""
    return Boxes(boxes.image_id[rows], boxes.box[rows], boxes.score[rows])


def annotated_boxes(split: Split) -> Boxes:
    """The boxes of the people that pass the training filter, clipped to their images, with score 1."""
    people = split.people
    chosen = trainable(people, split.images)
    image_id = people.image_id[chosen]
    box = clip_boxes(people.box[chosen], split.images.size[image_rows(split.images, image_id)])
    return Boxes(image_id, box, np.ones(len(image_id)))


def folder_boxes(split: Split, boxes: str | None) -> tuple[Boxes, list[str]]:
    """The boxes to run on in a folder of images, a split without people, and what must be said about them.

    None: every image is one box. "x,y,w,h" in pixels: that box in every image. Else a JSON file: detections in COCO's
    result form, by image id, or annotations in COCO's form, by file name, with the people that `annotated_boxes` takes.
    Raises UserError for what is none of these, and where no box is on an image of the folder.
    """
    images, count = split.images, len(split.images)
    if boxes is None:
        whole = np.concatenate([np.zeros((count, 2)), images.size.astype(np.float64)], axis=1)
        return Boxes(images.id, whole, np.ones(count)), ["boxes: the whole image is one person (--boxes for others)"]
    path = Path(boxes)
    if "," in boxes and not path.is_file():
        return Boxes(images.id, np.tile(_one_box(boxes, images), (count, 1)), np.ones(count)), [
            f"boxes: {boxes} in every image"]
    try:
        if _holds_object(path):
            found, named = _boxes_by_file_name(path, split), f"names {images.path[0].name} ..."
        else:
            found, named = read_detections(path, images, "the images"), f"ids {images.id[:3].tolist()} ..."
    except UserError as error:
        raise UserError(f"--boxes {boxes}: neither detections nor annotations: {error}") from error
    if len(found) == 0:
        raise UserError(f"--boxes {boxes}: no box is of an image in this folder ({named})")
    return found, [f"boxes: {len(found)} of {boxes}"]


def _one_box(text: str, images: Images) -> np.ndarray:
    """The four numbers of "x,y,w,h"."""
    try:
        box = np.array([float(number) for number in text.split(",")])
    except ValueError:
        box = np.zeros(0)
    if len(box) != 4 or not np.isfinite(box).all():
        raise UserError(f"--boxes {text}: expected four numbers x,y,w,h or a file of detections or annotations")
    if box[2] <= 0 or box[3] <= 0:
        raise UserError(f"--boxes {text}: width and height must be positive")
    if not ((box[:2] < images.size) & (box[:2] + box[2:] > 0)).all(axis=1).any():
        raise UserError(f"--boxes {text}: outside of every image")
    return box


def _holds_object(path: Path) -> bool:
    """Whether a JSON file is an object, as annotations are, and not a list; False for one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(1000).lstrip().startswith(b"{")
    except OSError:
        return False


def _boxes_by_file_name(path: Path, split: Split) -> Boxes:
    """The annotated boxes on those images of the file whose names the folder has."""
    annotated = read_coco_split(path, Path(), split.layout, split.dataset, split.name, None)
    boxes = annotated_boxes(annotated)
    name_of = {int(i): name.name for i, name in zip(annotated.images.id, annotated.images.path, strict=True)}
    id_of = {name.name: int(i) for i, name in zip(split.images.id, split.images.path, strict=True)}
    names = [name_of[int(i)] for i in boxes.image_id]
    here = take(boxes, np.array([name in id_of for name in names], dtype=bool))
    return Boxes(np.array([id_of[name] for name in names if name in id_of], dtype=np.int64), here.box, here.score)


def _expected(split: Split) -> str:
    """Which file would have held the split's detections, where its data set says so."""
    from harness.data.sets import dataset_spec
    from harness.registry import names

    if split.dataset not in names("datasets"):
        return ""
    files = dataset_spec(split.dataset).splits.get(split.name, {}).get("detections", [])
    return f" (looked for {' or '.join(files)} in the data set's folder)" if files else ""
