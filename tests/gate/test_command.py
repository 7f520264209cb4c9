"""What `harness compare` and `harness gate` refuse before anything is measured."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.gate.results_on_disk import FEW, outcomes, write_row
from tests.helpers import ROOT, harness


@pytest.mark.parametrize(("arguments", "words"), [
    (["compare", "HEAD", "HEAD", "--batch", "8"], "--batch is for the networks of --models"),
    (["gate", "--mode", "fast"], "--mode is for the networks of --models"),
    (["compare", "HEAD", "HEAD", "--eval-split", "val"], "--eval-split is for --weights"),
    (["compare", "HEAD", "HEAD", "--only", "accuracy"], "--weights ROW=FILE"),
    (["compare", "HEAD", "HEAD", "--threads", "100000"], "--threads 100000"),
])
def test_an_option_without_effect_is_refused(arguments, words):
    done = harness(*arguments)
    assert done.returncode == 3
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_groups_without_a_suite_are_refused():
    done = harness("profile", "tcformer_small", "--only", "x")
    assert done.returncode == 1
    assert "--suite" in done.stderr


@pytest.mark.parametrize("option", ["--out", "--junit", "--summary"])
def test_outputs_that_cannot_be_written_are_refused_before_anything_is_measured(option, tmp_path):
    for file, words in ((tmp_path / "no" / "file", "there is no folder"), (tmp_path, "a folder, not a file")):
        done = harness("gate", "HEAD", "HEAD", option, file)
        assert done.returncode == 3
        assert option in done.stderr
        assert words in done.stderr
        assert "pair" not in done.stderr


@pytest.mark.parametrize("option", ["--out", "--junit", "--summary"])
def test_its_own_output_alone_is_written_over(option, tmp_path):
    write_row(tmp_path / "runs", outcomes(0)[0], FEW, row="sn")
    file = tmp_path / "file"
    for _ in range(2):
        assert harness("compare", tmp_path / "runs", tmp_path / "runs", option, file).returncode == 0
    file.write_text("# Mine")
    done = harness("compare", tmp_path / "runs", tmp_path / "runs", option, file)
    assert done.returncode == 3
    assert f"{option} {file}: is there" in done.stderr
    assert file.read_text() == "# Mine"


def test_options_of_what_is_run_are_refused_for_files(tmp_path):
    write_row(tmp_path, outcomes(0)[0], FEW, row="sn")
    done = harness("compare", tmp_path, tmp_path, "--pairs", "24")
    assert done.returncode == 3
    assert "--pairs is for commits" in done.stderr


def test_two_outputs_are_not_one_file(tmp_path):
    done = harness("gate", "--out", tmp_path / "x", "--summary", tmp_path / "x")
    assert done.returncode == 3
    assert "one file" in done.stderr


@pytest.mark.parametrize("arguments", [["gate"], ["gate", "HEAD", "."], ["compare", "HEAD", "HEAD"]])
def test_another_checkout_than_the_one_that_is_measured_is_refused(arguments, tmp_path):
    """Its verdict would be that of other code."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    done = harness(*arguments, cwd=tmp_path)
    assert done.returncode == 3
    assert str(ROOT) in done.stderr.splitlines()[-1]
    assert str(tmp_path) in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("options", "words"), [
    (["--images", "/nowhere"], "--images /nowhere"), (["--results", "/proc/x"], "/proc/x cannot be written"),
])
def test_what_would_be_missing_later_is_refused_before_anything_is_measured(options, words):
    done = harness("gate", "HEAD", "HEAD", *options)
    assert done.returncode == 3
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_gate_that_is_ended_keeps_its_pairs_and_leaves_nothing_behind(tmp_path):
    """SIGTERM, as CI systems send it to what runs too long."""
    scratch, out, junit = tmp_path / "scratch", tmp_path / "gate.json", tmp_path / "gate.xml"
    scratch.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"}
    command = ["gate", "HEAD", "HEAD", "--models", "tcformer_small", "--input", "64x64", "--only", "speed",
               "--no-calibration", "--out", out, "--junit", junit, "--results", tmp_path / "runs"]
    process = subprocess.Popen([sys.executable, "-m", "harness", *map(str, command)], cwd=ROOT, env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "pair 2" in line:
            process.send_signal(signal.SIGTERM)
            break
    shown, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert "Traceback" not in said
    found = json.loads(out.read_text())
    assert (found["complete"], found["verdict"], found["findings"][0]["samples"]) == (False, "cannot tell", 1)
    assert "cut short" in junit.read_text()
    assert "interrupted" in shown
    assert list(scratch.glob("harness-*")) == []  # torch keeps a cache of its own there
    trees = subprocess.run(["git", "worktree", "list"], cwd=ROOT, capture_output=True, text=True).stdout
    assert str(scratch) not in trees
