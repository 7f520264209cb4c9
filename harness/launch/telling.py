"""A row's own word on where it stands: status.json in its folder, small, written whole, and touched as a heart-beat.

Whoever shows a row reads that file: `harness run` while it waits, `harness status` from anywhere. One process writes
it at a time: the runner before the row starts, the row's process, the first of its training's processes while they
train, and again the row's process.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.files import read_json
from harness.record import RowFolder, now

BEAT = 10.0
"""Seconds between two signs of life."""
OFTEN = 0.5
"""Seconds between two writings within a phase."""


def myself() -> dict[str, Any]:
    """What tells this process from every other one: its host, and its number there since that host was started."""
    return {"pid": os.getpid(), "started": start_of(os.getpid()), "host": socket.gethostname(), "boot": boot_id()}


def boot_id() -> str:
    """Of this machine since it was started; two hosts of one name are told apart by it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def start_of(pid: int) -> int | None:
    """When a process of this machine started, in ticks of its clock (proc(5)); None where there is none.

    With it a number that was given to another process later is not mistaken for the first one.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # after the name, which may hold anything
    return None if fields[0] == "Z" else int(fields[19])


def write_status(folder: RowFolder, status: dict[str, Any]) -> None:
    """Put a row's status in place, whole. A disk that is full or gone must not end a training: then it stays old."""
    part = folder.path / f".{folder.status.name}.{os.getpid()}.part"
    try:
        part.write_text(json.dumps(status, indent=1), encoding="utf-8")
        part.replace(folder.status)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def read_status(folder: RowFolder) -> dict[str, Any]:
    """What a row said last; empty where it said nothing, or nothing that can be read."""
    return _object(folder.status)


def _object(path: Path) -> dict[str, Any]:
    try:
        data = read_json(path)
    except UserError:
        return {}
    return data if isinstance(data, dict) else {}


def say_waiting(folder: RowFolder) -> None:
    """Of a row that is to be started: which process waits to do it."""
    write_status(folder, {"state": "waiting", "since": now(), "runner": myself()})


def say_stopped(folder: RowFolder) -> None:
    """Of a row whose process was asked to end: it was stopped, if it had no time to say so itself."""
    said = read_status(folder)
    if said.get("state") != "ended":
        write_status(folder, {**said, "state": "ended", "how": "stopped", "text": "", "left_s": None, "told": now()})


def submission_of(folder: RowFolder) -> dict[str, Any]:
    """The cluster's job that a row was submitted as: cluster, job, output; empty where it was not.

    In a file of its own, which only the submitting process writes: the job may run before its number is known.
    """
    return _object(folder.submitted)


class Teller:
    """`tell(phase, done, total, text, **facts)`: called by a row's work, writes where the row stands.

    The row's process says who it is and shows that it lives; one of its training's processes (`joined`) only goes on
    telling. `facts` of a call are anything that JSON can hold, shown by name.
    """

    def __init__(self, folder: RowFolder, joined: bool = False) -> None:
        self.folder, self.last, self.first, self.begun = folder, 0.0, 0, time.time()
        self.phase, self.joined = "", joined
        before = read_status(folder)
        if joined:
            self.status = before
            return
        self.status = {"state": "running", "since": now(), "process": myself(), "phases": []}
        write_status(folder, self.status)
        threading.Thread(target=self._beat, daemon=True).start()

    def __call__(self, phase: str, done: int, total: int, text: str = "", **facts: Any) -> None:
        """Write where the row stands: at once in a new phase and at its end, else every `OFTEN` seconds."""
        moment = time.time()
        if phase != self.phase:
            self.phase, self.first, self.begun = phase, done, moment
            self.status = {**self.status, "phases": read_status(self.folder).get("phases", [])}
            if not self.status["phases"] or self.status["phases"][-1]["name"] != phase:
                self.status["phases"].append({"name": phase, "since": now()})
        elif moment - self.last < OFTEN and done < total:
            return
        self.last = moment
        self.status.update(phase=phase, done=done, total=total, text=text, facts=facts, told=now(),
                           left_s=self._left(done, total, moment))
        write_status(self.folder, self.status)

    def _left(self, done: int, total: int, moment: float) -> float | None:
        """Seconds until the phase is over at its pace so far; what it found done at its start does not count."""
        made = done - self.first
        return round((moment - self.begun) / made * (total - done), 1) if made > 0 else None

    def ended(self, how: str, text: str = "") -> None:
        """The row's last word, done, failed or stopped; not of a training's processes."""
        if self.joined:
            return
        self.status = {**self.status, **read_status(self.folder), "state": "ended", "how": how, "text": text,
                       "left_s": None, "told": now()}
        write_status(self.folder, self.status)

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT)
            with contextlib.suppress(OSError):
                os.utime(self.folder.status)


class Silent:
    """Of several processes, all but the first tell nothing."""

    def __call__(self, phase: str, done: int, total: int, text: str = "", **facts: Any) -> None:
        """Nothing."""

    def ended(self, how: str, text: str = "") -> None:
        """Nothing."""


def teller(folder: RowFolder, joined: bool) -> Teller | Silent:
    """Who tells of a row; `joined` in the processes of its training."""
    return Silent() if joined and os.environ.get("RANK", "0") != "0" else Teller(folder, joined)
