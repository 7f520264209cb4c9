"""The person boxes that the network is run on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.data.coco import clip_boxes, read_detections, trainable
from harness.data.crops import image_rows
from harness.data.types import Boxes, Split
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


def _expected(split: Split) -> str:
    """Which file would have held the split's detections, where its data set says so."""
    from harness.data.sets import dataset_spec
    from harness.registry import names

    if split.dataset not in names("datasets"):
        return ""
    files = dataset_spec(split.dataset).splits.get(split.name, {}).get("detections", [])
    return f" (looked for {' or '.join(files)} in the data set's folder)" if files else ""
