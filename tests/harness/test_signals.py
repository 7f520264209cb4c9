"""Signals that end a program are taken as Ctrl-C is."""

import os
import signal

import pytest

from harness.signals import Ended, ending_interrupts, status


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_interrupts_and_gives_its_status(number, expected):
    before = signal.signal(number, signal.SIG_DFL)  # nohup has tests ignore SIGHUP, and what is ignored stays so
    try:
        with pytest.raises(KeyboardInterrupt) as caught, ending_interrupts():
            os.kill(os.getpid(), number)
    finally:
        signal.signal(number, before)
    assert status(caught.value) == expected


def test_ctrl_c_has_its_own_status():
    assert status(KeyboardInterrupt()) == 130


def killed_while_cleaning_up(cleaned):
    with ending_interrupts():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)


def test_a_second_signal_does_not_stop_the_cleaning_up():
    cleaned = []
    with pytest.raises(Ended):
        killed_while_cleaning_up(cleaned)
    assert cleaned


def test_handlers_are_put_back_and_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_interrupts():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
