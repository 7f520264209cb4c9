"""Being asked to stop: a training ends after its step, with everything saved."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

import torch
from accelerate import Accelerator

from harness.signals import ENDING, Ended

ASKING = (signal.SIGINT, *ENDING)
PATIENCE = 1.0
"""Seconds in which a second Ctrl-C counts as the same one: a terminal and the runner may both pass it on."""


class Asked:
    """Whether somebody asked this training to stop, and by which signal."""

    def __init__(self) -> None:
        self.number: int | None = None

    def agreed(self, accelerator: Accelerator) -> bool:
        """Whether any process was asked: all must call it at the same step, and all end at that step."""
        if accelerator.num_processes > 1:
            asked = torch.tensor(self.number or 0, device=accelerator.device)
            number = int(accelerator.gather(asked.reshape(1)).max())
            self.number = number or None
        return self.number is not None

    def error(self) -> KeyboardInterrupt:
        """What to raise: Ctrl-C, or the signal that ends a program."""
        return KeyboardInterrupt() if self.number in (None, signal.SIGINT) else Ended(int(self.number or 0))


@contextlib.contextmanager
def asked_to_stop() -> Iterator[Asked]:
    """Within it Ctrl-C, SIGTERM and SIGHUP are noted instead of acted on.

    Who is impatient presses Ctrl-C again, at least `PATIENCE` seconds later. SIGTERM may come from several sides at
    once (a scheduler, the runner, the kernel for a parent that ended), and SIGKILL is there for the impatient.
    A signal that is ignored stays so. Outside of a program's main thread signals cannot be taken: nothing is noted.
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {one: signal.getsignal(one) for one in ASKING}
    taken = [one for one, handler in before.items() if handler != signal.SIG_IGN]
    first = 0.0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if asked.number is None:
            asked.number, first = number, time.monotonic()
        elif number == signal.SIGINT and time.monotonic() - first > PATIENCE:
            raise KeyboardInterrupt

    for one in taken:
        signal.signal(one, note)
    try:
        yield asked
    finally:
        for one in taken:
            signal.signal(one, before[one])
