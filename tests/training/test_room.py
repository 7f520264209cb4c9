"""The room that a plan states is what a training takes."""

import pytest
import torch
from torch import nn

from harness.registry import build_model, model_spec, names
from harness.training.loop import Told
from harness.training.room import training_bytes


@pytest.mark.parametrize("name", [name for name in names("models") if model_spec(name).parameters])
def test_parameters_are_those_of_the_network(name):
    with torch.device("meta"):
        model = build_model(model_spec(name), 133)
    assert sum(parameter.numel() for parameter in model.parameters()) == model_spec(name).parameters


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_training_takes_at_most_what_was_said(make_training, tmp_path, ema):
    network = nn.Linear(8, 2000)
    network.register_buffer("more", torch.zeros(500))
    most = 0

    def measure(model):
        nonlocal most
        most = max(most, sum(path.stat().st_size for path in (tmp_path / "room").glob("*.pth")))
        return 0.5, {}

    make_training("room", Told(evaluate=measure, say=lambda text: None), epochs=6, evaluate_every=1, ema=ema,
                  network=nn.Sequential(network, nn.Linear(2000, 2)))
    said = training_bytes(8 * 2000 + 2000 + 4000 + 2, ema > 0, 500)
    assert 0.5 * said < most < said + 5 * 10_000  # each file has a few kilobytes of names
