import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from harness.errors import UserError
from harness.registry import ModelSpec, build_model, model_spec
from harness.weights import load_initial, load_weights, read_checkpoint, state_dict_of


class Pose(nn.Module):
    def __init__(self, head=3):
        super().__init__()
        self.backbone = nn.Conv2d(3, 4, 1)
        self.head = nn.Conv2d(4, head, 1)


SPEC = ModelSpec("pose", "a test's network", "tests:Pose")


def equal(a, b):
    return all(torch.equal(a.state_dict()[key], b.state_dict()[key]) for key in a.state_dict())


@pytest.mark.parametrize("wrap", [
    lambda state: state,
    lambda state: {"state_dict": state, "epoch": 3},
    lambda state: {"model": {f"module.{key}": value for key, value in state.items()}},
])
def test_nested_and_prefixed_state_dicts_load(tmp_path, wrap):
    source, target = Pose(), Pose()
    torch.save(wrap(source.state_dict()), tmp_path / "w.pth")
    load_weights(target, SPEC, tmp_path / "w.pth")
    assert equal(source, target)


def test_safetensors_load(tmp_path):
    from safetensors.torch import save_file

    source, target = Pose(), Pose()
    save_file(source.state_dict(), tmp_path / "w.safetensors")
    load_weights(target, SPEC, tmp_path / "w.safetensors")
    assert equal(source, target)


def test_weights_of_another_model_are_refused_with_their_keys_and_nothing_is_loaded(tmp_path):
    source, target = Pose(head=5), Pose()
    state = source.state_dict()
    state["extra.weight"] = torch.zeros(1)
    del state["backbone.bias"]
    torch.save(state, tmp_path / "w.pth")
    before = {key: value.clone() for key, value in target.state_dict().items()}
    with pytest.raises(UserError) as error:
        load_weights(target, SPEC, tmp_path / "w.pth")
    for word in ("w.pth", "extra.weight", "backbone.bias", "head.weight (5, 4, 1, 1) for (3, 4, 1, 1)"):
        assert word in str(error.value)
    assert all(torch.equal(before[key], value) for key, value in target.state_dict().items())


class Harmful:
    """Writes a file when unpickled: what a checkpoint from a stranger might do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("protocol", ["zip", "pickle"])
def test_code_in_a_checkpoint_does_not_run(tmp_path, protocol):
    victim = tmp_path / "victim"
    data = {"state_dict": Pose().state_dict(), "meta": Harmful(victim)}
    path = tmp_path / "w.pth"
    if protocol == "zip":
        torch.save(data, path)
    else:
        path.write_bytes(pickle.dumps(data))
    refused = {"zip": "holds an object of io.open, which would have to run code", "pickle": "holds objects that are no"}
    with pytest.raises(UserError, match=refused[protocol]) as error:
        read_checkpoint(path)
    assert "weights_only" not in str(error.value), "torch's own words advise to run the code"
    assert not victim.exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half a zip"])
def test_damaged_files_are_named(tmp_path, content):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"w\.pth"):
        read_checkpoint(path)


def test_numpy_values_are_allowed(tmp_path):
    data = {"state_dict": Pose().state_dict(), "meta": {"lr": np.float64(0.1), "best": np.arange(3), "n": np.int64(2)}}
    torch.save(data, tmp_path / "w.pth")
    assert read_checkpoint(tmp_path / "w.pth")["meta"]["lr"] == 0.1


@pytest.mark.parity
def test_a_checkpoint_written_by_mmengine_is_read_without_it(tmp_path):
    """mmengine's runner stores its message hub: history buffers, ordered dictionaries and NumPy numbers."""
    buffers = pytest.importorskip("mmengine.logging.history_buffer", reason="mmengine is not installed")
    buffer = buffers.HistoryBuffer([1.0, 2.0], [1, 1])
    hub = {"log_scalars": OrderedDict([("train/loss", buffer)]), "runtime_info": {"epoch": 3, "lr": np.float64(1e-3)}}
    torch.save({"meta": {"epoch": 3}, "state_dict": Pose().state_dict(), "message_hub": hub}, tmp_path / "w.pth")
    target = Pose()
    load_weights(target, SPEC, tmp_path / "w.pth")
    assert read_checkpoint(tmp_path / "w.pth")["message_hub"]["log_scalars"]["train/loss"] is not None


def test_a_file_without_tensors_says_what_it_has(tmp_path):
    with pytest.raises(UserError, match="epoch"):
        state_dict_of({"epoch": 1}, tmp_path / "w.pth")


def test_initial_weights_need_the_backbone_and_leave_the_head(tmp_path):
    source, target = Pose(), Pose(head=7)
    torch.save({"weight": source.backbone.weight, "bias": source.backbone.bias, "fc.weight": torch.zeros(2)},
               tmp_path / "imagenet.pth")
    started = load_initial(target, SPEC, tmp_path / "imagenet.pth")
    assert torch.equal(target.backbone.weight, source.backbone.weight)
    assert started.used == ("backbone.bias", "backbone.weight")
    assert started.fresh == ("head.bias", "head.weight")
    assert started.left == ("fc.weight",)
    assert started.text(tmp_path / "imagenet.pth") == (
        "started from imagenet.pth: 2 of its tensors were used, 1 were left (fc.weight); "
        "2 of the network start fresh (head.bias, head.weight)")
    torch.save({"weight": source.backbone.weight}, tmp_path / "half.pth")
    with pytest.raises(UserError, match=r"backbone\.bias"):
        load_initial(target, SPEC, tmp_path / "half.pth")


def test_our_own_file_says_which_model_it_is_of(tmp_path):
    torch.save({"format": "wholebody-harness", "meta": {"model": "hrnet_w32"}, "model": Pose().state_dict()},
               tmp_path / "w.pth")
    with pytest.raises(UserError, match="is of model hrnet_w32, not of pose"):
        load_weights(Pose(), SPEC, tmp_path / "w.pth")


@pytest.mark.parametrize("name", ["tcformer_small", "sbl_small", "hrnet_small"])
def test_every_stand_in_loads_its_own_weights(tmp_path, name):
    spec = model_spec(name)
    source, target = build_model(spec, 14), build_model(spec, 14)
    torch.save({"format": "wholebody-harness", "meta": {"model": name}, "model": source.state_dict()},
               tmp_path / "w.pth")
    load_weights(target, spec, tmp_path / "w.pth")
    assert equal(source, target)
