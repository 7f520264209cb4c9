"""A training that was interrupted ends in the same bits as one that was not."""

import pytest
import torch

from harness.classification.lesson import ClassLesson
from harness.classification.protocol import Recipe
from harness.classification.samples import TrainPictures, read_listing
from harness.registry import load_attribute
from harness.training.checkpoints import TrainingFolder
from harness.training.loop import Setting, Told, fit, make_accelerator

SETTINGS = {
    "crop": {"width": 32, "height": 32}, "augment": {"rand_augment": "rand-m9-mstd0.5-inc1"},
    "train": {"batch_size": 4, "processes": 1, "epochs": 3, "evaluate_every": 1, "clip_norm": 1.0, "lr": 1e-2}}


class Stopped(Exception):
    pass


def train(folder, ref, workers=0, stop_after=None, seed=0):
    recipe = Recipe.model_validate({**SETTINGS, "train": {**SETTINGS["train"], "workers": workers}})
    samples = TrainPictures(read_listing(ref), recipe, seed)
    torch.manual_seed(seed)
    # Drop path draws from torch's own generator, which each batch seeds.
    model = load_attribute("tcformer.registry:tcformer_light")(
        num_classes=3, widths=[8, 8, 16, 16], heads=[1, 1, 1, 1], mlp_ratios=[1, 1, 1, 1], reductions=[1, 1, 1, 1],
        drop_path_rate=0.5)
    steps = []

    def progress(done, total, text):
        steps.append(done)
        if stop_after is not None and done > stop_after:
            raise Stopped

    setting = Setting(seed, {}, False, {"key": "k"})
    result = fit(model, ClassLesson(samples, recipe, seed), setting, TrainingFolder(folder),
                 make_accelerator("cpu", "fp32"), Told(progress, lambda network: (0.5, {}), lambda text: None))
    return model.state_dict(), result, steps


def test_continued_trainings_are_equal(tmp_path, train_ref):
    straight, result, _ = train(tmp_path / "straight", train_ref)
    with pytest.raises(Stopped):
        train(tmp_path / "stopped", train_ref, stop_after=2)  # in the second epoch of two steps each
    assert [path.name for path in TrainingFolder(tmp_path / "stopped").checkpoints()] == ["step-000000002.pth"]
    continued, again, steps = train(tmp_path / "stopped", train_ref)
    assert steps[0] > 2
    assert all(torch.equal(value, continued[key]) for key, value in straight.items())
    losses = [[epoch["loss"] for epoch in r["history"]] for r in (result, again)]
    assert losses[0] == losses[1]
    assert [epoch["top1"] for epoch in again["history"]] == [0.5] * 3
    assert again["images"] == 9


def test_loader_processes_and_seeds(tmp_path, train_ref):
    first, *_ = train(tmp_path / "a", train_ref)
    several, *_ = train(tmp_path / "b", train_ref, workers=2)
    assert all(torch.equal(value, several[key]) for key, value in first.items())
    other, *_ = train(tmp_path / "c", train_ref, seed=1)
    assert not torch.equal(first["head.weight"], other["head.weight"])
