"""What the plan says of how rows are started."""

from types import SimpleNamespace

import pytest

from harness.cli.launched import steps
from harness.launch.launch import Launch
from harness.launch.resources import Resources


def task(device="cuda"):
    train = {"processes": 8, "batch_size": 64, "lr": 5e-4}
    return SimpleNamespace(device=device, to_json=lambda: {"protocol": {"train": train}})


@pytest.mark.parametrize(("launch", "more"), [
    (Launch(processes=8), ""),
    (Launch(processes=2), "; 2 here, each accumulates 4 batches a step"),
    (Launch(processes=3), "; 2 here, each accumulates 4 batches a step"),  # three cannot share eight batches evenly
    (Launch("slurm", resources=Resources("gpu", gpus=4)), "; 4 here, each accumulates 2 batches a step"),
])
def test_steps_against_the_protocol(launch, more):
    assert steps(task(), launch) == f"8 process(es) of 64, so 512 a step, learning rate 0.0005{more}"


def test_a_cpu_has_one_process_unless_more_are_asked_for():
    assert steps(task("cpu"), Launch()).endswith("; 1 here, each accumulates 8 batches a step")
