"""The loop: what options do, and that nothing is lost, whenever a training ends."""

import os
import resource
import signal

import pytest
import torch
from torch import nn

from harness.errors import UserError
from harness.signals import Ended
from harness.training import loop
from harness.training.checkpoints import KEEP, TrainingFolder
from harness.training.loop import Diverged, Told, make_accelerator


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def losses(result):
    return [entry["loss"] for entry in result["history"]]


class Cut(Exception):
    """The process ends here without a word."""


def cut_after(monkeypatch, steps):
    """The training ends after so many steps, as if killed."""
    step = loop._Training._step

    def cut(self, batches, number):
        if self.steps_done == steps:
            raise Cut
        return step(self, batches, number)

    monkeypatch.setattr(loop._Training, "_step", cut)


@pytest.mark.parametrize("options", [{}, {"accumulate": 2, "ema": 0.9, "clip_norm": 0.1, "optimizer": "adamw"}])
@pytest.mark.parametrize("steps", [1, 5, 6, 7, 17])  # 6 steps an epoch
def test_cut_anywhere_and_continued_it_ends_in_the_same_bits(make_training, monkeypatch, steps, options):
    straight, result = make_training("straight", **options)
    often = {**options, "checkpoint_minutes": 1e-9}
    with monkeypatch.context() as patched:
        cut_after(patched, steps)
        with pytest.raises(Cut):
            make_training("cut", **often)
    lines = []
    weights, again = make_training("cut", Told(say=lines.append), **often)
    assert any(f"continuing after epoch {steps // 6}" in line for line in lines)
    assert equal(straight, weights)
    assert losses(result) == losses(again)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_after_the_step_with_everything_saved(make_training, tmp_path, request, number):
    straight, _ = make_training("straight")
    before = signal.signal(number, signal.SIG_DFL)  # tests in the background of a shell ignore Ctrl-C
    request.addfinalizer(lambda: signal.signal(number, before))

    class Asking(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            if self.training and self.calls == 8:
                os.kill(os.getpid(), number)
            return x

    def network():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2), Asking())

    with pytest.raises(KeyboardInterrupt) as stop:
        make_training("asked", network=network())
    assert isinstance(stop.value, Ended) == (number != signal.SIGINT)
    assert TrainingFolder(tmp_path / "asked").checkpoints()[0].name == "step-000000008.pth"
    weights, _ = make_training("asked", network=network()[:4])
    assert equal(straight, weights)


def test_a_damaged_newest_checkpoint_is_said_and_the_one_before_is_used(make_training, tmp_path, monkeypatch):
    straight, _ = make_training("straight")
    with monkeypatch.context() as patched:
        cut_after(patched, 13)
        with pytest.raises(Cut):
            make_training("damaged")
    newest = TrainingFolder(tmp_path / "damaged").checkpoints()[0]
    newest.write_bytes(newest.read_bytes()[:-100])
    (tmp_path / "damaged" / ".step-000000013.pth.abc.part").write_bytes(b"half")
    lines = []
    weights, _ = make_training("damaged", Told(say=lines.append))
    assert newest.name in lines[0]
    assert "using the one before" in lines[0]
    assert "continuing after epoch 1 of 3" in lines[1]
    assert equal(straight, weights)
    assert not list((tmp_path / "damaged").glob(".*.part"))


def test_three_checkpoints_and_the_best_are_kept(make_training, tmp_path, monkeypatch):
    values = iter([0.1, 0.9, 0.5, 0.4, 0.3])
    told = Told(evaluate=lambda network: (next(values), {"body": 0.25}), say=lambda text: None)
    with monkeypatch.context() as patched:
        cut_after(patched, 27)
        with pytest.raises(Cut):
            make_training("kept", told, epochs=5, evaluate_every=1)
    folder = TrainingFolder(tmp_path / "kept")
    assert [path.name for path in folder.checkpoints()] == [f"step-{n:09d}.pth" for n in (24, 18, 12)]
    assert len(folder.checkpoints()) == KEEP
    weights, result = make_training("kept", told, epochs=5, evaluate_every=1)
    assert result["best"] == {"epoch": 2, "value": 0.9}
    assert result["history"][1]["parts"] == {"body": 0.25}
    assert equal(weights, torch.load(folder.best, weights_only=True)["model"])
    assert equal(weights, torch.load(folder.final, weights_only=True)["model"])


def test_a_training_of_other_code_is_continued_only_by_force(make_training, monkeypatch):
    with monkeypatch.context() as patched:
        cut_after(patched, 7)
        with pytest.raises(Cut):
            make_training("old", code="before")
    with pytest.raises(UserError, match=r"begun with other code .after epoch 1 of 3.: --force .* --fresh"):
        make_training("old", code="after")
    _, result = make_training("old", code="after", force=True)
    assert result["forced"] == [{"from": {"key": "k", "code": "before"}, "epoch": 1, "step": 0}]


