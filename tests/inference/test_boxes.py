import json

import numpy as np
import pytest

from harness.data.types import Boxes
from harness.errors import UserError
from harness.inference.boxes import folder_boxes
from harness.inference.boxes import test_boxes as boxes_for


def test_annotated_boxes_are_those_of_the_training_filter(make_split, make_settings):
    split = make_split()
    split.people.crowd[0] = True
    split.people.body_labelled[3] = 0
    split.people.box[5] = [-10, 100, 50, 60]
    boxes = boxes_for(split, make_settings(boxes="gt").test)
    np.testing.assert_array_equal(boxes.image_id, [10, 10, 11, 11])
    np.testing.assert_array_equal(boxes.box[0], split.people.box[1])
    np.testing.assert_allclose(boxes.box[3], [0, 100, 50, 19])  # clipped to 160 x 120
    assert (boxes.score == 1).all()


def test_detections_come_as_they_are(make_split, make_settings):
    split = make_split()
    split.detections.box[0] = [-10, 100, 50, 60]
    boxes = boxes_for(split, make_settings(boxes="detector").test)
    np.testing.assert_array_equal(boxes.box, split.detections.box)  # not clipped
    np.testing.assert_array_equal(boxes.score, split.detections.score)


def test_a_score_of_exactly_the_least_stays(make_split, make_settings):
    split = make_split()
    split.detections.score[:] = [0.1, 0.5, 0.9, 0.49, 0.5, 1.0]
    boxes = boxes_for(split, make_settings(boxes="detector", min_box_score=0.5).test)
    np.testing.assert_array_equal(boxes.score, [0.5, 0.9, 0.5, 1.0])


def test_no_detector_boxes_is_an_error_that_says_what_to_do(make_split, make_settings):
    from dataclasses import replace

    bare = make_split(detections=False)
    with pytest.raises(UserError, match=r"noise/val has no detector boxes; use --boxes gt or a file"):
        boxes_for(bare, make_settings(boxes="detector").test)
    known = replace(bare, dataset="coco-wholebody")
    with pytest.raises(UserError, match=r"looked for .*COCO_val2017_detections_AP_H_56_person\.json"):
        boxes_for(known, make_settings(boxes="detector").test)


def write(path, entries):
    path.write_text(json.dumps(entries))
    return str(path)


def entry(image_id=10, score=0.9, category_id=1, bbox=(1, 2, 30, 40)):
    return {"image_id": image_id, "bbox": list(bbox), "score": score, "category_id": category_id}


def test_boxes_of_a_file(make_split, make_settings, tmp_path):
    path = write(tmp_path / "d.json", [entry(11), entry(10, 0.2), entry(10, category_id=3), entry(99), entry(10)])
    boxes = boxes_for(make_split(), make_settings(boxes=path, min_box_score=0.3).test)
    np.testing.assert_array_equal(boxes.image_id, [11, 10])
    np.testing.assert_array_equal(boxes.box, [[1, 2, 30, 40]] * 2)
    assert isinstance(boxes, Boxes)


@pytest.mark.parametrize("content", ["not JSON", '{"a": 1}', '[{"image_id": 10}]',
                                     '[{"image_id": 10, "category_id": 1, "bbox": [1, 2, 3], "score": 1}]'])
def test_a_malformed_file_is_named(make_split, make_settings, tmp_path, content):
    path = tmp_path / "d.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"d\.json"):
        boxes_for(make_split(), make_settings(boxes=str(path)).test)


def test_a_missing_file_is_named_with_the_choices(make_split, make_settings):
    with pytest.raises(UserError, match=r"--boxes nowhere\.json: no such file .*gt, detector"):
        boxes_for(make_split(), make_settings(boxes="nowhere.json").test)


def test_a_file_of_other_images_is_an_error(make_split, make_settings, tmp_path):
    path = write(tmp_path / "d.json", [entry(99)])
    with pytest.raises(UserError, match=r"no box in .*d\.json is on an image of noise/val"):
        boxes_for(make_split(), make_settings(boxes=path).test)


def annotations(path, names):
    """A file that has picture 0 under id 70 and another under 80, with two people each; one is a crowd."""
    points = [5.0, 5, 2] * 14
    people = [{"id": i, "image_id": image, "category_id": 1, "bbox": [4 + i, 2, 30, 300], "area": 9.0,
               "iscrowd": i == 1, "keypoints": points, "num_keypoints": 14} for i, image in enumerate([70, 70, 80, 80])]
    images = [{"id": 70 + 10 * i, "file_name": name, "width": 160, "height": 120} for i, name in enumerate(names)]
    path.write_text(json.dumps({"images": images, "annotations": people}))
    return str(path)


def test_in_a_folder_the_whole_image_is_a_box(make_split):
    boxes, (note,) = folder_boxes(make_split(), None)
    np.testing.assert_array_equal(boxes.box, [[0, 0, 160, 120]] * 2)
    np.testing.assert_array_equal(boxes.image_id, [10, 11])
    assert "whole image" in note


def test_in_a_folder_annotated_people_count_by_file_name_as_in_training(make_split, tmp_path):
    path = annotations(tmp_path / "a.json", ["0.png", "elsewhere.png"])
    boxes, (note,) = folder_boxes(make_split(), path)
    np.testing.assert_array_equal(boxes.image_id, [10])
    np.testing.assert_array_equal(boxes.box, [[4, 2, 30, 117]])  # clipped; no crowd
    np.testing.assert_array_equal(boxes.score, [1])
    assert note == f"boxes: 1 of {path}"


def test_in_a_folder_detections_count_by_id(make_split, tmp_path):
    path = write(tmp_path / "d.json", [entry(11), entry(99)])
    boxes, _ = folder_boxes(make_split(), path)
    np.testing.assert_array_equal(boxes.image_id, [11])
    np.testing.assert_array_equal(boxes.score, [0.9])


def test_boxes_of_other_images_are_an_error(make_split, tmp_path):
    with pytest.raises(UserError, match=r"no box is of an image in this folder \(names 0\.png"):
        folder_boxes(make_split(), annotations(tmp_path / "a.json", ["x.png", "y.png"]))
    with pytest.raises(UserError, match=r"no box is of an image in this folder \(ids \[10, 11\]"):
        folder_boxes(make_split(), write(tmp_path / "d.json", [entry(99)]))
    with pytest.raises(UserError, match=r"cannot read .*none\.json"):
        folder_boxes(make_split(), str(tmp_path / "none.json"))
