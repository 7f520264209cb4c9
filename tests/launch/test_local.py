"""Ending a row's process: it is asked, has time to save, and is killed only then."""

import signal
import subprocess
import sys
import threading

from harness.launch.local import end

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
