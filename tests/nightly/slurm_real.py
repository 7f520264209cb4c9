"""`--launcher slurm` against a real slurmctld and slurmd on this machine, which the script starts and ends itself.

`python -m tests.nightly.slurm_real [rows|limit|cancelled ...]`, as root, with Debian's slurm-wlm and munge installed;
about twenty minutes on two cores, most of it a training that must outlast its jobs. Prints a line for each thing that
holds; the first that does not is an error.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from tests.helpers import ROOT
from tests.nightly.cluster import cluster, missing, said, wait_for

SMOKE = ["table_s2", "--profile", "smoke", "--device", "cpu"]
SLURM = ["--launcher", "slurm", "--partition", "main", "--cpus", "1"]
LONG = ["--rows", "hrnet_w48", "--set", "train.epochs=1500", "--set", "train.steps_per_epoch=1", "--set",
        "train.batch_size=4"]
"""A training that takes longer than its jobs may; short enough that a few of them finish it."""


class Harness:
    """The command line, in an environment that knows the cluster."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = {**environment, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "160"}

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen([sys.executable, "-m", "harness", *map(str, arguments)], env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __call__(self, *arguments: object, status: int = 0) -> tuple[str, str]:
        """Run a command; returns what it printed. Raises AssertionError for another exit status."""
        process = self.start(*arguments)
        out, error = process.communicate(timeout=1800)
        assert process.returncode == status, f"status {process.returncode} of {arguments}: {error}{out}"
        return out, error

    def rows(self, results: Path) -> list[dict[str, Any]]:
        """What `harness status` says."""
        return json.loads(self("status", "--results", results, "--json")[0])

    def queue(self) -> list[str]:
        """The numbers of the cluster's jobs."""
        return said(["squeue", "--noheader", "--array", "--format", "%i"], self.environment).split()


def holds(what: str, condition: bool, said: object = "") -> None:
    """Print what holds. Raises AssertionError where it does not, with what was `said`."""
    assert condition, f"{what}: {said}"
    print(f"holds: {what}", flush=True)


def records(results: Path) -> dict[str, dict[str, Any]]:
    """The records of a results folder by row."""
    found = [json.loads(path.read_text()) for path in results.glob("*/*/*/record.json")]
    return {record["row"]: record for record in found}


def rows_run_in_parallel(harness: Harness, here: Path, results: Path) -> None:
    """All rows as an array: the same numbers as on this machine, and the same command again does nothing."""
    harness("run", *SMOKE, "--results", here)
    out, error = harness("run", *SMOKE, *SLURM, "--results", results)
    local, remote = records(here), records(results)
    holds("three rows have their records", sorted(remote) == sorted(local) and len(remote) == 3)
    holds("their metrics and weights are those of a run without the cluster", all(
        remote[row]["metrics"] == local[row]["metrics"]
        and remote[row]["weights"]["sha256"] == local[row]["weights"]["sha256"] for row in local))
    jobs = {record["launch"]["slurm_job"] for record in remote.values()}
    holds(f"each was a job of one array: {', '.join(sorted(jobs))}",
          len(jobs) == 3 and len({job.split("_")[0] for job in jobs}) == 1)
    holds("the plan and what each job asks for are printed before", "partition main" in out.split("Method")[0])
    holds("the log lies in the row's folder", all(path.with_name("log.txt").is_file()
                                                  for path in results.glob("*/*/*/record.json")))
    before = {path: path.stat().st_mtime_ns for path in results.glob("*/*/*/record.json")}
    wait_for(lambda: not harness.queue(), "the jobs to leave the queue")
    _, error = harness("run", *SMOKE, *SLURM, "--results", results)
    holds("the same command again submits nothing", "submitted" not in error and not harness.queue()
          and before == {path: path.stat().st_mtime_ns for path in results.glob("*/*/*/record.json")}, error)


def time_limit(harness: Harness, here: Path, results: Path) -> None:
    """A training that takes longer than its job may: requeued until it is done, and bit-equal to an undisturbed one."""
    began = time.monotonic()
    harness("run", *SMOKE, *LONG, "--results", here)
    alone = time.monotonic() - began
    harness("run", *SMOKE, *LONG, *SLURM, "--time", "3", "--no-wait", "--results", results)
    job = harness.queue()
    holds("--no-wait returns while the job is in the queue", len(job) == 1)
    wait_for(lambda: [row["phase"] for row in harness.rows(results) if row["state"] == "running"] == ["train"],
             "the training", 120)
    row = next(row for row in harness.rows(results) if row["state"] == "running")
    holds(f"harness status shows it: {row['phase']} {row['done']}/{row['total']}, job {row['slurm_job']}",
          row["slurm_job"] == job[0])
    _, error = harness("run", *SMOKE, *LONG, *SLURM, "--time", "3", "--results", results)
    holds("the same command finds that job again, and waits for it", f"found again: job {job[0]}" in error)
    folder = Path(row["folder"])
    log = folder.joinpath("log.txt").read_text()
    output = Path(json.loads((folder / "submitted.json").read_text())["output"])
    requeued = output.with_suffix(".err").read_text().count("Requeued job") + output.read_text().count("Requeued job")
    holds(f"its time was up {requeued} time(s) (undisturbed, the run took {alone:.0f} s), and it went on each time",
          requeued > 0 and log.count("continuing") >= requeued)
    a, b = (weights(path) for path in (here, results))
    holds("its weights are bit-equal to those of the undisturbed run", all(torch.equal(a[name], b[name]) for name in a))


def weights(results: Path) -> dict[str, torch.Tensor]:
    """The weights of the longest training."""
    record = max((json.loads(path.read_text()) for path in results.glob("*/*/hrnet_w48-*/record.json")),
                 key=lambda record: record["training"]["steps"])
    return torch.load(record["weights"]["file"], weights_only=True)["model"]


def cancelled(harness: Harness, results: Path) -> None:
    """scancel, Ctrl-C in the waiting command, a job killed without a word, a partition that is not there."""
    run = harness.start("run", *SMOKE, *LONG, *SLURM, "--seed", 1, "--results", results)
    wait_for(lambda: any(row["phase"] == "train" and row["state"] == "running" for row in harness.rows(results)),
             "the training", 120)
    run.send_signal(signal.SIGINT)
    _, error = run.communicate(timeout=60)
    holds("Ctrl-C leaves the job, and says how to end it", run.returncode == 130 and len(harness.queue()) == 1
          and f"scancel {harness.queue()[0]}" in error)
    run = harness.start("run", *SMOKE, *LONG, *SLURM, "--seed", 1, "--results", results)
    time.sleep(5)
    said(["scancel", *harness.queue()], harness.environment)
    _, error = run.communicate(timeout=180)
    holds("a cancelled job saves its training, and the run says so", run.returncode == 1
          and "was cancelled; its training is saved" in error and "1 row(s) stopped" in error)
    holds("harness status says stopped", "stopped" in {row["state"] for row in harness.rows(results)})
    run = harness.start("run", *SMOKE, *LONG, *SLURM, "--seed", 1, "--results", results)
    wait_for(lambda: any(row["phase"] == "train" and row["state"] == "running" for row in harness.rows(results)),
             "the training", 120)
    row = next(row for row in harness.rows(results) if row["state"] == "running")
    holds("the same command went on with it", "continuing" in (Path(row["folder"]) / "log.txt").read_text())
    said(["scancel", "--signal=KILL", *harness.queue()], harness.environment)
    _, error = run.communicate(timeout=180)
    holds("a job that is killed leaves its row the time to save", run.returncode == 1 and "1 row(s) stopped" in error,
          error)
    run = harness.start("run", *SMOKE, *LONG, *SLURM, "--seed", 1, "--results", results)
    wait_for(lambda: any(row["phase"] == "train" and row["state"] == "running" for row in harness.rows(results)),
             "the training", 120)
    row = next(row for row in harness.rows(results) if row["state"] == "running")
    os.kill(row["pid"], signal.SIGKILL)
    _, error = run.communicate(timeout=180)
    holds("a row that is killed has failed, and the run says by what", run.returncode == 1
          and "ended with signal 9 (out of memory?)" in error, error)
    _, error = harness("run", *SMOKE, *LONG, "--launcher", "slurm", "--partition", "nowhere", "--seed", 2,
                       "--results", results, status=1)
    holds("a partition that is not there is named in one line", "sbatch refused" in error and "artition" in error
          and "Traceback" not in error, error)


def main() -> int:
    """The parts that were named, or all."""
    parts = sys.argv[1:] or ["rows", "limit", "cancelled"]
    lacking = missing()
    if lacking:
        print(f"not here: {', '.join(lacking)} (apt-get install slurm-wlm munge, as root)", file=sys.stderr)
        return 1
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background, and by commands then
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, cluster(Path(name) / "cluster") as environment:
        print(said(["sinfo", "--version"], environment).strip(), flush=True)
        os.chdir(name)
        harness = Harness(environment)
        here, there = Path(name) / "here", Path(name) / "there"
        there.mkdir()
        if "rows" in parts:
            rows_run_in_parallel(harness, here, there)
        if "limit" in parts:
            time_limit(harness, here, there)
        if "cancelled" in parts:
            cancelled(harness, there)
    print(f"all holds: {', '.join(parts)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
