"""A real training in a process of its own, and killing it: `python -m tests.training.killed FOLDER DATA NETWORK EPOCHS`
trains. Batch norm, running mean, accumulation, loader processes; a checkpoint after nearly every step."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from harness.data.sets import DataRef
from tests.helpers import ROOT

DRAWN = {"train": 12, "val": 2, "seed": 0, "width": 320, "height": 240}


def train(folder: Path, data: Path, network: str, epochs: int) -> None:
    import numpy as np

    from harness.data.crops import TrainCrops
    from harness.job import prepare_torch
    from harness.protocol import make_protocol
    from harness.registry import build_model, model_spec
    from harness.training.checkpoints import TrainingFolder
    from harness.training.loop import Setting, Told, fit, make_accelerator
    from harness.training.pose import PoseLesson

    prepare_torch(0, "cpu")
    protocol = make_protocol({
        "crop": {"width": 64, "height": 64},
        "train": {"epochs": epochs, "milestones": [], "warmup_steps": 0, "batch_size": 4, "accumulate": 2, "ema": 0.99,
                  "steps_per_epoch": 4, "workers": 2, "checkpoint_minutes": 1e-3}}, "test")
    people = DataRef("synthetic", str(data), "train", DRAWN).open()
    spec = model_spec(network)
    model = build_model(spec, people.layout.size)
    crops = TrainCrops(people, np.arange(len(people.people)), protocol)
    fit(model, PoseLesson(crops, protocol, spec.channels_last), Setting(0, {}, spec.channels_last, {}),
        TrainingFolder(folder), make_accelerator("cpu", "fp32"), Told(say=lambda text: print(text, flush=True)))


def start(folder: Path, data: Path, network: str, epochs: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.training.killed", str(folder), str(data), network, str(epochs)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def undisturbed(folder: Path, data: Path, network: str, epochs: int) -> dict:
    """Final weights of a training that nobody disturbs."""
    process = start(folder, data, network, epochs)
    output = process.communicate()[0]
    assert process.returncode == 0, output
    return weights(folder)


def weights(folder: Path) -> dict:
    return torch.load(folder / "final.pth", weights_only=True)["model"]


def equal(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def kill_once(folder: Path, data: Path, network: str, epochs: int, delay: float, writing: bool) -> bool:
    """Start or continue, and kill `delay` seconds after the first checkpoint of this life; with `writing` at the next
    moment at which a checkpoint is half written. Returns whether half a file was left."""
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("step-*.pth"))
    process = start(folder, data, network, epochs)
    wait_until(process, lambda: set(folder.glob("step-*.pth")) - before)
    time.sleep(delay)
    if writing:
        wait_until(process, lambda: any(folder.glob(".step-*.part")), pause=0.0002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "the training was over before it was killed"
    return any(folder.glob(".step-*.part"))


def wait_until(process: subprocess.Popen, true, pause: float = 0.01) -> None:
    end = time.monotonic() + 300
    while not true():
        assert process.poll() is None, f"ended by itself:\n{process.stdout.read()}"
        assert time.monotonic() < end
        time.sleep(pause)


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
