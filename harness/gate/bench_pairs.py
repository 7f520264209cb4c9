"""Pairs of blocks of benchmarks: two fresh pytest processes, each with one side's code, that time each in turn.

They live side by side. Imports, fixtures and calibrations run on both at once; what is timed does not: while one side
has its slice the other waits.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from harness.allocator import kept
from harness.gate.pairs import Block, MeasurePair, Pair

WORKER = Path(__file__).resolve().with_name("bench_worker.py")
SEPARATOR = "::"
"""In the name of a benchmark; a name without it is that of a file."""


class Lost(Exception):
    """A process ended before its time."""


class Process:
    """The asking end of a `bench_worker`; its events are described there. A context manager, which ends it."""

    def __init__(self, side: Path, files: Sequence[str], names: Sequence[str] | None) -> None:
        environment = {name: value for name, value in kept().items() if not name.startswith("PYTEST_")}
        environment |= {"PYTHONPATH": str(side), "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="harness-benchmarks-")))
            request = folder / "request.json"
            request.write_text(json.dumps({"files": list(files), "names": names}), encoding="utf-8")
            self.log = stack.enter_context(tempfile.TemporaryFile("w+"))  # a pipe would fill up and stop the process
            theirs, ours = os.pipe()
            self.commands = stack.enter_context(open(ours, "wb", buffering=0))
            with open(theirs, "rb"):
                mine, yours = os.pipe()
                self.events = stack.enter_context(open(mine, encoding="utf-8"))
                with open(yours, "wb"):
                    self.process = subprocess.Popen(
                        [sys.executable, "-P", str(WORKER), str(request), str(theirs), str(yours)], cwd=side,
                        env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                        pass_fds=(theirs, yours))
            stack.callback(self.process.wait)
            stack.callback(self.process.kill)
            self.stack = stack.pop_all()

    def hear(self) -> dict[str, Any]:
        """What it says next. Raises Lost."""
        line = self.events.readline()
        if not line.endswith("\n"):
            raise Lost(f"its process ended with status {self.process.wait()}: {self._last_words()}")
        event = json.loads(line)
        if "wrong" in event:
            raise Lost(event["wrong"])
        return event

    def go(self) -> None:
        """Let it go on."""
        with contextlib.suppress(BrokenPipeError):  # it has ended; `hear` says why
            self.commands.write(b"\n")

    def _last_words(self) -> str:
        self.log.seek(0)
        lines = [line for line in self.log.read().splitlines() if line.strip()]
        return lines[-1].removeprefix("E ").strip() if lines else "without a word"

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *raised: object) -> None:
        self.stack.close()


def collected(side: Path, files: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Names of all benchmarks in files of a side, and the files that cannot be imported, with the reason. Raises Lost.
    """
    with Process(side, files, None) as process:
        event = process.hear()
        return event["names"], event["failed"]


def benchmark_pairs(base: Path, candidate: Path) -> MeasurePair:
    """Pairs of blocks of the benchmarks in two folders (see `bench_runs.overlay`), timed slice by slice.

    A benchmark that fails on one side is named with the reason, and the other side and the others are measured; so are
    those that are left when one takes its process with it.
    """
    def measure(rows: Sequence[str], base_first: bool) -> Pair:
        with contextlib.ExitStack() as stack:
            sides = [_Side(folder, rows, stack) for folder in (base, candidate)]
            for row in rows:
                _in_turn(row, sides if base_first else sides[::-1])
        return Pair(*_blocks(*sides), base_first)

    return measure


class _Side:
    """One side of a pair: its process, and another one where that ended before its time."""

    def __init__(self, folder: Path, rows: Sequence[str], stack: contextlib.ExitStack) -> None:
        self.folder, self.stack, self.left = folder, stack, list(rows)
        self.slices: dict[str, list[float]] = {}
        """Milliseconds, by benchmark."""
        self.failed: dict[str, str] = {}
        self.process: Process | None = None
        self.names: list[str] | None = None
        """Benchmarks that its process will run; None until it says so."""
        self.unreadable: dict[str, str] = {}
        """Files that cannot be imported."""
        self._start()

    def _start(self) -> None:
        files = dict.fromkeys(name.partition(SEPARATOR)[0] for name in self.left)
        self.process, self.names = self.stack.enter_context(Process(self.folder, list(files), self.left)), None

    def begin(self, row: str) -> bool:
        """Let a benchmark begin. False where it cannot, and why is written down; and for the name of a file."""
        if row in self.failed:
            return False
        with self._failing(row):
            if self.process is None:
                self._start()
            assert self.process is not None
            if self.names is None:
                event = self.process.hear()
                self.names, self.unreadable = event["names"], event["failed"]
            self.left.remove(row)
            if row in self.names:
                self.process.hear()
                self.process.go()
                return True
            file, separator, _ = row.partition(SEPARATOR)
            if file in self.unreadable:
                self.failed[row] = self.unreadable[file]
            elif separator:
                self.failed[row] = "there is no such benchmark with this side's code"
        return False

    def ready(self, row: str) -> bool:
        """Whether a benchmark has come as far as its first round, or its next; else it is over."""
        with self._failing(row):
            assert self.process is not None
            event = self.process.hear()
            if "slice" in event:
                self.slices.setdefault(row, []).append(1e3 * event["slice"])
            if "end" not in event:
                return True
            if event["failed"]:
                self.failed[row] = event["failed"]
            elif row not in self.slices and event["rest"] is None:
                self.failed[row] = "it measured nothing"
            elif row not in self.slices:
                self.slices[row] = [1e3 * event["rest"]]
        return False

    def turn(self, row: str) -> bool:
        """Give a benchmark its turn. False where it is over then."""
        assert self.process is not None
        self.process.go()
        return self.ready(row)

    @contextlib.contextmanager
    def _failing(self, row: str) -> Iterator[None]:
        """Write down that its process ended; where it had not come to any benchmark, all that are left fail."""
        try:
            yield
        except Lost as error:
            self.failed |= dict.fromkeys([row] if self.names is not None else self.left, str(error))
            self.process = None


def _in_turn(row: str, sides: Sequence[_Side]) -> None:
    """Time one benchmark on both sides, A B B A, until each has done all of its rounds."""
    begun = [side for side in sides if side.begin(row)]
    going = [side for side in begun if side.ready(row)]
    while going:
        going = [side for side in going if side.turn(row)][::-1]


def _blocks(base: _Side, candidate: _Side) -> tuple[Block, Block]:
    """What came of it. A slice that has no neighbour, for the other side was done already, does not count."""
    blocks = Block({}, base.failed), Block({}, candidate.failed)
    for block, side, other in ((blocks[0], base, candidate), (blocks[1], candidate, base)):
        for row, slices in side.slices.items():
            if row not in side.failed:
                both = row in other.slices and row not in other.failed
                neighbours = slices[:len(other.slices[row])] if both else slices
                block.times[row] = median(neighbours)
                if both:
                    block.slices[row] = neighbours
    return blocks
