"""Reading annotations and predictions of every form; every mistaken file is refused in one line."""

import json
import os

import numpy as np
import pytest

from harness.data.types import Predictions
from harness.errors import UserError
from harness.inference.nms import select
from harness.inference.store import save_predictions
from harness.layout import load_layout
from harness.protocol import Protocol
from harness.scoring.inputs import check_predictions, layout_of, load_predictions, load_truth

LAYOUT = load_layout("coco-wholebody")
FIELDS = {part.points: part.stop - part.start for part in LAYOUT.parts.values() if part.points is not None}


def person(identity=1, image=1, **changes):
    points = {field: [5.0, 5.0, 2.0] * count for field, count in FIELDS.items()}
    return {"id": identity, "image_id": image, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 50.0, "iscrowd": 0,
            **points, **changes}


def prediction(image=1, **changes):
    points = {field: [5.0, 5.0, 0.5] * count for field, count in FIELDS.items()}
    return {"image_id": image, "category_id": 1, "score": 0.5, **points, **changes}


@pytest.fixture
def save(tmp_path):
    """Write JSON into a file of the test's folder."""
    def write(name, data):
        (tmp_path / name).write_text(json.dumps(data))
        return tmp_path / name

    return write


@pytest.fixture
def truth(save):
    return save("truth.json", {"images": [{"id": 2}, {"id": 1}], "annotations": [person()]})


def test_truth_with_its_marks_and_counts(save):
    people = [person(1, ignore=1), person(2, foot_valid=False, face_valid=True), person(3, category_id=18), person(4)]
    del people[3]["area"]
    found = load_truth(save("t.json", {"images": [{"id": 2}, {"id": 1}], "annotations": people}), LAYOUT)
    assert found.image_ids.tolist() == [1, 2]
    assert found.people.id.tolist() == [1, 2, 4]
    assert found.marks.ignore.tolist() == [True, False, False]
    assert np.argwhere(found.marks.invalid).tolist() == [[1, k] for k in range(17, 23)]
    assert found.marks.estimated_area.tolist() == [False, False, True]
    assert found.people.area[2] == pytest.approx(53)
    assert found.counts == {"annotations": 4, "other_categories": 1, "areas_estimated": 1}


def test_results_with_their_counts(save):
    found = load_predictions(save("r.json", [prediction(), {"image_id": 1, "category_id": 18}]), LAYOUT)
    assert len(found.scored) == 1
    assert found.counts == {"entries": 2, "other_categories": 1}


@pytest.fixture
def row(tmp_path):
    """A row's folder: a record, and two predictions of which one suppresses the other."""
    box, points = np.tile([0.0, 0, 40, 80], (2, 1)), np.full((2, 133, 3), 0.5)
    raw = Predictions(np.array([1, 1]), box, np.array([0.5, 0.9]), points)
    save_predictions(tmp_path / "predictions.npz", raw)
    (tmp_path / "record.json").write_text(json.dumps({
        "protocol": {"test": {"visible_score": 0.6}}, "predictions": "predictions.npz",
        "data": {"eval": {"layout": "coco-wholebody"}}}))
    return tmp_path


@pytest.mark.parametrize("name", ["", "record.json", "predictions.npz"])
def test_stored_predictions_are_rescored_and_suppressed_by_the_protocol_beside_them(row, name):
    found = load_predictions(row / name, LAYOUT)
    assert found.counts == {"entries": 2, "other_categories": 0, "suppressed": 1}
    assert found.scored.score.tolist() == [0.0]  # no point scores above 0.6
    assert found.source["protocol_from"].endswith("record.json")
    (row / "record.json").unlink()
    alone = load_predictions(row / "predictions.npz", LAYOUT)
    assert alone.scored.score.tolist() == [0.45]
    assert alone.source["protocol_from"] == "the default protocol"


def test_stored_predictions_are_selected_as_a_run_does(case, tmp_path):
    made = case(3)
    scored = made.scored
    box = np.tile([0.0, 0, 100, 100], (len(scored), 1))
    raw = Predictions(scored.image_id, box, scored.score, scored.keypoints)
    save_predictions(tmp_path / "p.npz", raw)
    kept, scores = select(raw, LAYOUT, Protocol())
    found = load_predictions(tmp_path / "p.npz", LAYOUT).scored
    np.testing.assert_array_equal(found.keypoints, scored.keypoints[kept])
    np.testing.assert_array_equal(found.score, scores)


