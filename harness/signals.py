"""Signals that end a program: taken as Ctrl-C is, so that what was measured is kept and nothing is left behind."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from harness.errors import Interrupted

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Sent by CI systems and schedulers to what runs too long, and by a terminal that closes."""


class Ended(KeyboardInterrupt):
    """One of `ENDING` came."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def status(stop: KeyboardInterrupt) -> int:
    """The exit status that a shell gives to a program that a signal ended: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + (stop.number if isinstance(stop, Ended) else signal.SIGINT)


@contextlib.contextmanager
def ending_interrupts() -> Iterator[None]:
    """Within it the first of `ENDING` raises `Ended`; those after it are ignored, for cleaning up takes a moment.

    A signal that was ignored before stays so (nohup). Only for a program's main thread.
    """
    def end(number: int, frame: FrameType | None) -> None:
        for one in taken:
            signal.signal(one, signal.SIG_IGN)
        raise Ended(number)

    before = {one: signal.getsignal(one) for one in ENDING}
    taken = [one for one, handler in before.items() if handler != signal.SIG_IGN]
    for one in taken:
        signal.signal(one, end)
    try:
        yield
    finally:
        for one in taken:
            signal.signal(one, before[one])


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Around a command that the same words continue: Ctrl-C and `ENDING` raise Interrupted with their exit status."""
    try:
        with ending_interrupts():
            yield
    except KeyboardInterrupt as stop:
        raise Interrupted(status(stop)) from stop
