"""Files of other projects, as their forms are, under the keys of networks here."""

import json

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.registry import build_model, model_spec
from harness.weights import FORMAT, load_initial, load_weights, read_checkpoint
from harness.zoo import container, forms, importing, words
from tests.helpers import assert_user_error, harness
from tests.zoo.conftest import renamed, state_of

MM0 = {"meta": {"epoch": 210, "mmpose_version": "0.29.0", "mmcv_version": "1.7.1"}}
MM1 = {"meta": {"epoch": 200, "mmengine_version": "0.10.4", "seed": 3, "dataset_meta": {"sigmas": np.ones(133)}}}


def mmpose1(name):
    norm = {f"data_preprocessor.{key}": torch.ones(3, 1, 1) for key in ("mean", "std")}
    return {**MM1, "state_dict": {**state_of(name), **norm}}


POSES = {
    "authors": ("tcformer_small", lambda: {**MM0, "state_dict": state_of("tcformer_small")}, "tcformer-pose"),
    "port": ("tcformer_small", lambda: {**MM0, "state_dict": renamed(
        state_of("tcformer_small"), "backbone.patch_embed1.proj.", "backbone.patch_embed1.projection.")},
        "mmpose-0.x-tcformer"),
    "sbl, 0.x": ("sbl_small", lambda: {**MM0, "state_dict": renamed(state_of("sbl_small"), "head.", "keypoint_head.")},
                 "mmpose-0.x-resnet"),
    "sbl, 1.x": ("sbl_small", lambda: mmpose1("sbl_small"), "mmpose-1.x-resnet"),
    "hrnet, 0.x": ("hrnet_small", lambda: {**MM0, "state_dict": renamed(state_of("hrnet_small"), "head.",
                                                                       "keypoint_head.")}, "mmpose-0.x-hrnet"),
    "hrnet, 1.x": ("hrnet_small", lambda: mmpose1("hrnet_small"), "mmpose-1.x-hrnet"),
}


@pytest.mark.parametrize("case", POSES)
def test_a_pose_network_is_recognised_and_its_weights_are_the_same_bits(case, saved, tmp_path):
    name, make, form = POSES[case]
    found = importing.read(saved(make()), name)
    assert found.form.id == form
    assert found.missing == ()
    importing.write(found, tmp_path / "out.safetensors")
    target, expected = build_model(model_spec(name), 133), state_of(name)
    load_weights(target, model_spec(name), tmp_path / "out.safetensors")
    assert all(torch.equal(value, expected[key]) for key, value in target.state_dict().items())
    source = container.read_meta(tmp_path / "out.safetensors")["source"]
    assert source["file"] == "w.pth"
    assert source["sha256"] == found.sha256
    assert source["form"] == form
    assert source["epoch"] in (200, 210)
    text = "\n".join(words.lines(found, tmp_path / "out.safetensors"))
    assert f"epoch {source['epoch']}" in text
    if "1.x" in case:
        assert "dropped  2: image mean and deviation" in text


def test_the_networks_own_keys_alone_are_recognised_too(saved):
    assert importing.read(saved(state_of("tcformer_small")), "tcformer_small").form.id == "tcformer-pose"


def test_an_imagenet_hrnet_loses_its_classifier_and_the_fusions_that_feed_it(saved, tmp_path):
    import timm

    path = saved(timm.create_model("hrnet_w32").state_dict(), "timm.pth")
    found = importing.read(path, "hrnet_w32")
    assert found.form.gives == forms.BACKBONE
    counts = {why.split(" ")[0]: len(keys) for why, keys in found.dropped.items()}
    assert counts == {"the": 126, "fusions": 78}
    assert found.missing == ("head.final_layer.bias", "head.final_layer.weight")
    importing.write(found, tmp_path / "backbone.safetensors")
    target = build_model(model_spec("hrnet_w32"), 133)
    started = load_initial(target, model_spec("hrnet_w32"), tmp_path / "backbone.safetensors")
    assert len(started.used) == found.used
    with pytest.raises(UserError, match=r"does not fit hrnet_w32: keys 2 missing \(head"):
        load_weights(target, model_spec("hrnet_w32"), tmp_path / "backbone.safetensors")
    assert importing.read(tmp_path / "backbone.safetensors", "hrnet_w32").form is forms.OWN_BACKBONE


