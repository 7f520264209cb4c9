"""`harness explain` and `harness errors` as a user runs them, on records and on files."""

import json
import shutil
from itertools import pairwise

import numpy as np
import pytest

from harness.data.sets import DataRef
from harness.data.types import Predictions
from harness.errors import UserError
from harness.explain.effects import explain
from harness.explain.subjects import open_subject
from harness.figures.regions import luminance
from harness.files import write_json
from harness.inference.store import save_predictions
from harness.job import evaluate_predictions
from harness.protocol import make_protocol
from harness.report.mistakes_figure import STYLES, on
from harness.scoring import Scored, write_results
from harness.scoring.repairs import CLASSES
from tests.helpers import assert_user_error, harness


def evaluation_of(record):
    data = record["data"]["eval"]
    return DataRef(data["dataset"], data["root"], data["split"], data["options"], *data["range"]).open()


def near_truth(split) -> Predictions:
    """Two noisy predictions of each person: enough for suppression and scores to matter."""
    rng = np.random.default_rng(0)
    rows = np.tile(np.arange(len(split.people)), 2)
    points = split.people.keypoints[rows].copy()
    points[:, :, :2] += rng.normal(size=(*points.shape[:2], 2)) * rng.choice([0.3, 1.5, 4.0], (len(rows), 1, 1))
    points[:, :, 2] = rng.random(points.shape[:2])
    return Predictions(split.people.image_id[rows], split.people.box[rows], rng.random(len(rows)), points)


@pytest.fixture
def records(own_results):
    """Two records of one set of predictions, scored under two protocols; the second also says that it did not flip."""
    path = next((own_results / "table_s2" / "smoke").glob("hrnet_w48-*"))
    record = json.loads((path / "record.json").read_text())
    split = evaluation_of(record)
    raw = near_truth(split)
    folders = []
    for name, settings in (("a", {}), ("b", {"nms_oks": 0.3, "visible_score": 0.0, "flip": False})):
        folder = own_results / name
        shutil.copytree(path, folder)
        protocol = {**record["protocol"], "test": {**record["protocol"]["test"], **settings}}
        save_predictions(folder / "predictions.npz", raw)
        metrics, _ = evaluate_predictions(raw, split, split.layout, make_protocol(protocol, name))[:2]
        write_json(folder / "record.json", {**record, "protocol": protocol, "metrics": {"parts": metrics}})
        folders.append(folder)
    return folders


