"""Rows as a cluster's jobs, with submitit's local and debug executors in SLURM's place."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.launch import slurm, submitted
from harness.launch.local import ToRun
from harness.launch.submitted import Submitted, saved
from harness.launch.telling import boot_id, myself, say_waiting, start_of
from harness.plan import Options, make_plan
from tests.helpers import ROOT, assert_user_error, harness

pytest.importorskip("submitit")
SMOKE = ["table_s2", "--profile", "smoke", "--device", "cpu", "--rows", "hrnet_w48"]
SLURM = ["--launcher", "slurm", "--partition", "main"]
LONG = ["--set", "train.epochs=500", "--set", "train.steps_per_epoch=1", "--set", "train.batch_size=4"]


@pytest.fixture
def row(tmp_path):
    """A row that could be run, with its folder."""
    plan = make_plan("table_s2", Options(profile="smoke", rows=("hrnet_w48",), device="cpu", results=str(tmp_path)))
    row = ToRun("hrnet_w48", plan.jobs["hrnet_w48"], tmp_path)
    row.folder.path.mkdir(parents=True)
    return row


@pytest.mark.parametrize(("arguments", "words"), [
    ([*SMOKE, "--launcher", "slurm"], ["--partition"]),
    ([*SMOKE, *SLURM, "--time", "soon"], ["--time soon", "D-HH:MM:SS"]),
    ([*SMOKE, *SLURM, "--sbatch", "time=3"], ["--time"]),
    ([*SMOKE, "--partition", "main"], ["--partition", "--launcher slurm"]),
    ([*SMOKE, "--no-wait"], ["--no-wait", "--launcher slurm"]),
])
def test_mistakes(arguments, words, tmp_path):
    assert_user_error(harness("run", *arguments, "--results", tmp_path), *words)


def test_what_is_missing_is_said_in_one_line(monkeypatch):
    monkeypatch.setattr(slurm.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="no sbatch here"):
        slurm.check_here()
    monkeypatch.setattr(slurm.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'wholebody-harness\[slurm\]'"):
        slurm.check_here()


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A function that puts commands of SLURM in the way, each with what it says of a fault; None for none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(**faults):
        for name, fault in {"srun": None, **faults}.items():
            text = f"echo '{name}: error: {fault}' >&2; exit 1" if fault else "exit 0"
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)

    return put


def test_without_a_controller_nothing_is_written(cluster, tmp_path):
    cluster(sbatch="Unable", sinfo="Unable to contact slurm controller", squeue="Unable")
    done = harness("run", *SMOKE, *SLURM, "--results", tmp_path / "runs")
    assert_user_error(done, "the cluster's controller does not answer (sinfo: error: Unable to contact", "nothing was")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_what_the_cluster_refuses_leaves_nothing(cluster, row, monkeypatch, capsys):
    cluster(sbatch="invalid partition specified: main", sinfo=None, squeue=None)
    row.folder.failure.write_text('{"error": "of the last time"}')
    other = ToRun("other", make_plan("table_s2", Options(
        profile="smoke", rows=("sbl_res152",), device="cpu", results=str(row.results))).jobs["sbl_res152"], row.results)
    with pytest.raises(UserError, match=r"sbatch refused: .*invalid partition specified: main; nothing was submitted"):
        slurm.submit([row, other], slurm.Resources("main"), {}, None, row.results)
    assert capsys.readouterr().err == ""
    left = [path for path in row.results.rglob("*") if path.is_file() and path.parent.name != "bin"]
    assert sorted(path.name for path in left) == [".lock", ".submit.lock", "failure.json"]
    assert not other.folder.path.exists()


def test_the_plan_of_a_gpu_cluster_is_made_where_there_is_no_gpu(tmp_path):
    done = harness("run", *SMOKE[:3], "--rows", "hrnet_w48", *SLURM, "--gpus", 8, "--memory", "100G", "--jobs", 4,
                   "--dry-run", "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "hrnet_small on cuda" in done.stdout
    assert "partition main, at most 24 h at a time, 8 GPU(s), 100 GiB; at most 4 at once" in done.stdout


def test_a_job_whose_time_is_up_comes_back_only_if_it_got_further(row, monkeypatch):
    training = submitted.training_path(row.results, row.job)
    training.mkdir(parents=True)
    (training / "step-000000001.pth").write_bytes(b"")
    monkeypatch.setattr(submitted, "RUNNING", [])
    task = Submitted(row, {}, 1.0, before=saved(row))
    (training / ".step-000000002.pth.x.part").write_bytes(b"")  # half a checkpoint is none
    assert task.checkpoint() is None
    assert "without one new checkpoint" in json.loads(row.folder.failure.read_text())["error"]
    (training / "step-000000002.pth").write_bytes(b"")
    assert task.checkpoint().function is task
    row.folder.record.write_text("{}")
    assert task.checkpoint() is None  # done at the last moment


def test_a_row_with_a_job_is_not_run_here(row, monkeypatch):
    say_waiting(row.folder)
    row.folder.submitted.write_text(json.dumps({"cluster": "local", "job": "7", **myself()}))
    assert slurm.jobs_of([row]) == {"hrnet_w48": "7"}
    assert_user_error(harness("run", *SMOKE, "--results", row.results), "another process or job")
    row.folder.submitted.write_text(json.dumps({"cluster": "slurm", "job": "12"}))
    monkeypatch.setattr(slurm, "ask_queue", lambda numbers: {"12": "running"})
    assert slurm.jobs_of([row]) == {"hrnet_w48": "12"}
    monkeypatch.setattr(slurm, "ask_queue", lambda numbers: None)
    assert slurm.jobs_of([row]) == {}
    with pytest.raises(UserError, match="squeue does not answer"):
        slurm.submit([row], slurm.Resources("main"), {}, None, row.results)


def test_a_job_that_left_nothing_has_failed(row):
    told = []
    gone = {"cluster": "local", "job": "7", "pid": 1, "started": -1, "boot": boot_id(), "output": "log.out"}
    outcome = slurm.wait([slurm.Submission(row, gone, True)], lambda name, event: told.append(event["text"]))
    assert outcome == {"hrnet_w48": "failed"}
    assert "job 7 ended without a word" in told[-1]
    assert "log.out" in json.loads(row.folder.failure.read_text())["error"]


def test_why_a_job_waits_is_told_once(row, monkeypatch):
    told, answers = [], iter(["pending (Priority)", "pending (Resources)", "pending (Resources)", "running"])

    def queue(numbers):
        words = next(answers, None)
        if words is None:
            row.folder.record.write_text("{}")
        return {"12": words or "completing"}

    monkeypatch.setattr(slurm, "ask_queue", queue)
    monkeypatch.setattr(slurm, "ASK", 0.0)
    monkeypatch.setattr(slurm, "LOOK", 0.0)
    job = slurm.Submission(row, {"cluster": "slurm", "job": "12"}, True)
    assert slurm.wait([job], lambda name, event: told.append((event["phase"], event["text"]))) == {"hrnet_w48": "ran"}
    assert told[:2] == [("waiting", "pending (Priority)"), ("waiting", "pending (Resources)")]
    assert told[-1] == ("end", "")


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["local", "debug"])
def test_a_row_as_a_job(tmp_path, executor):
    arguments = ["run", *SMOKE, *SLURM, "--time", "10", "--results", tmp_path]
    done = harness(*arguments, env={"HARNESS_SUBMITIT": executor})
    assert done.returncode == 0, done.stderr
    path = next(tmp_path.glob("table_s2/smoke/*/record.json"))
    assert json.loads(path.read_text())["launch"] == {"launcher": "slurm", "slurm_job": None}
    assert path.with_name("log.txt").is_file()
    assert "hrnet_w48 (hrnet_small): predict" in done.stderr
    again = harness(*arguments, env={"HARNESS_SUBMITIT": executor})
    assert again.returncode == 0, again.stderr
    assert "submitted" not in again.stderr


@pytest.fixture
def start(tmp_path):
    """A function that starts a run, and gives it with the file of what it says; its jobs are ended with the test."""

    def run(said, *more):
        with said.open("w") as file:  # no pipe: the job, which lives on, would hold it
            return subprocess.Popen(
                [sys.executable, "-m", "harness", "run", *SMOKE, *SLURM, *LONG, "--time", "10", "--results",
                 str(tmp_path), *more],
                env={**os.environ, "PYTHONPATH": str(ROOT), "HARNESS_SUBMITIT": "local"}, stdout=file, stderr=file)

    yield run
    for path in tmp_path.glob("table_s2/smoke/*/submitted.json"):
        controller = json.loads(path.read_text())["pid"]
        if start_of(controller) is not None:
            os.kill(controller, signal.SIGTERM)


def status(results):
    return json.loads(harness("status", "--results", results, "--json").stdout)[0]


def task_of(controller):
    """The process of submitit that runs the row, a child of its controller."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == controller:
            return int(entry.name)
    return None


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.2)
    raise AssertionError("it did not come to pass")


@pytest.mark.slow
def test_a_job_is_found_again_comes_back_after_its_time_and_can_be_cancelled(tmp_path, start):
    assert start(tmp_path / "submitting.txt", "--no-wait").wait(120) == 0
    until(lambda: status(tmp_path)["phase"] == "train")
    folder = Path(status(tmp_path)["folder"])
    controller = json.loads((folder / "submitted.json").read_text())["pid"]
    waiting = start(tmp_path / "waiting.txt")

    first = task_of(controller)
    os.kill(first, signal.SIGUSR2)  # what SLURM sends when the time is nearly up
    until(lambda: task_of(controller) not in (first, None))
    until(lambda: "continuing" in (folder / "log.txt").read_text())
    assert status(tmp_path)["state"] == "running"

    os.kill(task_of(controller), signal.SIGTERM)  # what scancel sends
    assert waiting.wait(120) == 1
    said = (tmp_path / "waiting.txt").read_text()
    assert f"found again: job {controller}" in said
    assert "was cancelled; its training is saved" in said
    assert status(tmp_path)["state"] == "stopped"
    assert start_of(controller) is None
