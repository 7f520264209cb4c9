"""Curves of precision against recall: those whose mean is the recorded AP, and nothing else."""

import json
from itertools import pairwise

import numpy as np
import pytest

from harness.data.sets import DataRef
from harness.data.types import Predictions
from harness.errors import UserError
from harness.inference.boxes import test_boxes as boxes_of
from harness.inference.nms import select
from harness.inference.store import save_predictions
from harness.layout import load_layout
from harness.page import precision
from harness.protocol import make_protocol
from harness.report.model import RowResult
from harness.scoring import Scored, score


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder with predictions near drawn people, and a record of their scores."""
    root, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("row")
    reference = DataRef("synthetic", str(root / "people"), "val", {"train": 2, "val": 4})
    split = reference.open()
    protocol = make_protocol({"crop": {"height": 64, "width": 64}, "test": {"boxes": "gt"}}, "test")
    rng = np.random.default_rng(0)
    people = split.people
    points = people.keypoints.copy()
    points[..., :2] += rng.normal(0, 3, points[..., :2].shape)
    points[..., 2] = rng.random(points.shape[:2]) * 0.5 + 0.5
    boxes = boxes_of(split, protocol.test)
    assert len(boxes.box) == len(points)
    raw = Predictions(boxes.image_id, boxes.box, boxes.score, points)
    save_predictions(folder / "predictions.npz", raw)
    kept, scores = select(raw, load_layout("coco-wholebody"), protocol)
    metrics = score(people, Scored(raw.image_id[kept], raw.keypoints[kept], scores), load_layout("coco-wholebody"),
                    split.images.id)
    record = {"key": "k", "row": "r", "title": "R", "predictions": "predictions.npz", "status": "stand-in",
              "model": {"name": "m"}, "protocol": protocol.model_dump(mode="json"), "metrics": {"parts": metrics},
              "hashes": {"evaluate": reference.fingerprint()},
              "data": {"eval": {"dataset": "synthetic", "split": "val", "root": str(root / "people"),
                                "options": {"train": 2, "val": 4}, "range": [0, None], "layout": "coco-wholebody"}}}
    return record, folder


def test_the_mean_of_a_curve_is_the_recorded_figure(recorded):
    record, folder = recorded
    found = precision.curves_of(record, folder)
    assert {"body", "face", "hand", "wholebody"} <= set(found)
    for part, levels in found.items():
        for level, values in levels.items():
            assert len(values) == 101
            assert all(a >= b - 1e-12 for a, b in pairwise(values))
            assert np.mean(values) == pytest.approx(record["metrics"]["parts"][part][precision.LEVELS[level]], abs=1e-9)
    assert 0 < np.mean(found["wholebody"]["0.50 to 0.95, mean"]) < 1


def test_what_was_worked_out_is_kept_and_used(recorded, monkeypatch):
    record, folder = recorded
    first = precision.curves_of(record, folder)
    monkeypatch.setattr(precision, "_score", lambda *a: pytest.fail("scored again"))
    assert precision.curves_of(record, folder) == first


def test_curves_of_other_figures_are_refused(recorded):
    record, folder = recorded
    changed = json.loads(json.dumps(record))
    changed["metrics"]["parts"]["body"]["AP"] += 1e-6
    with pytest.raises(UserError, match=r"scored again, body AP is not the .* of the record"):
        precision.curves_of(changed, folder)


def test_what_is_missing_is_said_below_the_chart(recorded, tmp_path):
    record, _ = recorded
    row = RowResult({"id": "r", "title": "R"}, "stand-in", record)
    (chart,) = precision.chart([(row, tmp_path)], ["body"], "t")
    assert chart.views == ()
    assert any("No curve of R:" in note and "predictions.npz is not there" in note for note in chart.notes)


def test_data_that_are_gone_are_not_made_again(recorded, tmp_path):
    record, folder = recorded
    moved = json.loads(json.dumps(record))
    moved["data"]["eval"]["root"] = str(tmp_path / "gone")
    (folder / precision.FILE).unlink(missing_ok=True)
    with pytest.raises(UserError, match="no longer in"):
        precision.curves_of(moved, folder)
    assert not (tmp_path / "gone").exists()
