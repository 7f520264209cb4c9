"""Git repositories of empty commits with dates of their own, and results as if each commit had been measured."""

import json
import subprocess
from datetime import UTC, datetime, timedelta

import numpy as np

from harness.files import write_json
from harness.gate.findings import MEMORY, SPEED, WORSE, Comparison, Finding
from harness.gate.pairs import Block, Pair
from tests.gate.results_on_disk import CODE, MACHINE, profile, profile_row, write_row

START = datetime(2026, 1, 1, tzinfo=UTC)
ROW = "tcformer_small 128x96, batch 8, fp32, plain, inference"


def git(root, *arguments, feed=None):
    done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True, input=feed)
    return done.stdout.strip()


def make_repository(root, subjects):
    """A commit a day with each subject, on the branch main; their ids, oldest first."""
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    extend(root, "main", subjects)
    return git(root, "log", "--reverse", "--format=%H", "main").splitlines()


def extend(root, branch, subjects, start=None, day=0):
    """Add commits to a branch, which begins at the commit `start` if it is new; the last one's id."""
    said = []
    for number, subject in enumerate(subjects):
        when = int((START + timedelta(days=day + number)).timestamp())
        said += [f"commit refs/heads/{branch}", f"committer Tester <tester@example.org> {when} +0000",
                 f"data {len(subject.encode())}", subject] + ([f"from {start}"] if start and number == 0 else [])
    git(root, "fast-import", "--quiet", feed="\n".join(said) + "\n")
    return git(root, "rev-parse", branch)


def day(number):
    """The time of a measurement on the day of that commit."""
    return (START + timedelta(days=number, hours=6)).isoformat(timespec="microseconds")


def leave_profile(results, commit, ms, number, model="tcformer_small", machine=MACHINE, dirty=False, **row):
    """A record of `harness profile` as measured at a commit."""
    code = {**CODE, "commit": commit, "dirty": dirty}
    path = results / f"profile-{number:03}-{machine['processor'].replace(' ', '-')}.json"
    write_json(path, profile(profile_row(model, median_ms=ms, **row), code=code, created=day(number), machine=machine))
    return path


def leave_row(results, commit, ap, number, weights=None, **changes):
    """A row's record as measured at a commit: trained there or, with the hash of weights, of these."""
    code = {**CODE, "commit": commit}
    data = {"metrics": {"parts": {"wholebody": {"AP": ap, "AR": ap}}}, "created": day(number), "code": code}
    folder = write_row(results, **{**data, **changes})
    if weights:
        record = json.loads((folder / "record.json").read_text())
        record["data"]["train"], record["training"] = None, None
        record["weights"] = {"init": None, "file": "weights.pth", "sha256": weights}
        write_json(folder / "record.json", record)
    return folder


def leave_gate(results, base, candidate, ratio, number, pairs=12, macs=(100, 100), share=1.0, noise=0.004,
               dirty=False):
    """A comparison that `harness gate` measured."""
    rng = np.random.default_rng(number)
    sides = [{"name": one[:7], "kind": "revision", "commit": one, "dirty": False,
              "machine": {**MACHINE, "device": "cpu"}} for one in (base, candidate)]
    sides[1]["dirty"] = dirty
    made = [Pair(Block({ROW: 50.0}), Block({ROW: float(50 * ratio * np.exp(noise * rng.normal()))}), i % 2 == 0)
            for i in range(pairs)]
    findings = (Finding(ROW, "time", SPEED, WORSE, "", margin=0.03),
                Finding(ROW, "peak memory", MEMORY, WORSE, "", 2**30, 2**30))
    counts = [{"parameters": 1000, "macs": count, "counted_share": share} for count in macs]
    details = {"networks": {"pairs": [pair.to_json() for pair in made], "calibration": {}},
               "operations": {"tcformer_small 128x96": dict(zip(("base", "candidate"), counts, strict=True))}}
    write_json(results / "gate" / f"{number:03}.json",
               Comparison(*sides, findings, created=day(number), details=details).to_json())


def noisy(levels, sd=0.02, seed=0):
    """Values around levels, with relative noise."""
    return [float(level * np.exp(sd * value)) for level, value in
            zip(levels, np.random.default_rng(seed).normal(size=len(levels)), strict=True)]
