"""Reasons against comparing: each change of data, settings or training gives its own, and agreement gives none."""

import copy

import pytest

from harness.published import load_published
from harness.report.comparability import (
    OTHER_DATA_REASON,
    STAND_IN_REASON,
    comparability,
    deviations,
    expected_settings,
    used_published_weights,
)

OWN = {"sbl_res152": "seed_s2_sbl_res152", "hrnet_w48": "seed_s2_hrnet_w48", "tcformer_large": "seed_s2_tcformer_large"}


def changed(record, path, value):
    """A copy of a record with one value changed, by dotted path."""
    record = copy.deepcopy(record)
    *steps, last = path.split(".")
    place = record
    for step in steps:
        place = place[step]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return record


def reasons_of(make, profiles, row, record, published=None, profile="paper", status="measured"):
    source = load_published()[published or OWN[row["id"]]]
    return comparability(make.result(row, status, record), source, profiles[profile], "V1.0")


@pytest.mark.parametrize("name", OWN)
def test_a_faithful_training_is_comparable_with_every_source(make, table, profiles, name):
    row = make.row(table, name)
    for published in row["published"]:
        assert reasons_of(make, profiles, row, make.faithful(row), published) == []


@pytest.mark.parametrize(("path", "value", "words"), [
    ("data.eval.dataset", "synthetic", "evaluated on dataset synthetic"),
    ("data.eval.dataset", KeyError, "does not say the dataset"),
    ("data.eval.split", "train", "split train"),
    ("data.eval.images", 4, "evaluated on images 4, published on 5000"),
    ("data.eval.boxes", "gt", "test.boxes is gt, published with detector"),
    ("data.train.dataset", "synthetic", "trained on synthetic train"),
    ("data.train.split", "val", "trained on coco-wholebody val"),
    ("data.train.range", [0, 1000], "trained on a part of the training split"),
    ("protocol.crop.height", 256, "input 256 × 288, published 384 × 288"),
    ("protocol.crop.padding", 1.0, "crop.padding"),
    ("protocol.test.flip", False, "test.flip is off, published with on"),
    ("protocol.test.flip_shift", False, "test.flip_shift"),
    ("protocol.test.decode", "argmax", "test.decode is argmax, published with quarter"),
    ("protocol.test.visible_score", 0.0, "test.visible_score"),
    ("protocol.test.nms_oks", 0.5, "test.nms_oks"),
    ("protocol.test.precision", "bf16", "test.precision bf16 instead of fp32"),
    ("protocol.target.sigma", 2.0, "target.sigma 2 instead of 3"),
    ("protocol.train.epochs", 10, "train.epochs 10 instead of 210"),
    ("protocol.train.optimizer", "adamw", "train.optimizer adamw instead of adam"),
    ("protocol.train.batch_size", 16, "128 people a training step instead of 256"),
    ("training.processes", 1, "32 people a training step instead of 256"),
    ("protocol.augment.rotation", 0.0, "augment.rotation 0 instead of 40"),
    ("model.name", "sbl_resnet50", "model sbl_resnet50, not sbl_resnet152"),
    ("weights.init", None, "trained from random weights, published from resnet152-b121ed2d.pth"),
])
def test_every_change_has_its_reason(make, table, profiles, path, value, words):
    row = make.row(table, "sbl_res152")
    found = reasons_of(make, profiles, row, changed(make.faithful(row), path, value))
    assert len(found) == 1, found
    assert words in found[0]


@pytest.mark.parametrize(("path", "value"), [
    ("training", {"processes": 2, "shares": 8, "steps": 1000}),  # two worked through the batches of eight
    ("protocol.train.workers", 8), ("protocol.test.batch_size", 3), ("protocol.train.max_broken_images", 0.5),
    ("data.eval.split", "val2017"),
])
def test_what_changes_no_number_is_no_reason(make, table, profiles, path, value):
    row = make.row(table, "sbl_res152")
    assert reasons_of(make, profiles, row, changed(make.faithful(row), path, value)) == []


def test_the_same_people_a_step_on_fewer_processes_are_comparable(make, table, profiles):
    row = make.row(table, "sbl_res152")
    record = changed(changed(make.faithful(row), "training.processes", 4), "protocol.train.batch_size", 64)
    assert reasons_of(make, profiles, row, record) == []


def test_training_settings_do_not_matter_to_given_weights(make, table, profiles):
    row = make.row(table, "hrnet_w48")
    record = changed(make.tested(row, "2" * 64), "protocol.train.epochs", 1)
    assert reasons_of(make, profiles, row, record) == []
    assert deviations(make.result(row, "measured", record), expected_settings(row)) == []


def test_stand_ins_have_one_reason_only(make, table, profiles):
    row = make.row(table, "tcformer_large")
    assert reasons_of(make, profiles, row, make.stand_in(row), profile="demo", status="stand-in") == [STAND_IN_REASON]
    assert reasons_of(make, profiles, row, make.faithful(row), profile="demo") == [STAND_IN_REASON]
    assert reasons_of(make, profiles, row, make.faithful(row), status="stand-in") == [OTHER_DATA_REASON]


@pytest.mark.parametrize(("published", "words"), [
    ("cocowb_v05_zoomnet", "published on annotations V0.5"),
    ("seed_s2_zoomnet_v05", "published on annotations V0.5"),
    ("easycv_hrnet_w48_dark_plus_384x288", "EasyCV: test.boxes is not stated"),
    ("mmpose0x_hrnet_w48_384x288_dark_plus", "test.decode is quarter, published with dark"),
    ("mmpose0x_hrnet_w32_256x192", "MMPose 0.x: test.boxes is not clear"),
    ("mmpose0x_hrnet_w48_512x512", "published bottom-up, run top-down"),
    ("seed_s2_paf", "published with multi-scale testing"),
    ("rtmpose_t6_openpose", "gives no input size"),
])
def test_sources_of_another_kind_are_refused(make, table, profiles, published, words):
    row = make.row(table, "hrnet_w48")
    assert words in "; ".join(reasons_of(make, profiles, row, make.faithful(row), published))


def test_reasons_of_the_record_itself_are_kept(make, table, profiles):
    row = make.row(table, "hrnet_w48")
    record = make.faithful(row, not_comparable=["images were missing"])
    assert reasons_of(make, profiles, row, record) == ["images were missing"]


def test_published_weights_are_known_by_their_hash(make, table):
    row = make.row(table, "sbl_res152")
    source = load_published()["mmpose0x_res152_384x288"]
    given = make.tested(row, "eab8caa8" + "f" * 56)
    assert used_published_weights(make.result(row, "measured", given), source)
    assert not used_published_weights(make.result(row, "measured", make.tested(row, "f" * 64)), source)
    imported = make.tested(row, "f" * 64)
    imported["weights"]["source"] = {"file": source.checkpoint, "sha256": "eab8caa8" + "f" * 56}
    assert used_published_weights(make.result(row, "measured", imported), source)
    trained = make.faithful(row, weights={"init": "x", "file": "y", "sha256": "eab8caa8" + "f" * 56})
    assert not used_published_weights(make.result(row, "measured", trained), source)
    assert not used_published_weights(make.result(row, "measured", given), load_published()["cocowb_v05_sn"])
