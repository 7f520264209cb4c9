"""Several processes for one training: they find each other, and one that fails ends all."""

import os
import signal
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import UserError
from harness.launch.ranks import first_error, run_ranks
from harness.signals import Ended
from tests.helpers import ROOT

SCRIPT = Path(__file__).with_name("ranks_script.py")


@pytest.fixture(autouse=True)
def _import_this_tree_and_leave_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    yield
    assert not list((tmp_path / "temporary").iterdir())


def run(folder, how):
    run_ranks([str(SCRIPT), str(folder), how], 2, "training in 2 processes", "see log.txt")


@pytest.mark.slow
def test_they_find_each_other_though_the_usual_port_is_taken(tmp_path, monkeypatch):
    with socket.socket() as other:
        other.bind(("localhost", 0))
        other.listen()
        monkeypatch.setenv("MASTER_PORT", str(other.getsockname()[1]))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        run(tmp_path, "works")
    assert [(tmp_path / f"rank-{rank}").read_text() for rank in (0, 1)] == ["3 1", "3 1"]


@pytest.mark.slow
@pytest.mark.parametrize(("how", "words"), [("raises", "process 1: the loss became nan"),
                                            ("killed", "process 1 was ended by SIGKILL")])
def test_one_that_fails_ends_all_and_is_named(tmp_path, how, words):
    with pytest.raises(UserError) as caught:
        run(tmp_path, how)
    assert words in str(caught.value)
    assert str(caught.value).startswith("training in 2 processes failed")
    assert str(caught.value).endswith("see log.txt")


@pytest.mark.slow
def test_a_signal_reaches_them_and_they_may_save(tmp_path):
    def end_when_they_wait():
        while not all((tmp_path / f"waiting-{rank}").exists() for rank in (0, 1)):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=end_when_they_wait, daemon=True).start()
    with pytest.raises(Ended) as caught:
        run(tmp_path, "waits")
    assert caught.value.number == signal.SIGTERM
    assert all((tmp_path / f"saved-{rank}").exists() for rank in (0, 1))
    assert signal.getsignal(signal.SIGTERM) == before


def failure(exitcode, message, timestamp):
    return SimpleNamespace(exitcode=exitcode, message=message, timestamp=timestamp)


@pytest.mark.parametrize(("failures", "words"), [
    ({0: failure(1, {"message": "RuntimeError: Connection closed by peer"}, 10), 1: failure(-9, "Signal 9", 11)},
     "process 1 was ended by SIGKILL (out of memory?)"),
    ({0: failure(1, {"message": "RuntimeError: Connection closed by peer"}, 10),
      1: failure(1, {"message": "UserError: 7 images cannot be read"}, 10)}, "process 1: 7 images cannot be read"),
    ({0: failure(-15, "Signal 15", 9), 1: failure(1, {"message": "ValueError: x"}, 10)}, "process 1: ValueError: x"),
    ({0: failure(1, {"message": "ValueError: late"}, 12), 1: failure(1, {"message": "ValueError: early"}, 10)},
     "process 1: ValueError: early"),
])
def test_what_went_wrong_first_is_told_from_what_followed(failures, words):
    assert first_error(failures) == words
