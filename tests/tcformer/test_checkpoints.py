import pytest
import torch

from tcformer import backbone_state_dict, clean_state_dict

WEIGHTS = {"block1.0.norm1.weight": torch.ones(2), "head.weight": torch.zeros(3, 2)}


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("holder", [None, "state_dict", "model"])
def test_bare_keys_from_any_holder(prefix, holder):
    weights = {prefix + key: value for key, value in WEIGHTS.items()}
    checkpoint = weights if holder is None else {holder: weights, "epoch": 3, "optimizer": {}}
    found = clean_state_dict(checkpoint)
    assert found.keys() == WEIGHTS.keys()
    assert all(found[key] is WEIGHTS[key] for key in found)


def test_other_entries_are_left_out():
    assert clean_state_dict({**WEIGHTS, "epoch": 3}).keys() == WEIGHTS.keys()


def test_backbone_of_an_imagenet_file():
    assert backbone_state_dict({"model": WEIGHTS}).keys() == {"block1.0.norm1.weight"}


def test_backbone_of_a_pose_file():
    pose = {f"backbone.{key}": value for key, value in WEIGHTS.items() if "head" not in key}
    pose |= {"keypoint_head.final_layer.weight": torch.ones(1), "neck.lateral_convs.0.conv.bias": torch.ones(1)}
    assert backbone_state_dict({"state_dict": pose}).keys() == {"block1.0.norm1.weight"}


def test_the_port_in_mmpose_names_its_patch_embedding_otherwise():
    port = {"backbone.patch_embed1.projection.bias": torch.ones(1), "backbone.block1.0.attn.proj.bias": torch.ones(2)}
    assert list(clean_state_dict({"state_dict": port})) == [
        "backbone.patch_embed1.proj.bias",
        "backbone.block1.0.attn.proj.bias",
    ]


@pytest.mark.parametrize("checkpoint", [{}, {"epoch": 3}, {"state_dict": {}}])
def test_nothing_to_load(checkpoint):
    with pytest.raises(ValueError, match="no weights"):
        clean_state_dict(checkpoint)


def test_not_a_mapping():
    with pytest.raises(ValueError, match="list"):
        clean_state_dict([torch.ones(1)])
