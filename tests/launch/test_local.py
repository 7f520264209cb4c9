"""Ending a row's process: it is asked, has time to save, and is killed only then."""

import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

from harness.errors import UserError
from harness.launch import local
from harness.launch.local import RowProcess, ToRun, end
from harness.launch.shown import Shown
from harness.plan import Options, make_plan

SAVES = """
import signal, sys, time
def save(*_):
    time.sleep(0.3)
    print("saved", flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(100)
"""
DEAF = SAVES.replace("save)", "signal.SIG_IGN)")


def started(script):
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline() == b"ready\n"
    return process


def test_it_may_save_before_it_ends():
    process = started(SAVES)
    end([process])
    assert process.returncode == 143
    assert process.stdout.read() == b"saved\n"


def test_what_does_not_end_in_time_is_killed():
    process = started(DEAF)
    end([process], grace=0.2)
    assert process.returncode == -signal.SIGKILL


def test_who_interrupts_again_does_not_wait():
    process = started(DEAF)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
        end([process], grace=60)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.returncode == -signal.SIGKILL


def test_what_has_ended_already_is_left():
    process = started(SAVES)
    process.kill()
    process.wait()
    end([process])
    assert process.returncode == -signal.SIGKILL


def test_a_full_disk_is_said_though_nothing_can_be_written(tmp_path, monkeypatch):
    plan = make_plan("table_s2", Options(profile="smoke", rows=("hrnet_w48",), device="cpu", results=str(tmp_path)))
    row, told = ToRun("hrnet_w48", plan.jobs["hrnet_w48"], tmp_path), []
    row.folder.path.mkdir(parents=True)
    process = RowProcess.__new__(RowProcess)  # one that has ended already
    process.row, process.folder = row, row.folder
    process.shown = Shown(row.name, row.folder, lambda name, event: told.append(event["text"]))

    def full(*_):
        raise UserError("cannot write failure.json: No space left on device")

    monkeypatch.setattr(local, "write_failure", full)
    monkeypatch.setattr(local.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    assert process._ended(1) == "failed"
    assert f"the disk of {tmp_path} is full" in told[-1]
    assert "the same command goes on" in told[-1]
