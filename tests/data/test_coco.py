"""Reading COCO-WholeBody annotations and detections, and choosing whom to train on."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.data.coco import clip_boxes, read_coco_split, trainable
from harness.data.types import Images, People
from harness.errors import UserError
from harness.layout import load_layout

LAYOUT = load_layout("coco-wholebody")
LENGTHS = {"keypoints": 51, "foot_kpts": 18, "face_kpts": 204, "lefthand_kpts": 63, "righthand_kpts": 63}


def annotation(identity: int, image: int, **changes) -> dict:
    rng = np.random.default_rng(identity)
    person = {"id": identity, "image_id": image, "category_id": 1, "bbox": [10, 20, 30.5, 40], "area": 777.5,
              "iscrowd": 0, "num_keypoints": 17}
    for field, length in LENGTHS.items():
        person[field] = rng.random(length).tolist()
    return {**person, **changes}


@pytest.fixture
def content() -> dict:
    """Three images, not in order, and three annotations, one a crowd."""
    images = [{"id": i, "file_name": f"{i:012d}.jpg", "width": 100 + i, "height": 90} for i in (9, 2, 5)]
    people = [annotation(31, 9), annotation(12, 2, iscrowd=1), annotation(77, 9, num_keypoints=3)]
    return {"images": images, "annotations": people, "categories": [{"id": 1, "name": "person"}]}


def read(tmp_path: Path, content, detections=None):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content))
    boxes = None
    if detections is not None:
        boxes = tmp_path / "boxes.json"
        boxes.write_text(json.dumps(detections))
    return read_coco_split(path, tmp_path / "val", LAYOUT, "coco-wholebody", "val", boxes)


def test_images_by_id_people_in_the_order_of_the_file(content, tmp_path):
    split = read(tmp_path, content)
    assert (split.dataset, split.name, split.layout, split.detections) == ("coco-wholebody", "val", LAYOUT, None)
    assert split.images.id.tolist() == [2, 5, 9]
    assert split.images.path[2] == tmp_path / "val" / "000000000009.jpg"
    assert split.images.size.tolist() == [[102, 90], [105, 90], [109, 90]]
    people = split.people
    assert people.id.tolist() == [31, 12, 77]
    assert people.image_id.tolist() == [9, 2, 9]
    assert people.crowd.tolist() == [False, True, False]
    assert people.box[0].tolist() == [10, 20, 30.5, 40]
    assert people.area.tolist() == [777.5] * 3
    assert people.body_labelled.tolist() == [17, 17, 3]
    joined = [number for field in LENGTHS for number in content["annotations"][2][field]]
    assert people.keypoints[2].ravel().tolist() == joined
    for name in ("box", "area", "keypoints"):
        assert getattr(people, name).dtype == np.float64
    for table, name in ((people, "id"), (people, "image_id"), (people, "body_labelled"), (split.images, "id")):
        assert getattr(table, name).dtype == np.int64


def test_fields_that_may_be_missing(content, tmp_path):
    person = content["annotations"][0]
    for field in ("area", "iscrowd", "num_keypoints", "category_id"):
        del person[field]
    person["keypoints"][2::3] = [0] * 10 + [0.3] * 7
    people = read(tmp_path, content).people
    assert people.area[0] == pytest.approx(0.53 * 30.5 * 40)
    assert not people.crowd[0]
    assert people.body_labelled[0] == 7


def test_a_file_without_people(content, tmp_path):
    split = read(tmp_path, {**content, "annotations": []})
    assert len(split.people) == 0
    assert split.people.keypoints.shape == (0, 133, 3)
    assert trainable(split.people, split.images).shape == (0,)


def test_other_categories_are_left_out(content, tmp_path):
    content["annotations"].insert(0, {"id": 1, "image_id": 9, "category_id": 18, "bbox": [0, 0, 1, 1]})
    assert read(tmp_path, content).people.id.tolist() == [31, 12, 77]


def test_a_file_of_body_key_points_only_is_refused_naming_what_is_missing(content, tmp_path):
    for person in content["annotations"]:
        for field in list(LENGTHS)[1:]:
            del person[field]
    with pytest.raises(UserError, match="annotation 31 lacks foot_kpts, face_kpts, lefthand_kpts, righthand_kpts"):
        read(tmp_path, content)


@pytest.mark.parametrize(("change", "message"), [
    ({"face_kpts": [0.0] * 68}, "annotation 77: face_kpts has 68 numbers, expected 204"),
    ({"bbox": [1, 2, 3]}, "annotation 77: bbox has 3 numbers, expected 4"),
    ({"keypoints": 5}, "annotation 77: keypoints is a number, expected a list of 51 numbers"),
    ({"area": None}, "annotation 77: area is null, expected a number"),
    ({"area": float("nan")}, "annotation 77: area is nan, expected a finite number"),
    ({"image_id": 4}, "annotation 77 is on image 4, which the file does not list"),
    ({"id": 31}, "annotation id 31 is there more than once"),
    ({"id": "x"}, "annotation x: id is text 'x', expected a whole number"),
])
def test_faults_of_an_annotation_are_named(content, tmp_path, change, message):
    content["annotations"][2].update(change)
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, content)
    assert str(tmp_path / "truth.json") in str(caught.value)


@pytest.mark.parametrize(("change", "message"), [
    ({"width": "wide"}, "image 1 of the list: width is text"),
    ({"file_name": 3}, "image 1 of the list: file_name is 3, expected text"),
    ({"id": 9}, "image id 9 is there more than once"),
])
def test_faults_of_an_image_are_named(content, tmp_path, change, message):
    content["images"][1].update(change)
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda content: content["annotations"], "has no list 'images'"),
    (lambda content: {"images": []}, "has no list 'annotations'"),
    (lambda content: {**content, "images": {}}, "images: expected a list, found an object"),
    (lambda content: {**content, "annotations": [3]}, "annotation 0 of the list: expected an object"),
])
def test_other_kinds_of_files_are_refused(content, tmp_path, spoil, message):
    with pytest.raises(UserError, match=message):
        read(tmp_path, spoil(content))


def test_missing_and_broken_files_are_named(tmp_path, content):
    with pytest.raises(UserError, match=r"annotations of d/val: cannot read .*nowhere\.json: No such file"):
        read_coco_split(tmp_path / "nowhere.json", tmp_path, LAYOUT, "d", "val", None)
    (tmp_path / "cut.json").write_text(json.dumps(content)[:-100])
    with pytest.raises(UserError, match=r"cut\.json is not valid JSON"):
        read_coco_split(tmp_path / "cut.json", tmp_path, LAYOUT, "d", "val", None)
    (tmp_path / "truth.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"detections of d/val: cannot read .*boxes\.json"):
        read_coco_split(tmp_path / "truth.json", tmp_path, LAYOUT, "d", "val", tmp_path / "boxes.json")


def detection(image: int, score: float, **changes) -> dict:
    return {"image_id": image, "category_id": 1, "bbox": [1, 2, 3, score], "score": score, **changes}


def test_detections_of_people_on_the_images_of_the_split(content, tmp_path):
    boxes = read(tmp_path, content, [detection(9, 0.5), detection(3, 0.4), detection(2, 0.3, category_id=2),
                                     detection(2, 0.2), detection(9, 0.1)]).detections
    assert boxes.image_id.tolist() == [9, 2, 9]
    assert boxes.score.tolist() == [0.5, 0.2, 0.1]
    assert boxes.box.tolist() == [[1, 2, 3, 0.5], [1, 2, 3, 0.2], [1, 2, 3, 0.1]]
    assert len(read(tmp_path, content, []).detections) == 0


def test_faults_of_a_detection_are_named_by_their_place_in_the_file(content, tmp_path):
    with pytest.raises(UserError, match=r"boxes\.json: entry 2: bbox has 1 numbers, expected 4"):
        read(tmp_path, content, [detection(3, 0.5), detection(9, 0.5), detection(9, 0.5, bbox=[1])])


def test_clipped_boxes():
    size = np.array([[100, 50]])

    def clipped(*box):
        return clip_boxes(np.array([box], float), size)[0].tolist()

    assert clipped(10, 5, 20, 30) == [10, 5, 20, 30]
    assert clipped(90, 40, 20, 30) == [90, 40, 9, 9]  # corners end on the last pixel
    assert clipped(-10, -5, 20, 30) == [0, 0, 20, 30]  # keeps its size, as in mmpose 0.x
    assert clipped(10, 5, -3, 0) == [10, 5, 0, 0]
    assert clipped(120, 5, 10, 10)[2] < 0


def test_whom_to_train_on():
    n = 7
    images = Images(np.array([4, 8]), (Path("a"), Path("b")), np.array([[100, 50], [20, 20]]))
    people = People(np.arange(n), np.full(n, 4), np.full((n, 4), 10.0), np.ones(n), np.zeros(n, bool),
                    np.zeros((n, 133, 3)), np.ones(n, int))
    assert trainable(people, images).all()
    people.crowd[0] = True
    people.area[1] = 0
    people.box[2] = [100, 10, 10, 10]  # begins behind the last pixel
    people.box[3, 2] = 0
    people.body_labelled[4] = 0
    assert trainable(people, images).tolist() == [False] * 5 + [True] * 2
    assert not trainable(replace(people, box=np.full((n, 4), 30.0), image_id=np.full(n, 8)), images).any()


@pytest.mark.shared
def test_the_sample_of_coco_wholebody(shared):
    root = shared / "data" / "coco-wholebody-sample"
    split = read_coco_split(root / "annotations" / "coco_wholebody_val_v1.0.json", root / "val2017", LAYOUT,
                            "coco-wholebody", "val", root / "annotations" / "person_detections.json")
    assert (len(split.images), len(split.people), len(split.detections)) == (4, 14, 118)
    assert all(path.is_file() for path in split.images.path)
    assert not split.people.crowd.any()
    assert trainable(split.people, split.images).sum() == 12
    body = split.people.keypoints[:, :17]
    np.testing.assert_array_equal(split.people.body_labelled, np.count_nonzero(body[:, :, 2] > 0, axis=1))
    np.testing.assert_array_equal(body.any(axis=(1, 2)), split.people.body_labelled > 0)
    assert (np.diff(split.detections.score[split.detections.image_id == 785]) <= 0).all()


@pytest.mark.shared
def test_lengths_are_checked_in_real_annotations(shared, tmp_path):
    path = shared / "data" / "xtcocotools-example" / "example_wholebody_val.json"
    content = json.loads(path.read_text())
    spoilt = copy.deepcopy(content)
    spoilt["annotations"][20]["lefthand_kpts"].pop()
    (tmp_path / "a.json").write_text(json.dumps(spoilt))
    assert len(read_coco_split(path, tmp_path, LAYOUT, "d", "val", None).people) == 26
    identity = content["annotations"][20]["id"]
    with pytest.raises(UserError, match=f"annotation {identity}: lefthand_kpts has 62 numbers, expected 63"):
        read_coco_split(tmp_path / "a.json", tmp_path, LAYOUT, "d", "val", None)