def test_an_old_torchvision_resnet_gets_the_counters_it_lacks(saved, tmp_path):
    from torchvision.models import resnet50

    state = {key: value for key, value in resnet50().state_dict().items() if "num_batches" not in key}
    found = importing.read(saved(state), "sbl_resnet50")
    assert found.form.id == "imagenet-resnet"
    assert len(found.made) == 53
    assert found.dropped == {"the ImageNet classifier": ("fc.bias", "fc.weight")}
    importing.write(found, tmp_path / "r.safetensors")
    target = build_model(model_spec("sbl_resnet50"), 133)
    load_initial(target, model_spec("sbl_resnet50"), tmp_path / "r.safetensors")
    assert torch.equal(target.state_dict()["backbone.layer4.2.conv3.weight"], state["layer4.2.conv3.weight"])


def test_the_authors_classifier_starts_pose_networks_and_is_a_classifier_itself(saved, tmp_path):
    import argparse

    body = {key.removeprefix("backbone."): value for key, value in state_of("tcformer_small").items()
            if key.startswith("backbone.")}
    state = {**body, "head.weight": torch.rand(12, 128), "head.bias": torch.rand(12)}
    path = saved({"model": state, "epoch": 299, "args": argparse.Namespace(lr=1e-3)})
    found = importing.read(path, "tcformer_small")
    assert (found.form.gives, found.meta["classes"], found.used) == (forms.CLASSIFIER, 12, len(state))
    importing.write(found, tmp_path / "c.safetensors")
    assert read_checkpoint(tmp_path / "c.safetensors")["meta"]["kind"] == "classification"
    target = build_model(model_spec("tcformer_small"), 133)
    started = load_initial(target, model_spec("tcformer_small"), tmp_path / "c.safetensors")
    assert started.left == ("head.bias", "head.weight")
    without = importing.read(saved({"model": body}, "b.pth"), "tcformer_small")
    assert without.form.gives == forms.BACKBONE


@pytest.mark.shared
@pytest.mark.parametrize(("size", "model"), [("light", "tcformer_light"), ("base", "tcformer")])
def test_files_with_every_key_of_the_published_tcformer(shared, saved, size, model):
    layout = json.loads((shared / "golden" / "layout.json").read_text())
    state = {f"backbone.{key}": torch.zeros(shape) for key, shape in layout[size]["state"].items()}
    state |= {f"neck.{key}": torch.zeros(shape) for key, shape in layout["mta"]["state"].items()}
    state |= {"keypoint_head.final_layer.weight": torch.zeros(133, 256, 1, 1),
              "keypoint_head.final_layer.bias": torch.zeros(133)}
    found = importing.read(saved({**MM0, "state_dict": state}), model)
    assert (found.used, found.dropped, found.missing) == (len(state), {}, ())
    imagenet = {key: torch.zeros(shape) for key, shape in layout[size]["state"].items()}
    imagenet |= {"head.weight": torch.zeros(1000, 512), "head.bias": torch.zeros(1000)}
    assert importing.read(saved({"model": imagenet}), model).meta["classes"] == 1000


def test_what_is_in_our_form_already_is_copied_byte_for_byte(saved, tmp_path):
    once, twice = tmp_path / "once.safetensors", tmp_path / "twice.safetensors"
    importing.write(importing.read(saved({**MM0, "state_dict": state_of("tcformer_small")}), "tcformer_small"), once)
    importing.write(importing.read(once, "tcformer_small"), twice)
    assert once.read_bytes() == twice.read_bytes()


def test_a_known_file_brings_its_input_size_and_what_it_should_reach(saved, monkeypatch):
    from harness.zoo import known

    monkeypatch.setattr(known, "hash_in_name", lambda name: None)  # the published file itself is not here
    monkeypatch.setattr(words, "hash_in_name", lambda name: None)
    path = saved({**MM0, "state_dict": renamed(state_of("hrnet_w48"), "head.", "keypoint_head.")},
                 "hrnet_w48_coco_wholebody_384x288_dark-f5726563_20200918.pth")
    found = importing.read(path, "hrnet_w48")
    assert found.meta["protocol"]["crop"] == {"height": 384, "width": 288, "padding": 1.25}
    assert found.meta["protocol"]["test"]["decode"] == "dark"
    assert found.meta["source"]["expected"][0] == "mmpose0x_hrnet_w48_384x288_dark_plus"
    assert "should reach mmpose0x_hrnet_w48_384x288_dark_plus" in "\n".join(words.lines(found, path))
    with pytest.raises(UserError, match=r"hrnet_w32: .* of another shape .* \(published as weights of hrnet_w48\)"):
        importing.read(path, "hrnet_w32")


def test_tensors_changed_behind_the_header_are_noticed(saved, tmp_path):
    out = tmp_path / "out.safetensors"
    importing.write(importing.read(saved({**MM0, "state_dict": state_of("tcformer_small")}), "tcformer_small"), out)
    data = bytearray(out.read_bytes())
    data[-1] ^= 1
    out.write_bytes(data)
    with pytest.raises(UserError, match=r"out\.safetensors is damaged: its tensors are not those"):
        read_checkpoint(out)


