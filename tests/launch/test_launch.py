"""Rows at once, processes of a training, and what does not go together."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.job import train_in_processes, training_folder
from harness.launch import launch
from harness.launch.launch import Launch, make_launch, shares
from harness.launch.telling import read_status
from harness.plan import Options, make_plan
from harness.record import RowFolder
from tests.helpers import ROOT, assert_user_error, harness

SMOKE = ["table_s2", "--profile", "smoke", "--device", "cpu"]


def test_a_row_alone_has_what_the_user_set():
    assert Launch().slots() == [{"HARNESS_LAUNCHER": "local"}]
    assert Launch(processes=4).slots() == [{"HARNESS_LAUNCHER": "local", "HARNESS_PROCESSES": "4"}]


def test_rows_at_once_share_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(launch, "usable_cores", lambda: 8)
    assert [slot["OMP_NUM_THREADS"] for slot in Launch(jobs=3).slots()] == ["2", "2", "2"]
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert all("OMP_NUM_THREADS" not in slot for slot in Launch(jobs=3).slots())


def test_rows_at_once_share_gpus():
    def visible(gpus, jobs):
        return [share["CUDA_VISIBLE_DEVICES"] for share in shares(gpus, jobs)]

    assert visible(["0", "1", "2", "3"], 2) == ["0,1", "2,3"]
    assert visible(["4", "6"], 3) == ["4", "6", "4"]
    assert visible(["0", "1", "2"], 2) == ["0", "1"]
    assert shares([], 2) == [{}, {}]


@pytest.mark.parametrize(("arguments", "words"), [
    (("local", "cpu", 2, None, None), "--processes 2"),
    (("local", "cuda", None, 2, None), "--gpus 2"),
    (("local", "cuda", 2, 2, None), "only one of them"),
    (("local", "cuda", 4, None, 2), "--gpus 4 for each of 2 rows at once: this machine has 0"),
    (("slurm", "cuda", 8, None, None), "--partition"),
    (("pbs", "cpu", None, None, None), "local"),
])
def test_what_does_not_go_together_is_refused(arguments, words, monkeypatch):
    monkeypatch.setattr(launch, "cuda_device_count", lambda: 0)
    with pytest.raises(UserError, match=words):
        make_launch(*arguments)


def test_the_number_of_processes_does_not_enter_a_key(tmp_path):
    plans = [harness("run", *SMOKE, "--dry-run", "--results", tmp_path, *more).stdout
             for more in ([], ["--processes", "2"], ["--jobs", "2"])]
    keys = [[line.split("key ")[1] for line in plan.splitlines() if "key " in line] for plan in plans]
    assert len(keys[0]) == 3
    assert keys[0] == keys[1] == keys[2]


def test_rows_that_share_a_training_do_it_once_in_several_processes(tmp_path, monkeypatch):
    job = make_plan("table_s2", Options(profile="smoke", rows=("hrnet_w48",), device="cpu", results=str(tmp_path))
                    ).jobs["hrnet_w48"]
    begun = []

    def launch_training(folder, results, processes):
        begun.append(processes)
        time.sleep(0.3)
        training = training_folder(results, job)
        training.final.write_bytes(b"")
        training.finish({"identity": {"key": job.train_key}})

    monkeypatch.setattr("harness.launch.ranks.launch_training", launch_training)
    both = [threading.Thread(target=train_in_processes, args=(2, job, RowFolder(tmp_path / name), tmp_path))
            for name in ("one", "other")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert begun == [2]


@pytest.mark.slow
def test_two_rows_at_once(tmp_path):
    done = harness("run", *SMOKE, "--rows", "hrnet_w48,sbl_res152", "--jobs", 2, "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    folders = [RowFolder(path.parent) for path in tmp_path.glob("table_s2/smoke/*/record.json")]
    assert len(folders) == 2
    begun = [read_status(folder)["since"] for folder in folders]
    finished = [read_status(folder)["told"] for folder in folders]
    assert max(begun) < min(finished)
    assert all(json.loads(folder.record.read_text())["launch"]["launcher"] == "local" for folder in folders)


def start(results, *arguments):
    command = [sys.executable, "-m", "harness", "run", *SMOKE, "--rows", "tcformer_large", "--results", str(results),
               "--set", "train.epochs=500", "--set", "train.steps_per_epoch=1", "--set", "train.batch_size=4",
               *arguments]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def wait_for_training(results, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in results.glob("table_s2/smoke/*/status.json"):
            if read_status(RowFolder(path.parent)).get("phase") == "train":
                return RowFolder(path.parent)
        time.sleep(0.05)
    raise AssertionError("no row came to its training")


def processes_of(folder):
    """Every process of a row, as number -> rank in its training; None for the row's own."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"harness.job" in line and str(folder.path).encode() in line:
            ranks = [one[5:] for one in environment.split(b"\0") if one.startswith(b"RANK=")]
            found[int(entry.name)] = int(ranks[0]) if b"--train-only" in line else None
    return found


def wait_until_gone(folder, seconds=30):
    end = time.monotonic() + seconds
    while processes_of(folder) and time.monotonic() < end:
        time.sleep(0.1)
    assert not processes_of(folder)


@pytest.mark.slow
def test_a_process_of_a_training_that_is_killed_ends_all_and_is_named(tmp_path):
    run = start(tmp_path, "--processes", "2", "--set", "train.processes=2")
    folder = wait_for_training(tmp_path)
    ranks = {rank: number for number, rank in processes_of(folder).items()}
    assert set(ranks) == {None, 0, 1}
    os.kill(ranks[1], signal.SIGKILL)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "training in 2 processes failed: process 1 was ended by SIGKILL" in said
    assert "process 1 was ended by SIGKILL" in json.loads(folder.failure.read_text())["error"]
    wait_until_gone(folder)


@pytest.mark.slow
def test_a_scheduler_that_ends_the_run_ends_the_row(tmp_path):
    run = start(tmp_path)
    folder = wait_for_training(tmp_path)
    run.terminate()
    _, said = run.communicate(timeout=60)
    assert run.returncode == 143
    assert "the same command continues" in said
    wait_until_gone(folder)
    assert not folder.record.exists()
    assert not folder.failure.exists()


def test_two_options_for_one_thing(tmp_path):
    assert_user_error(harness("run", *SMOKE, "--gpus", 2, "--results", tmp_path, "--dry-run"), "--processes 2")
