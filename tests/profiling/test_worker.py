"""Processes of their own: another TCFormer package, and peak memory."""

import json
import shutil

import numpy as np
import pytest

from harness.errors import UserError
from harness.profiling import latency, pictures
from harness.profiling.revision import resolve
from harness.profiling.session import measure
from harness.profiling.subjects import Settings, Subject, with_revision
from harness.profiling.worker import Worker
from tests.helpers import ROOT, harness

SUBJECT = Subject("tcformer_small", (64, 64))


@pytest.fixture
def crops(tmp_path):
    file = tmp_path / "crops.npy"
    np.save(file, pictures.crops(None, 1, 64, 64))
    return file


@pytest.fixture
def other(tmp_path):
    """A copy of the package that a test may change."""
    shutil.copytree(ROOT / "tcformer", tmp_path / "other" / "tcformer", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "other"


def test_the_other_package_is_what_runs(other, crops, tmp_path):
    """Its heat maps are shifted by one: code of the other folder, with weights of ours."""
    import torch

    heads = other / "tcformer" / "heads.py"
    text = heads.read_text()
    assert "return maps.unflatten(2, image.shape[2:])" in text
    heads.write_text(text.replace("return maps.unflatten(2, image.shape[2:])",
                                  "print('noise'); return maps.unflatten(2, image.shape[2:]) + 1"))
    torch.save(latency.initial_model("tcformer_small").state_dict(), tmp_path / "weights.pth")
    ours = latency.Runner(SUBJECT, np.load(crops), "cpu").output().numpy()
    with Worker("the other", "cpu", 1, other) as worker:
        before = worker.ask(do="resident_peak")
        ready = worker.prepare(SUBJECT, crops, tmp_path / "weights.pth")
        assert len(worker.ask(do="block", number=ready["number"], calls=2)) == 2
        worker.ask(do="output", number=ready["number"], file=str(tmp_path / "output.npy"))
        assert worker.ask(do="resident_peak") > before > 1e8
    np.testing.assert_allclose(np.load(tmp_path / "output.npy") - 1, ours, atol=1e-6)


def test_code_that_fails_is_named(other, crops):
    (other / "tcformer" / "__init__.py").write_text("raise RuntimeError('an old mistake')")
    with Worker("TCFormer of c0ffee", "cpu", 1, other) as worker, \
            pytest.raises(UserError, match=r"TCFormer of c0ffee: .*an old mistake"):
        worker.prepare(SUBJECT, crops)


def test_a_process_that_ends_is_named(crops, other):
    (other / "tcformer" / "__init__.py").write_text("import os, sys\nprint('last words', file=sys.stderr, flush=True)\n"
                                                    "os._exit(3)")
    with Worker("TCFormer of c0ffee", "cpu", 1, other) as worker, \
            pytest.raises(UserError, match=r"c0ffee: its process ended: exit status 3.*last words"):
        worker.prepare(SUBJECT, crops)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_a_record_with_another_commit():
    subjects = with_revision([SUBJECT], resolve("HEAD"))
    record = measure(subjects, Settings(threads=1, rounds=2, layers=True))
    ours, theirs = record["rows"]
    assert ours["revision"] is None
    assert len(theirs["revision"]) == 40
    assert theirs["ratio"]["to"] == 0
    assert len(theirs["samples_ms"]) == 2
    assert "heat maps and ours differ by at most" in theirs["notes"][0]
    assert [whole["row"] for whole in record["layers"][0]["whole"]] == [0, 1]


def test_peak_memory_is_that_of_a_fresh_process():
    held = np.ones(2**27)  # 1 GiB that is none of the subject's
    (row,) = measure([SUBJECT], Settings(threads=1, rounds=1, memory=True))["rows"]
    assert 1e8 < row["before_bytes"] < row["peak_bytes"] < row["before_bytes"] + held.nbytes / 2


def test_the_command(tmp_path):
    done = harness("profile", "sbl_small", "--input", "64x64", "--mode", "plain", "--rounds", "2", "--threads", "1",
                   "--device", "cpu", "--json", "--out", tmp_path / "record.json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record == json.loads((tmp_path / "record.json").read_text())
    assert [row["model"] for row in record["rows"]] == ["sbl_small"]