def test_a_full_disk_leaves_the_last_good_checkpoint(make_training, tmp_path, monkeypatch):
    straight, _ = make_training("straight")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    save, calls = loop._Training._save, []

    def filling(self):
        calls.append(self.steps_done)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000 if len(calls) == 2 else limits[0], limits[1]))
        save(self)

    with monkeypatch.context() as patched:
        patched.setattr(loop._Training, "_save", filling)
        try:
            with pytest.raises(UserError, match=r"cannot write .*step-000000012.pth"):
                make_training("full")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, handler)
    assert [path.name for path in (tmp_path / "full").iterdir() if path.is_file()] == ["step-000000006.pth"]
    assert equal(straight, make_training("full")[0])


def test_too_little_disk_is_refused_before_the_first_step(make_training, monkeypatch):
    monkeypatch.setattr("harness.training.probe.shutil.disk_usage", lambda path: Room(1000))
    with pytest.raises(UserError, match=r"checkpoints need .* and 0.000954 MiB are free"):
        make_training("full")


class Room:
    def __init__(self, free):
        self.free = free


def test_a_loss_that_is_no_number_ends_it_and_keeps_the_checkpoint(make_training):
    with pytest.raises(Diverged, match="loss became nan in epoch 1, at or before step 6; no checkpoint was written"):
        make_training("diverged", lr=1e30)


def test_accumulated_parts_make_the_same_step(make_training):
    network = nn.Linear(8, 2)
    first = {key: value.clone() for key, value in network.state_dict().items()}

    def fresh():
        model = nn.Linear(8, 2)
        model.load_state_dict(first)
        return model

    whole, one = make_training("whole", network=fresh())
    parts, several = make_training("parts", network=fresh(), accumulate=4)
    assert losses(one) == pytest.approx(losses(several), rel=1e-5)
    assert all(torch.allclose(whole[key], parts[key], rtol=1e-4, atol=1e-6) for key in whole)


def test_the_running_mean_of_the_weights_is_what_is_kept(make_training):
    plain, _ = make_training("plain")
    mean, _ = make_training("mean", ema=0.999)
    torch.manual_seed(0)
    first = nn.Linear(8, 16).weight
    moved = (plain["0.weight"] - first).norm()
    assert 0 < (mean["0.weight"] - first).norm() < 0.8 * moved  # timm takes the first two steps as they are


def test_a_clipped_gradient_moves_less(make_training):
    network = nn.Linear(8, 2)
    before = network.weight.detach().clone()
    free, _ = make_training("free", network=nn.Linear(8, 2), optimizer="adam")
    clipped, _ = make_training("clipped", network=network, clip_norm=1e-9)
    assert torch.allclose(before, clipped["weight"], atol=1e-2)
    assert not torch.equal(free["weight"], clipped["weight"])


def test_the_compiled_network_learns_the_same(make_training):
    def network():
        torch.manual_seed(0)
        return nn.Linear(8, 2)

    plain, _ = make_training("plain", network=network())
    compiled, _ = make_training("compiled", network=network(), compile=True)
    assert all(torch.allclose(plain[key], compiled[key], atol=1e-5) for key in plain)


def test_half_precision_on_a_cpu(make_training):
    _, result = make_training("half", precision="bf16")
    assert result["history"][-1]["loss"] < result["history"][0]["loss"] * 2
    for precision in ("fp16", "tf32"):
        with pytest.raises(UserError, match=f"{precision} needs a GPU"):
            make_accelerator("cpu", precision)


def test_curves_for_tensorboard_go_on_where_the_training_does(make_training, tmp_path, monkeypatch):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    told = Told(evaluate=lambda network: (0.5, {"body": 0.25}), say=lambda text: None)
    with monkeypatch.context() as patched:
        cut_after(patched, 15)
        with pytest.raises(Cut):
            make_training("curves", told, evaluate_every=1)
    make_training("curves", told, evaluate_every=1)
    events = accumulator.EventAccumulator(str(tmp_path / "curves" / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [6, 12, 18]
    assert [event.step for event in events.Scalars("epoch/loss")] == [6, 12, 18]
    assert [event.value for event in events.Scalars("AP/body")] == [0.25] * 3


def test_what_is_said_before_and_while_it_trains(make_training):
    lines, told = [], []
    make_training("told", Told(lambda *event: told.append(event), None, lines.append), epochs=40)
    assert lines[0].startswith("estimate: ")
    assert "240 steps" in lines[0]
    done, total, text = told[-1]
    assert (done, total) == (240, 240)
    assert text.startswith("epoch 40/40, loss ")
    assert "points/s" in text
    assert "waiting for data" in text


def test_the_estimate_changes_nothing(make_training, monkeypatch):
    def network():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))

    with_it, _ = make_training("with", network=network(), epochs=40)
    monkeypatch.setattr(loop, "WORTHWHILE", 10**9)
    without, _ = make_training("without", network=network(), epochs=40)
    assert equal(with_it, without)