def test_two_records(records):
    done = harness("explain", *records, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["notes"] == []
    assert {d["setting"]: (d["a"], d["b"], d["changeable"]) for d in found["differences"]} == {
        "test.flip": (True, False, "needs a new run"), "test.nms_oks": (0.9, 0.3, "afterwards"),
        "test.visible_score": (0.2, 0.0, "afterwards")}
    flip, = found["out_of_reach"]
    assert flip["option"] == "--set test.flip=false"
    together, = [c for c in found["changes"] if c["setting"] == "all of B's"]
    for part in found["gap"]:
        assert together["parts"][part]["AP"]["remaining_gap"] == pytest.approx(0, abs=1e-12)
    assert any(abs(of["AP"]) > 0.01 for of in found["gap"].values())


def test_the_screen_names_the_settings_their_effects_and_what_needs_a_new_run(records):
    done = harness("explain", *records, "--part", "wholebody", "--metric", "AR")
    assert done.returncode == 0, done.stderr
    for words in ("flip test", "needs a new run", "AR would move by", "gap (B", "remaining gap",
                  "OKS-NMS threshold: 0.3", "--set test.flip=false", "need not be what opened it"):
        assert words in done.stdout, words


def test_a_record_and_a_published_number_on_other_data(records, tmp_path):
    done = harness("explain", records[0], "seed_s2_hrnet_w48", "--out", tmp_path / "found.json")
    assert done.returncode == 0, done.stderr
    assert "not comparable: data set synthetic and coco-wholebody" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["gap"] is None
    settings = {d["setting"]: d for d in found["differences"]}
    assert settings["crop.width"]["b"] == 288
    assert settings["test.batch_size"]["b"] == "not stated"
    assert not settings["seed"]["known"]


def test_a_record_whose_figures_are_not_those_of_its_predictions_says_so(records):
    path = records[0] / "record.json"
    record = json.loads(path.read_text())
    record["metrics"]["parts"]["body"]["AP"] += 0.1
    write_json(path, record)
    note, = explain(open_subject(str(records[0]))).notes
    assert "body AP differs from the record by 0.1000" in note


def test_a_record_without_its_predictions_or_data_can_only_come_second(records):
    (records[1] / "predictions.npz").unlink()
    found = explain(open_subject(str(records[0])), open_subject(str(records[1])))
    assert found.b.evidence is None
    assert found.gap["body"]["AP"] is not None  # from its record
    assert_user_error(harness("explain", records[1], records[0]), "predictions.npz")
    path = records[0] / "record.json"
    record = json.loads(path.read_text())
    record["data"]["eval"] |= {"dataset": "coco-wholebody", "options": {}, "root": "/nowhere"}
    write_json(path, record)
    with pytest.raises(UserError, match=r"/nowhere .*--data-root"):
        explain(open_subject(str(records[0])))


def test_a_number_that_a_table_prints_has_the_tables_training(records):
    found = explain(open_subject(str(records[0])), open_subject("seed_s2_tcformer_large"))
    values = {d.setting: d.b for d in found.differences}
    assert values["train.epochs"] == 210
    assert values["train.people_a_step"] == 16 * 8
    assert values["target.loss"] == "mse"
    assert "train.epochs" not in open_subject("rtmpose_t6_sn").settings


@pytest.mark.parametrize(("text", "words"), [
    ("seed_s2_hrnet_w4", "seed_s2_hrnet_w48"), (".", "no record.json"), ("no/such.json", "no/such.json"),
    ("results.json", "--gt"), ("record.json", "out of memory")])
def test_texts_that_name_nothing_to_explain(tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results.json").write_text("[]")
    if text == "record.json":
        write_json(tmp_path / text, {"schema": 1, "key": "k", "row": "sn", "created": "2026", "status": "failed",
                                      "error": "out of memory"})
    with pytest.raises(UserError, match=words):
        open_subject(text)


def test_options_that_name_nothing(records):
    assert_user_error(harness("explain", "seed_s2_hrnet_w48", records[0]), "published number")
    assert_user_error(harness("explain", records[0], "--metric", "mAP"), "AP", "AR")
    assert_user_error(harness("explain", records[0], "--part", "nose"), "face")


@pytest.fixture
def files(smoke_results, tmp_path):
    """The synthetic annotations, and results for them."""
    record = json.loads(next((smoke_results / "table_s2" / "smoke").glob("hrnet_w48-*/record.json")).read_text())
    split = evaluation_of(record)
    raw = near_truth(split)
    write_results(tmp_path / "results.json", Scored(raw.image_id, raw.keypoints, raw.box_score), split.layout)
    gt, = smoke_results.glob("data/*/annotations/*val*.json")
    return gt, tmp_path / "results.json"


def test_errors_of_files_as_text_data_and_figures(files, tmp_path):
    gt, pred = files
    done = harness("errors", "--gt", gt, "--pred", pred, "--out", tmp_path / "e.json", "--figure", tmp_path / "e.svg")
    assert done.returncode == 0, done.stderr
    for words in ("AP won if only this were repaired", "AP won in turn, up to 1", "left/right swap", "missed people"):
        assert words in done.stdout
    found = json.loads((tmp_path / "e.json").read_text())
    assert found["order"] == list(CLASSES)
    assert found["in_turn"]["missed"]["face"]["AP"] == 1
    assert sum(found["shares"]["face"].values()) == pytest.approx(1)
    assert "<svg" in (tmp_path / "e.svg").read_text()


@pytest.mark.parametrize(("name", "start"), [("e.png", b"\x89PNG"), ("e.pdf", b"%PDF")])
def test_errors_of_a_record(records, tmp_path, name, start):
    done = harness("errors", records[0], "--json", "--figure", tmp_path / name)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    recorded = json.loads((records[0] / "record.json").read_text())["metrics"]["parts"]
    assert {part: of["AP"] for part, of in found["found"].items()} == {p: of["AP"] for p, of in recorded.items()}
    assert (tmp_path / name).read_bytes().startswith(start)


def test_errors_of_a_rows_predictions_against_other_annotations(files, records, tmp_path):
    gt = json.loads(files[0].read_text())
    gt["annotations"] = [{**one, "foot_kpts": [0] * len(one["foot_kpts"])} for one in gt["annotations"]]
    (tmp_path / "footless.json").write_text(json.dumps(gt))
    done = harness("errors", "--gt", tmp_path / "footless.json", "--pred", records[0], "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["found"]
    assert found["foot"]["AP"] is None
    assert found["body"]["AP"] > 0.1


def test_errors_refuses_what_it_cannot_use(files, tmp_path):
    gt, pred = files
    assert_user_error(harness("errors"), "--gt")
    assert_user_error(harness("errors", "--pred", pred), "--gt")
    assert_user_error(harness("errors", "--gt", gt, "--pred", pred, "--figure", tmp_path / "e.gif"), ".png")
    assert_user_error(harness("errors", "--gt", pred, "--pred", gt), "swapped")
    assert not (tmp_path / "e.gif").exists()


def test_numbers_stand_out_from_every_grey():
    for grey in np.linspace(0, 1, 50):
        below = float(luminance(np.full(3, 255 * grey)))
        high, low = sorted([below, {"white": 1.0, "black": 0.0}[on((grey, grey, grey))]], reverse=True)
        assert (high + 0.05) / (low + 0.05) > 4.5  # what WCAG asks of text


def test_neighbours_in_the_figure_differ_in_greyscale():
    def luminance(colour):
        return sum(w * int(colour[i:i + 2], 16) for w, i in ((0.299, 1), (0.587, 3), (0.114, 5)))

    assert list(STYLES) == list(CLASSES)
    for a, b in pairwise(CLASSES):
        (left, left_hatch), (right, right_hatch) = STYLES[a], STYLES[b]
        assert left_hatch != right_hatch or abs(luminance(left) - luminance(right)) > 30, (a, b)
