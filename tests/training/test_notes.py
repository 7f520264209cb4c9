"""What a record says of how a training's steps were made."""

from torch import nn

from harness.job import training_notes
from harness.protocol import Train

LAYER_NORM = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
BATCH_NORM = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
PAPER = Train(batch_size=64, processes=8)
BROKEN = "1 of 9 images could not be read"


def notes(model, used, train=PAPER, forced=()):
    result = {"processes": used, "people": 100, "broken_images": [BROKEN], "forced": forced}
    *lines, broken = training_notes(result, train, model)
    assert broken == f"training: {BROKEN}"
    return lines


def test_as_many_processes_as_the_protocol_has_need_no_word():
    assert notes(BATCH_NORM, 8) == []


def test_fewer_accumulate_and_batch_norm_is_named():
    shared = ("trained in 2 process(es) for 8 in the protocol: each accumulated the gradients of 4 batches of 64 a "
              "step, so that steps have 512 people as there")
    assert notes(LAYER_NORM, 2) == [shared]
    assert notes(BATCH_NORM, 2) == [
        shared,
        "batch norm: statistics of 64 at once (protocol: 64), and running means over 4 of these a step (protocol: 1)"]


def test_parts_of_a_batch_are_what_batch_norm_sees():
    train = Train(batch_size=64, processes=8, accumulate=2)
    assert notes(LAYER_NORM, 8, train) == []
    assert notes(BATCH_NORM, 8, train) == [
        "batch norm: statistics of 32 at once (protocol: 64), and running means over 2 of these a step (protocol: 1)"]


def test_other_code_is_said():
    forced = [{"from": {"code": "0123456789abcdef"}, "epoch": 3, "step": 0}]
    assert notes(LAYER_NORM, 8, forced=forced) == [
        "training: continued after epoch 3 with other code, as --force asked (before: 0123456789ab)"]
