"""Weights in the forms that other projects write, of small networks of ours."""

import pytest
import torch

from harness.registry import build_model, model_spec


def state_of(name, keypoints=133):
    """A network's state, always the same, with other values than initial ones under which all outputs are finite."""
    torch.manual_seed(0)
    model = build_model(model_spec(name), keypoints)
    return {key: value * 0.9 + 0.01 if value.is_floating_point() else value + 7
            for key, value in model.state_dict().items()}


def renamed(state, old, new):
    return {key.replace(old, new, 1): value for key, value in state.items()}


@pytest.fixture
def saved(tmp_path):
    """Save data under a name with torch; the path."""

    def save(data, name="w.pth"):
        torch.save(data, tmp_path / name)
        return tmp_path / name

    return save