@pytest.mark.parametrize(("content", "message"), [
    ({"images": [], "annotations": []}, "is an annotation file, but predictions were asked for"),
    ({"key": 1}, "expected a list of predictions, found an object"),
    ([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 1}],
     r"entry 0: field keypoints is missing \(layout coco-wholebody\) \(a file of boxes\?\)"),
    ([prediction(keypoints=[0.0] * 42)], "entry 0: keypoints has 42 numbers, expected 51"),
    ([{"image_id": 1, "category_id": 1, "score": 1, "keypoints": [0.0] * 42}],
     "keypoints has 42 numbers.*its points are those of layout lsp: --layout lsp"),
    ([prediction(), prediction(foot_kpts=[0.0] * 17)], "entry 1: foot_kpts has 17 numbers, expected 18"),
    ([prediction(), prediction(score=float("nan"))], "entry 1: score is nan, expected a finite number"),
    ([prediction(face_kpts=[float("nan")] * 204)], r"entry 0: face_kpts\[0\] is nan"),
])
def test_mistaken_prediction_files(save, content, message):
    with pytest.raises(UserError, match=message) as caught:
        load_predictions(save("r.json", content), LAYOUT)
    assert "r.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "message"), [
    ([prediction()], "is a list, as result files are, but annotations were asked for"),
    ({"images": [{"id": 1}, {"id": 1}], "annotations": []}, "image id 1 is there more than once"),
    ({"images": [{"id": 1}], "annotations": [person(7), person(7)]}, "annotation id 7 is there more than once"),
    ({"images": [{"id": 1}], "annotations": [person(7, image=3)]}, "annotation 7 is on image 3, which the file does"),
    ({"images": [{"id": 1}], "annotations": [person(7, area=float("nan"))]}, "annotation 7: area is nan"),
    ({"images": [{"id": 1}]}, "has no list 'annotations'"),
    ({"images": [{"id": 1}], "annotations": [{"id": 1, "category_id": 1, "keypoints": [0] * 51}]},
     "annotation 1 lacks foot_kpts"),
    ("text", "is not valid JSON"),
])
def test_mistaken_annotation_files(save, content, message):
    with pytest.raises(UserError, match=message) as caught:
        load_truth(save("t.json", content), LAYOUT)
    assert "t.json" in str(caught.value)


def test_no_predictions_are_no_mistake(save):
    assert load_predictions(save("r.json", []), LAYOUT).counts == {"entries": 0, "other_categories": 0}


def test_predictions_on_unknown_images(save, truth):
    path = save("r.json", [prediction(1), prediction(9), prediction(8)])
    with pytest.raises(UserError, match=r"2 of 3 predictions are on images that .*, first: image 9"):
        check_predictions(load_predictions(path, LAYOUT), load_truth(truth, LAYOUT), truth)


@pytest.mark.parametrize("load", [load_predictions, load_truth])
def test_ten_gigabytes_of_something_else_are_not_read(tmp_path, load):
    path = tmp_path / "huge.bin"
    with path.open("wb") as file:
        file.truncate(10 * 2**30)  # sparse: takes no room
    with pytest.raises(UserError, match=r"is not valid JSON: it is a binary file of 10.0 GiB"):
        load(path, LAYOUT)


@pytest.mark.parametrize(("load", "head"), [(load_predictions, json.dumps([prediction()])[:-1] + ","),
                                            (load_truth, '{"images": [')])
def test_what_the_memory_cannot_hold_is_not_read(tmp_path, load, head):
    path = tmp_path / "huge.json"
    path.write_text(head + ' ' * 1024)
    with path.open("r+b") as file:
        file.truncate(2**42)  # sparse
    with pytest.raises(UserError, match=r"reading it takes about .* GiB of memory"):
        load(path, LAYOUT)


@pytest.mark.parametrize(("files", "message"), [
    ({}, "is no row of a run: it has no record.json"),
    ({"failure.json": {"error": "out of memory"}}, "has no predictions to evaluate: out of memory"),
    ({"record.json": []}, "it is no record"),
])
def test_folders_without_a_record(tmp_path, files, message):
    for name, data in files.items():
        (tmp_path / name).write_text(json.dumps(data))
    with pytest.raises(UserError, match=message):
        load_predictions(tmp_path, LAYOUT)


def test_stored_predictions_of_another_layout_or_with_nan(row):
    with pytest.raises(UserError, match="133 key points a person, layout lsp has 14"):
        load_predictions(row, load_layout("lsp"))
    points = np.full((1, 133, 3), np.nan)
    save_predictions(row / "predictions.npz", Predictions(np.array([1]), np.ones((1, 4)), np.ones(1), points))
    with pytest.raises(UserError, match="keypoints of prediction 0 is not a finite number"):
        load_predictions(row, LAYOUT)


def test_the_layout_is_found(save, truth, row):
    assert layout_of("lsp", truth, row).name == "lsp"
    assert layout_of(None, truth, row / "elsewhere.json").name == "coco-wholebody"
    joints = save("lsp.json", {"images": [{"id": 1}], "annotations": [{"keypoints": [0.0] * 42}]})
    (row / "record.json").unlink()
    assert layout_of(None, joints, row / "r.json").name == "lsp"
    (row / "record.json").write_text(json.dumps({"data": {"eval": {"layout": "lsp"}}}))
    assert layout_of(None, truth, row).name == "lsp"


def test_a_file_that_is_not_there(tmp_path):
    for load in (load_predictions, load_truth):
        with pytest.raises(UserError, match=r"cannot read .*nowhere\.json: No such file"):
            load(tmp_path / "nowhere.json", LAYOUT)
    assert not os.listdir(tmp_path)
