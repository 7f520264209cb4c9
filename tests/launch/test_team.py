"""Under torchrun: its processes train together, and the first one prints."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers import ROOT, harness

ROW = ["run", "table_s2", "--profile", "smoke", "--device", "cpu", "--rows", "tcformer_large", "--set",
       "train.processes=2", "--set", "train.batch_size=4"]
pytestmark = pytest.mark.slow


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "harness",
         *map(str, arguments)], env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def records(results):
    return [json.loads(path.read_text()) for path in results.glob("table_s2/smoke/*/record.json")]


def test_they_train_one_row_after_the_other_as_processes_of_one_machine_do(tmp_path):
    process = start(*ROW, "--results", tmp_path / "torchrun")
    out, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert len(re.findall("^TCFormer-Large ", out, re.MULTILINE)) == 1  # printed once
    done = harness(*ROW, "--processes", 2, "--results", tmp_path / "here")
    assert done.returncode == 0, done.stderr
    (together,), (here,) = records(tmp_path / "torchrun"), records(tmp_path / "here")
    assert together["training"]["processes"] == here["training"]["processes"] == 2
    assert together["weights"]["sha256"] == here["weights"]["sha256"]
    assert together["key"] == here["key"]


def parts(results):
    """The processes that train, by rank."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"--train-only" in line and str(results).encode() in line:
            found[int(re.search(rb"\0RANK=(\d+)", environment)[1])] = int(entry.name)
    return found


def test_a_part_that_is_killed_ends_all_and_is_named(tmp_path):
    process = start(*ROW, "--set", "train.epochs=500", "--set", "train.steps_per_epoch=1", "--results", tmp_path)
    end = time.monotonic() + 200
    while not list(tmp_path.glob("trainings/*/step-*.pth")) and time.monotonic() < end:
        time.sleep(0.1)
    os.kill(parts(tmp_path)[1], signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "training in 2 processes failed: process 1 was ended by SIGKILL" in said
    assert not parts(tmp_path)
