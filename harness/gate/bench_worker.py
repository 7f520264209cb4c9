"""One side's benchmarks of a pair, in a fresh process: `python -P bench_worker.py FILE COMMANDS EVENTS`.

Run by its path with a side's folder as working directory and on PYTHONPATH: nothing here may import harness, which
would be that side's. FILE asks, as JSON: `files` to collect; `names` of the benchmarks in them to run, in this order,
or null to list them all. EVENTS is a pipe (its descriptor) of JSON lines, those of `Turns.wait` followed
by waiting for a byte on the pipe COMMANDS:

    {"names": [...], "failed": {...}}   collected: what will run, and files that cannot be imported, with the reason
    {"wrong": reason}                   in place of that where another tree's code was imported; the process ends
    {"begin": name}                     nothing of it was run yet, nor of its fixtures
    {"ready": name}                     set up, warmed up and calibrated: next is its first timed round
    {"slice": seconds}                  the median of some rounds, more than `SLICE` in all
    {"end": name, "rest": seconds, "failed": reason}   null: no rounds since the last slice; it did not fail

What is timed, how, and how often is pytest-benchmark's doing; here it only pauses between rounds.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest

SLICE = 0.025
"""Seconds after which the other side has its turn; a round is not interrupted. A benchmark of `max_time=0.3` has about
twelve slices, one of pytest-benchmark's default of 1 s about forty."""


class Turns:
    """This process's end of the pipes."""

    def __init__(self, commands: int, events: int) -> None:
        for pipe in (commands, events):
            os.set_inheritable(pipe, False)  # the pipes end with this process, not with what a benchmark starts
        self.commands, self.events = commands, events

    def say(self, **event: Any) -> None:
        """Tell what has come."""
        os.write(self.events, (json.dumps(event) + "\n").encode())

    def wait(self, **event: Any) -> None:
        """Tell, and wait to be told to go on. Where nobody is left to say so, this is the end."""
        self.say(**event)
        if not os.read(self.commands, 1):
            os._exit(1)


class Rounds:
    """The rounds of the benchmark that runs."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.name = turns, ""
        self.begin("")

    def begin(self, name: str) -> None:
        """Another benchmark."""
        self.name = name
        self.times: list[float] = []
        self.since = perf_counter()

    def ready(self) -> None:
        """Before the first round."""
        self.turns.wait(ready=self.name)
        self.since = perf_counter()

    def done(self, seconds: float) -> None:
        """After a round; where the slice is over, the other side has its turn."""
        self.times.append(seconds)
        if perf_counter() - self.since >= SLICE:
            self.turns.wait(slice=median(self.times))
            self.times, self.since = [], perf_counter()

    @property
    def rest(self) -> float | None:
        """Of the slice that the last round cut short."""
        return median(self.times) if self.times else None

    def follow(self) -> None:
        """Hear of all rounds from pytest-benchmark, which makes a `Stats` before them and updates it after each."""
        import pytest_benchmark.stats

        rounds = self

        class Followed(pytest_benchmark.stats.Stats):
            def __init__(self) -> None:
                super().__init__()
                rounds.ready()

            def update(self, duration: float) -> None:
                super().update(duration)
                rounds.done(duration)

        pytest_benchmark.stats.Stats = Followed  # type: ignore[misc]


class Notes:
    """A pytest plug-in that chooses benchmarks by name, runs each when it is told to, and notes what fails."""

    def __init__(self, names: list[str] | None, turns: Turns) -> None:
        self.wanted, self.turns, self.rounds = names, turns, Rounds(turns)
        self.failed: dict[str, str] = {}

    def pytest_sessionstart(self) -> None:
        """All plug-ins are loaded: what pytest-benchmark does can be followed."""
        self.rounds.follow()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the benchmarks that are wanted; other tests are none."""
        found = {item.nodeid: item for item in items if "benchmark" in getattr(item, "fixturenames", ())}
        items[:] = [found[name] for name in (found if self.wanted is None else self.wanted) if name in found]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be imported."""
        if report.failed:
            self.failed[report.nodeid] = reason(report)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say what will run."""
        wrong = from_elsewhere(Path.cwd())
        if wrong:
            self.turns.say(wrong=wrong)
            os._exit(1)
        self.turns.say(names=[item.nodeid for item in session.items], failed=self.failed)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run one when it is its turn, and say what came of it."""
        self.turns.wait(begin=item.nodeid)
        self.rounds.begin(item.nodeid)
        result = yield
        failed = self.failed.get(item.nodeid) or from_elsewhere(Path.cwd()) or None
        self.turns.say(end=item.nodeid, rest=self.rounds.rest, failed=failed)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails, or is skipped."""
        if not report.passed:
            self.failed.setdefault(report.nodeid, reason(report))


def reason(report: Any) -> str:
    """Why something failed or was skipped, in one line."""
    if isinstance(report.longrepr, tuple):  # file, line and reason of a skip
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message).partition("\n")[0]
    lines = [line.strip() for line in str(report.longrepr).splitlines() if line.strip()]
    marked = [line[1:].strip() for line in lines if line.startswith("E ")]
    return (marked or lines or ["no reason given"])[-1]


def from_elsewhere(folder: Path) -> str:
    """The packages that are in the folder, and were imported from somewhere else, in words; "" where there are none."""
    return "; ".join(f"{name} was imported from {module.__file__}, not from {folder}"
                     for name, module in list(sys.modules.items())
                     if "." not in name and (folder / name / "__init__.py").is_file()
                     and not Path(module.__file__ or "").is_relative_to(folder))


def main(file: str, commands: str, events: str) -> int:
    """Run or list."""
    request = json.loads(Path(file).read_text(encoding="utf-8"))
    notes = Notes(request["names"], Turns(int(commands), int(events)))
    return pytest.main([*request["files"], "-q", "--no-header", "--no-summary", "--rootdir=.", "-m", "not slow",
                        "-p", "no:cacheprovider", "--continue-on-collection-errors", "--maxfail=0",
                        *(["--collect-only"] if request["names"] is None else [])], plugins=[notes])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
