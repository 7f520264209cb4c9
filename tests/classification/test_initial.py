"""A classifier's weights start pose networks with the same body, and say what was used and what was left."""

import pytest
import torch

from harness.classification.check import starts
from harness.errors import UserError
from harness.registry import build_model, load_attribute, model_spec, spec_data
from harness.weights import load_initial

ROWS = {row["id"]: row for row in spec_data("tables", "imagenet")["rows"]}


def classifier_of(row, profile="demo", classes=12):
    entry = ROWS[row]["stand_ins"][profile]
    torch.manual_seed(0)
    made = entry["classifier"]
    return load_attribute(made["builder"])(num_classes=classes, **made["args"]), entry


def saved(path, row="base"):
    """A checkpoint as a training of the row leaves it."""
    network, entry = classifier_of(row)
    torch.save({"format": "wholebody-harness", "meta": {"kind": "classification", "model": entry["model"]},
                "model": network.state_dict()}, path)
    return network


@pytest.mark.parametrize(("row", "model"), [
    ("base", "tcformer_small"), ("base_topk", "tcformer_small_topk"), ("base_grid", "tcformer_small_grid"),
    ("base", "tcformer_small_topk"),  # the same tensors by name and shape
])
def test_every_stand_in_starts_its_pose_network(tmp_path, row, model):
    network = saved(tmp_path / "w.pth", row)
    pose = build_model(model_spec(model), 133)
    started = load_initial(pose, model_spec(model), tmp_path / "w.pth")
    own = pose.state_dict()
    for key, value in network.state_dict().items():
        if not key.startswith("head."):
            assert torch.equal(own[f"backbone.{key}"], value)
    assert started.left == ("head.bias", "head.weight")
    assert set(started.used) == {key for key in own if key.startswith("backbone.")}
    assert {key.split(".")[0] for key in started.fresh} == {"neck", "keypoint_head"}
    assert f"{len(started.used)} of its tensors were used, 2 were left (head.bias, head.weight)" in \
        started.text(tmp_path / "w.pth")


def test_another_body_is_refused_with_its_keys(tmp_path):
    saved(tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"does not fit tcformer_small_grid: keys .* missing \(backbone\.patch_embed2"):
        load_initial(build_model(model_spec("tcformer_small_grid"), 133), model_spec("tcformer_small_grid"),
                     tmp_path / "w.pth")


def test_a_classifier_starts_from_one_of_other_classes_and_from_a_pose_network(tmp_path):
    saved(tmp_path / "w.pth")
    spec = model_spec("tcformer_small")
    other, _ = classifier_of("base", classes=5)
    started = load_initial(other, spec, tmp_path / "w.pth", head="head")
    assert started.fresh == started.left == ("head.bias", "head.weight")
    pose = build_model(spec, 14)
    torch.save({"model": pose.state_dict()}, tmp_path / "pose.pth")
    started = load_initial(other, spec, tmp_path / "pose.pth", head="head")
    assert torch.equal(other.state_dict()["norm4.weight"], pose.state_dict()["backbone.norm4.weight"])
    assert started.fresh == ("head.bias", "head.weight")
    assert all(key.startswith(("neck.", "keypoint_head.")) for key in started.left)


def test_the_check_finds_a_classifier_with_another_body():
    entry = ROWS["base"]["stand_ins"]["demo"]
    assert starts(entry)
    assert not starts({**entry, "model": "tcformer_small_grid"})
