"""The learning rate test on a line that is learnt: where its loss falls, and bad input."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from harness.errors import UserError
from harness.profiling.figures import save
from harness.protocol import Train
from harness.training.finder import Found, draw, find
from tests.helpers import assert_user_error, harness
from tests.training.conftest import LineLesson, Points


def found(low=1e-5, high=100.0, steps=80, **settings):
    AcceleratorState._reset_state()
    torch.manual_seed(0)
    train = Train(batch_size=8, milestones=(), **settings)
    return find(nn.Linear(8, 2), LineLesson(Points(64), train), Accelerator(cpu=True), 0, low, high, steps)


def test_the_rate_lies_between_too_little_and_too_much(tmp_path):
    result = found()
    assert 1e-3 < result.steepest < result.lowest < 10
    assert result.smooth[-1] > result.smooth.min()
    assert (np.diff(result.rates) > 0).all()
    for name in ("a.png", "b.png"):
        save(tmp_path / name, lambda: draw(result, "line"))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_same_steps_whatever_they_are_accumulated_from():
    assert found(accumulate=4).losses == pytest.approx(found().losses, rel=1e-4)


def test_a_loss_that_never_falls_has_no_rate():
    rising = Found(np.geomspace(1e-3, 1, 20), np.arange(20.0), np.arange(20.0))
    with pytest.raises(UserError, match="does not fall at any"):
        _ = rising.steepest


@pytest.mark.parametrize(("given", "words"), [({"low": 1.0, "high": 0.1}, "ascend"), ({"steps": 3}, "at least 10"),
                                              ({"low": 1e30, "high": 1e35}, "no number")])
def test_bad_input(given, words):
    with pytest.raises(UserError, match=words):
        found(**given)


def test_a_table_without_training_has_no_rate_to_find():
    assert_user_error(harness("lr", "table_s1", "base"), "table_s1", "nothing is trained")
