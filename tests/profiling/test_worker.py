"""Processes of their own: another TCFormer package, and peak memory."""

import dataclasses
import io
import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.profiling import latency, pictures
from harness.profiling.rounds import OutOfMemory
from harness.profiling.subjects import Subject
from harness.profiling.worker import Server, Worker, serve
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


def prepare(worker, crops, weights=None):
    return worker.ask(do="prepare", subject=dataclasses.asdict(SUBJECT), crops=str(crops), weights=weights,
                      layers=False)


def test_the_other_package_is_what_runs(other, crops, tmp_path):
    """Its heat maps are shifted by one: code of the other folder, with weights of ours."""
    heads = other / "tcformer" / "heads.py"
    text = heads.read_text()
    assert "return maps.unflatten(2, image.shape[2:])" in text
    heads.write_text(text.replace("return maps.unflatten(2, image.shape[2:])",
                                  "print('noise'); return maps.unflatten(2, image.shape[2:]) + 1"))
    torch.save(latency.initial_model("tcformer_small").state_dict(), tmp_path / "weights.pth")
    ours = latency.Runner(SUBJECT, np.load(crops), "cpu").output().numpy()
    with Worker("the other", "cpu", 1, other) as worker:
        before = worker.ask(do="peak")
        ready = prepare(worker, crops, weights=str(tmp_path / "weights.pth"))
        assert ready.pop("first_ms") > 0
        assert ready == {"path": "eager", "notes": []}
        assert len(worker.ask(do="block", calls=2)) == 2
        worker.ask(do="output", file=str(tmp_path / "output.npy"))
        assert worker.ask(do="peak") > before > 1e8
    np.testing.assert_allclose(np.load(tmp_path / "output.npy") - 1, ours, atol=1e-6)


def test_code_that_fails_is_named(other, crops):
    (other / "tcformer" / "__init__.py").write_text("\nraise RuntimeError('an old mistake')")
    with Worker("TCFormer of c0ffee", "cpu", 1, other) as worker, \
            pytest.raises(UserError, match=r"TCFormer of c0ffee: .*an old mistake \(tcformer/__init__.py, line 2\)"):
        prepare(worker, crops)


def test_a_process_that_ends_is_named(crops, other):
    (other / "tcformer" / "__init__.py").write_text("import os, sys\nprint('last words', file=sys.stderr, flush=True)\n"
                                                    "os._exit(3)")
    with Worker("TCFormer of c0ffee", "cpu", 1, other) as worker, \
            pytest.raises(UserError, match=r"c0ffee: its process ended: exit status 3.*last words"):
        prepare(worker, crops)


def test_a_killed_process_is_out_of_memory(crops, other):
    (other / "tcformer" / "__init__.py").write_text("import os\nos.kill(os.getpid(), 9)")
    with Worker("TCFormer of c0ffee", "cpu", 1, other) as worker, pytest.raises(OutOfMemory, match="killed"):
        prepare(worker, crops)


def test_an_input_that_a_network_refuses_is_an_answer(tmp_path):
    subject = Subject("hrnet_small", (64, 48))
    np.save(tmp_path / "crops.npy", pictures.crops(None, 1, *subject.input))
    request = {"do": "prepare", "subject": dataclasses.asdict(subject), "crops": str(tmp_path / "crops.npy"),
               "weights": None, "layers": False}
    answers = io.StringIO()
    serve("cpu", torch.get_num_threads(), ROOT, io.StringIO(json.dumps(request) + "\n"), answers)
    assert re.match("input size 48x64.*multiples of 32", json.loads(answers.getvalue())["error"])


def test_few_pictures_make_a_large_batch(crops):
    server = Server("cpu")
    server.prepare(dataclasses.asdict(dataclasses.replace(SUBJECT, batch=3)), str(crops), None, layers=False)
    images = server.runner.images
    assert images.shape == (3, 3, 64, 64)
    assert torch.equal(images[0], images[2])


def test_a_limit_on_a_card_is_a_share_of_it(monkeypatch):
    shares = []
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=2**33))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", shares.append)
    for limit in (2**30, None, 2**40):
        Server("cuda").limit(limit)
    assert shares == [0.125, 1.0]


def test_what_there_is_whatever_the_batch():
    """Training adds a gradient and two moments for each parameter."""
    size = sum(p.nbytes for p in latency.initial_model("hrnet_small").parameters())
    server = Server("cpu")
    server.built("hrnet_small", training=False)
    alone = server.built("hrnet_small", training=False)
    assert alone > 1e8
    assert server.built("hrnet_small", training=True) - alone >= 3 * size


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_the_command_against_a_commit(tmp_path):
    done = harness("profile", "tcformer_small", "--input", "64x64", "--mode", "eager", "--against", "HEAD", "--rounds",
                   "2", "--threads", "1", "--device", "cpu", "--json", "--out", tmp_path / "record.json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record == json.loads((tmp_path / "record.json").read_text())
    ours, theirs = record["rows"]
    assert ours["revision"] is None
    assert len(theirs["revision"]) == 40
    assert theirs["ratio"]["to"] == theirs["difference"]["to"] == 0
    assert len(theirs["samples_ms"]) == 2
    assert 1e8 < ours["before_bytes"] < ours["peak_bytes"] < ours["before_bytes"] + 2**29  # its own process
