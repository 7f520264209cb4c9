"""The paper profile: it plans, builds every model, and takes some steps on real photographs."""

import json

import pytest

from harness.registry import build_model, model_spec, spec_data
from tests.helpers import harness

PARAMETERS = {"sbl_res152": 68_665_285, "hrnet_w48": 63_601_429, "tcformer_large": 65_006_344,
              "tcformer": 27_782_152, "ctm_topk": 27_782_152, "wo_ctm": 27_568_197, "wo_ctm_average": 25_864_261}
"""Counted from mmpose's own models; TCFormers from the golden layouts of their backbones and necks, plus the head; of
those without CTM see tests/tcformer/test_merges.py."""


@pytest.mark.parametrize("row", [row for name in ("table_s2", "table_s3") for row in spec_data("tables", name)["rows"]
                                 if row["id"] in PARAMETERS], ids=lambda row: row["id"])
def test_every_model_of_the_tables_is_built(row):
    model = build_model(model_spec(row["model"], row["model_args"]), 133)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[row["id"]]


@pytest.mark.slow
@pytest.mark.shared
def test_some_steps_on_real_photographs(shared, tmp_path):
    """The sample has no training split; the same four photographs stand in for one, which the record says."""
    sample, root = shared / "data" / "coco-wholebody-sample", tmp_path / "coco"
    (root / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        (root / f"{split}2017").symlink_to(sample / "val2017")
        (root / "annotations" / f"coco_wholebody_{split}_v1.0.json").symlink_to(
            sample / "annotations" / "coco_wholebody_val_v1.0.json")
    done = harness("run", "table_s2", "--profile", "paper", "--data-root", root, "--rows", "tcformer_large",
                   "--boxes", "gt", "--eval-split", "train[0:1]", "--results", tmp_path / "runs", "--device", "cpu",
                   "--set", "train.batch_size=1", "--set", "train.epochs=1", "--set", "train.steps_per_epoch=2",
                   "--set", "train.evaluate_every=0",
                   "--set", "test.batch_size=1", "--set", "test.noise_repeats=1")
    assert done.returncode == 0, done.stderr + done.stdout
    record = json.loads(next((tmp_path / "runs").glob("table_s2/paper/tcformer_large-*/record.json")).read_text())
    assert record["status"] == "measured"
    assert record["model"]["gmacs"] == pytest.approx(38.6, abs=0.1)
    assert record["protocol"]["target"]["loss"] == "mse"
    assert record["training"]["steps"] == 2
    assert len(record["evaluation_noise"]["repeats"]) == 1
    assert any("batch_size 16 -> 1" in note for note in record["notes"])
    assert any("1 of 1 images of coco-wholebody/train[0:1] are trained on" in note for note in record["notes"])
    table = json.loads((tmp_path / "runs" / "table_s2" / "paper" / "table_s2.json").read_text())
    assert "not comparable" in json.dumps(table)
    assert '"reproduced"' not in json.dumps(table)