def test_metadata_beyond_what_readers_take_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "LIMIT", 2000)
    with pytest.raises(UserError, match="more than safetensors takes"):
        container.write(tmp_path / "w.safetensors", {"a": torch.ones(2)}, {"text": "x" * 2000})
    assert list(tmp_path.iterdir()) == []


def test_other_readers_of_safetensors_read_it(tmp_path):
    from safetensors import safe_open

    tied = torch.arange(12.0).reshape(3, 4)
    container.write(tmp_path / "w.safetensors", {"a": tied, "b": tied.t(), "c": torch.tensor(3)}, {"model": "m"})
    with safe_open(tmp_path / "w.safetensors", "pt") as file:
        assert file.metadata()["format"] == "pt"
        assert torch.equal(file.get_tensor("b"), tied.t())
        assert file.get_tensor("c").item() == 3


def mmpose_small():
    return {**MM0, "state_dict": renamed(state_of("hrnet_small"), "head.", "keypoint_head.")}


@pytest.mark.parametrize(("make", "model", "said"), [
    (mmpose_small, "sbl_small", ["is a pose network of mmpose 0.x with an HRNet; sbl_small takes", "ResNet"]),
    (mmpose_small, "hrnet_w48", ["does not fit hrnet_w48", "missing"]),
    (lambda: {"state_dict": {"encoder.weight": torch.ones(2)}}, "hrnet_small", ["no form known", "encoder.weight"]),
    (lambda: {"state_dict": {**state_of("sbl_small", 17)}}, "sbl_small", ["17 key points", "coco-wholebody 133"]),
    (lambda: {"epoch": 3}, "sbl_small", ["holds no tensors"]),
    (lambda: {"format": "wholebody-harness", "meta": {"model": "sbl_small"}, "model": state_of("sbl_small")},
     "hrnet_small", ["is of model sbl_small, not of hrnet_small"]),
    (lambda: {"state_dict": {**state_of("tcformer_small"), "ema.weight": torch.ones(1)}}, "tcformer_small",
     ["1 unexpected (ema.weight)"]),
])
def test_what_does_not_fit_is_named(saved, make, model, said):
    with pytest.raises(UserError) as error:
        importing.read(saved(make()), model)
    for word in said:
        assert word in str(error.value)


def test_a_training_of_this_project_says_its_network_and_is_named_after_it(saved, tmp_path):
    meta = {"model": "hrnet_small", "model_args": {}, "layout": "coco-wholebody"}
    path = saved({"format": FORMAT, "meta": meta, "model": state_of("hrnet_small")}, "final.pth")
    found = importing.read(path)
    assert found.spec.name == "hrnet_small"
    name = importing.file_name(found)
    assert name == f"hrnet_small_{found.sha256[:8]}.safetensors"
    importing.write(found, tmp_path / name)
    assert importing.file_name(importing.read(tmp_path / name)) == name, "it is in this project's form already"


def test_a_file_that_does_not_say_its_network_needs_it_named(saved):
    with pytest.raises(UserError, match=r"--model NAME \(choices: .*tcformer_small"):
        importing.read(saved({**MM0, "state_dict": state_of("tcformer_small")}))


@pytest.mark.slow
def test_the_command_and_its_refusals(saved, tmp_path):
    path = saved({**MM0, "state_dict": state_of("tcformer_small")})
    run = ["weights", "import", path, "--model", "tcformer_small"]
    done = harness(*run, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("TCFormer pose network", "epoch 210", "SHA-256", "missing  none", "written: w.safetensors"):
        assert word in done.stdout
    assert (tmp_path / "w.safetensors").is_file()
    (tmp_path / "cut.pth").write_bytes(path.read_bytes()[:-5000])
    before = sorted(tmp_path.iterdir())
    for arguments, said in (
        (run, ["w.safetensors", "--force"]),
        ([*run, "--out", "other.pth"], ["other.pth", ".safetensors"]),
        ([*run, "--out", "no/folder/x.safetensors"], ["no/folder"]),
        (["weights", "import", "none.pth", "--model", "tcformer_small"], ["none.pth", "not found"]),
        (["weights", "import", path, "--model", "tcformer_smal", "--out", "n.safetensors"], ["tcformer_small"]),
        (["weights", "import", "cut.pth", "--model", "tcformer_small"], ["cut.pth", "cut off"]),
    ):
        assert_user_error(harness(*arguments, cwd=tmp_path), *said)
        assert sorted(tmp_path.iterdir()) == before
    assert harness(*run, "--force", cwd=tmp_path).returncode == 0
