"""`torchrun ... -m harness run ...`: the processes that torchrun started, on one machine or several, train together.

The first one runs the rows, as `harness run` does anywhere, and prints. The others wait: when a row comes to its
training, the row's process tells them by torchrun's store, and each starts its part of it. For every training the
first one chooses a port that is free. A part that fails ends all parts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.launch.local import GRACE, end
from harness.launch.ranks import failure_in_words, first_error
from harness.record import RowFolder

if TYPE_CHECKING:
    from torch.distributed import TCPStore

TEAM = "HARNESS_TEAM"
"""Environment variable: what torchrun told the first process, taken away from under its own names, so that what it
starts does not take itself for one of a training's processes."""
NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_NAME",
         "ROLE_RANK", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE",
         "TORCHELASTIC_ERROR_FILE")
LOOK = 0.2
SETTLE = 3.0
"""Seconds that the other parts have, after one has failed, to fail as well: then it is told which was first."""


def rank() -> int:
    """Which of torchrun's processes this is; 0 where torchrun did not start it."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int | None:
    """How many processes torchrun started, asked in the first one or what it started; None without torchrun."""
    return int(json.loads(os.environ[TEAM])["WORLD_SIZE"]) if TEAM in os.environ else None


@contextmanager
def leading() -> Iterator[None]:
    """Around all that the first process does: what it starts finds the others, and they end when it does."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield
        return
    os.environ[TEAM] = json.dumps({name: os.environ.pop(name) for name in NAMES if name in os.environ})
    hosted = None if _told().get("TORCHELASTIC_USE_AGENT_STORE") == "True" else _store(host=True)
    try:
        yield
    finally:
        if world_size() != 1:
            _announce(hosted or _store(), {"end": True})


def follow() -> int:
    """In every other process: take part in each training until the first one ends; 0, or 1 where a part failed.

    Raises KeyboardInterrupt where this process is to end, when its part has.
    """
    told = {name: os.environ[name] for name in NAMES if name in os.environ}
    store, number, status = _store(told), 0, 0
    while True:
        number += 1
        while not store.check([f"harness/{number}"]):
            time.sleep(LOOK)
        order = json.loads(store.get(f"harness/{number}"))
        if "end" in order:
            return status
        if int(told["RANK"]) < order["processes"]:
            status |= _take_part(store, number, order, told)


def train_together(folder: RowFolder, results: Path, processes: int) -> None:
    """In a row of the first process: train with the others. Raises UserError with the error of the first to fail."""
    import socket

    with socket.socket() as probe:
        probe.bind(("", 0))
        port = probe.getsockname()[1]
    store, told = _store(), _told()
    order = {"folder": str(folder.path.resolve()), "results": str(results.resolve()), "port": port,
             "processes": processes}
    number = _announce(store, order)
    if _take_part(store, number, order, told) == 0:
        return
    time.sleep(SETTLE)
    failures = {}
    for one in range(processes):
        if store.check([f"harness/{number}/failed/{one}"]):
            failures[one] = SimpleNamespace(**json.loads(store.get(f"harness/{number}/failed/{one}")))
    raise UserError(f"training in {processes} processes failed: {first_error(failures)}; see {folder.log}")


def _take_part(store: TCPStore, number: int, order: dict[str, Any], told: dict[str, str]) -> int:
    """Run this process's part of a training: 0, or 1 where it or another one failed."""
    own = int(told["RANK"])
    with tempfile.TemporaryDirectory() as place:
        errors = Path(place) / "error.json"
        environment = {**os.environ, **told, "WORLD_SIZE": str(order["processes"]), "MASTER_PORT": str(order["port"]),
                       "TORCHELASTIC_ERROR_FILE": str(errors)}
        environment.pop("TORCHELASTIC_USE_AGENT_STORE", None)
        environment.pop(TEAM, None)
        command = [sys.executable, "-m", "harness.job", order["folder"], order["results"], "--train-only"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
        try:
            while process.poll() is None:
                if store.check([f"harness/{number}/failed"]):
                    time.sleep(SETTLE)
                    break
                time.sleep(LOOK)
        finally:
            end([process], GRACE)
        if process.returncode == 0:
            return 0
        store.set(f"harness/{number}/failed/{own}", json.dumps(failure_in_words(own, process, errors)))
        store.set(f"harness/{number}/failed", "1")
        return 1


def _announce(store: TCPStore, order: dict[str, Any]) -> int:
    """Tell the others what is next; the number of the order."""
    number = store.add("harness/orders", 1)
    store.set(f"harness/{number}", json.dumps(order))
    return int(number)


def _told() -> dict[str, str]:
    return dict(json.loads(os.environ[TEAM]))


def _store(told: dict[str, str] | None = None, host: bool = False) -> TCPStore:
    """torchrun's own store, or one that the first process keeps where another launcher set the variables."""
    from datetime import timedelta

    from torch.distributed import TCPStore

    told = told or _told()
    return TCPStore(told["MASTER_ADDR"], int(told["MASTER_PORT"]), is_master=host, timeout=timedelta(minutes=5),
                    wait_for_workers=False)
