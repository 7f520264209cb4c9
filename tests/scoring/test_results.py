"""Result files: what is written comes back, and every fault is named."""

import json
from dataclasses import replace

import numpy as np
import pytest

from harness.errors import UserError
from harness.layout import load_layout
from harness.scoring import Scored, load_results, write_results

LAYOUT = load_layout("coco-wholebody")


@pytest.fixture
def entries():
    """Two predictions as they stand in a file."""
    rng = np.random.default_rng(0)
    lengths = {"keypoints": 51, "foot_kpts": 18, "face_kpts": 204, "lefthand_kpts": 63, "righthand_kpts": 63}
    return [{"image_id": i, "category_id": 1, "score": 0.5 + i / 10,
             **{field: rng.random(length).tolist() for field, length in lengths.items()}} for i in (3, 1)]


def save(path, data):
    path.write_text(json.dumps(data))
    return path


def assert_same(a: Scored, b: Scored):
    for name in ("image_id", "keypoints", "score"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert (a.box is None) == (b.box is None)
    if a.box is not None:
        np.testing.assert_array_equal(a.box, b.box)
    assert (a.part_scores or {}).keys() == (b.part_scores or {}).keys()
    for part, values in (a.part_scores or {}).items():
        np.testing.assert_array_equal(values, b.part_scores[part])


@pytest.mark.parametrize("layout", ["coco-wholebody", "lsp"])
def test_round_trip(case, layout, tmp_path):
    made = case(2, layout=layout)
    scored = made.scored
    scored.keypoints[:, :, :2] += 1 / 3
    write_results(tmp_path / "a.json", scored, made.layout)
    assert_same(load_results(tmp_path / "a.json", made.layout), scored)
    if layout == "coco-wholebody":
        n = len(scored)
        scored = replace(scored, box=np.arange(4.0 * n).reshape(n, 4) / 7,
                         part_scores={"foot": scored.score / 3, "wholebody": scored.score / 7})
        write_results(tmp_path / "b.json", scored, made.layout)
        assert_same(load_results(tmp_path / "b.json", made.layout), scored)


def test_no_predictions(tmp_path):
    nothing = Scored(np.zeros(0, int), np.zeros((0, 133, 3)), np.zeros(0))
    write_results(tmp_path / "none.json", nothing, LAYOUT)
    assert len(load_results(tmp_path / "none.json", LAYOUT)) == 0


def test_points_go_to_their_parts(entries, tmp_path):
    scored = load_results(save(tmp_path / "r.json", entries), LAYOUT)
    assert scored.image_id.tolist() == [3, 1]
    assert scored.score.tolist() == [0.8, 0.6]
    assert scored.keypoints[0, 17:23].ravel().tolist() == entries[0]["foot_kpts"]
    assert scored.keypoints[1, 112:133].ravel().tolist() == entries[1]["righthand_kpts"]
    assert scored.part_scores is None
    assert scored.box is None


def test_a_missing_part_score_falls_back_to_the_score(entries, tmp_path):
    entries[1]["foot_score"] = 0.25
    entries[1]["body_score"] = 0.9  # in published files, but the metric ranks bodies by `score`
    scored = load_results(save(tmp_path / "r.json", entries), LAYOUT)
    assert list(scored.part_scores) == ["body", "foot"]
    assert scored.part_scores["foot"].tolist() == [0.8, 0.25]
    assert scored.filled["foot"].tolist() == [True, False]
    assert scored.ranking("body", LAYOUT, "part").tolist() == [0.8, 0.6]


def test_the_first_entry_decides_whether_there_are_boxes(entries, tmp_path):
    entries[1]["bbox"] = [1, 2, 3, 4]
    assert load_results(save(tmp_path / "r.json", entries), LAYOUT).box is None
    with pytest.raises(UserError, match="entry 1: field bbox is missing"):
        load_results(save(tmp_path / "s.json", entries[::-1]), LAYOUT)
    entries[0]["bbox"] = [5, 6, 7, 8]
    assert load_results(save(tmp_path / "t.json", entries), LAYOUT).box.tolist() == [[5, 6, 7, 8], [1, 2, 3, 4]]


def test_other_categories_are_left_out(entries, tmp_path):
    entries.insert(1, {"image_id": 3, "category_id": 18, "score": 1.0})
    scored = load_results(save(tmp_path / "r.json", entries), LAYOUT)
    assert scored.image_id.tolist() == [3, 1]
    del entries[2]["score"]
    with pytest.raises(UserError, match="entry 2: field score is missing"):
        load_results(save(tmp_path / "r.json", entries), LAYOUT)


@pytest.mark.parametrize(("change", "message"), [
    ({"face_kpts": [0.0] * 203}, "face_kpts has 203 numbers, expected 204"),
    ({"keypoints": [0.0] * 399}, "keypoints has 399 numbers, expected 51"),
    ({"keypoints": None}, "keypoints is null, expected a list of 51 numbers"),
    ({"foot_kpts": ["1"] * 18}, r"foot_kpts\[0\] is text, expected a number"),
    ({"foot_kpts": [0.0] * 4 + [None] + [0.0] * 13}, r"foot_kpts\[4\] is null, expected a number"),
    ({"foot_kpts": [0.0] * 4 + [[1]] + [0.0] * 13}, r"foot_kpts\[4\] is a list, expected a number"),
    ({"foot_kpts": [[1, 2, 3]] * 18}, r"foot_kpts\[0\] is a list, expected a number"),
    ({"foot_kpts": [0.0] * 17 + [float("nan")]}, r"foot_kpts\[17\] is nan, expected a finite number"),
    ({"foot_kpts": [0.0, True] * 9}, r"foot_kpts\[1\] is a truth value, expected a number"),
    ({"score": float("nan")}, "score is nan, expected a finite number"),
    ({"score": float("-inf")}, "score is -inf, expected a finite number"),
    ({"score": True}, "score is a truth value, expected a number"),
    ({"score": 10**400}, "score is .*expected a finite number"),
    ({"foot_kpts": [10**400] * 18}, "foot_kpts.* is .*expected a finite number"),
    ({"score": "high"}, "score is text, expected a number"),
    ({"foot_score": [0.5]}, "foot_score is a list, expected a number"),
    ({"image_id": "785"}, "image_id is text '785', expected a whole number"),
    ({"image_id": 7.5}, "image_id is a number 7.5, expected a whole number"),
    ({"category_id": None}, "category_id is null None, expected a whole number"),
])
def test_faults_of_an_entry_are_named(entries, tmp_path, change, message):
    for place in range(2):
        spoilt = [dict(entry) for entry in entries]
        spoilt[place].update(change)
        path = save(tmp_path / "r.json", spoilt)
        with pytest.raises(UserError, match=message) as caught:
            load_results(path, LAYOUT)
        assert f"{path}: entry {place}:" in str(caught.value)


@pytest.mark.parametrize("field", ["image_id", "category_id", "score", "keypoints", "foot_kpts", "righthand_kpts"])
def test_missing_fields_are_named(entries, tmp_path, field):
    del entries[1][field]
    with pytest.raises(UserError, match=f"entry 1: field {field} is missing"):
        load_results(save(tmp_path / "r.json", entries), LAYOUT)


@pytest.mark.parametrize(("text", "message"), [
    ("[{]", "not valid JSON"),
    ("", "not valid JSON"),
    ("\xff", "not valid JSON"),
    ("[" * 100_000, "not valid JSON"),
    ('{"annotations": []}', "expected a list, found an object"),
    ("[1]", "entry 0: expected an object with fields, found a number"),
])
def test_faults_of_a_file_are_named(tmp_path, text, message):
    path = tmp_path / "r.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=message) as caught:
        load_results(path, LAYOUT)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*nowhere\.json: No such file"):
        load_results(tmp_path / "nowhere.json", LAYOUT)


def test_numbers_that_are_not_finite_are_not_written(case, tmp_path):
    made = case(2)
    made.scored.score[0] = np.nan
    with pytest.raises(UserError, match="score of prediction 0"):
        write_results(tmp_path / "r.json", made.scored, made.layout)
    assert not (tmp_path / "r.json").exists()
