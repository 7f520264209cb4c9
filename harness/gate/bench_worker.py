"""One block of benchmarks, in a fresh process: `python -P bench_worker.py FILE`.

Run by its path with a side's folder as working directory and on PYTHONPATH: nothing here may import harness, which
would be that side's. The file asks, as JSON: `files` to collect; `names` of the benchmarks in them to run, or null to
list them all; `running`, a file to be told the name of each that begins. The answer takes its place: `names` that were
found, `seconds` (name to the median of its rounds), `failed` (name, or file that cannot be imported, to reason).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest


class Notes:
    """A pytest plug-in that chooses benchmarks by name and notes what fails."""

    def __init__(self, names: list[str] | None, running: Path) -> None:
        self.wanted, self.running = names, running
        self.names: list[str] = []
        self.failed: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the benchmarks that are wanted; other tests are none."""
        found = {item.nodeid: item for item in items if "benchmark" in getattr(item, "fixturenames", ())}
        self.names = list(found)
        items[:] = [item for name, item in found.items() if self.wanted is None or name in self.wanted]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be imported."""
        if report.failed:
            self.failed[report.nodeid] = reason(report)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Say what begins: it may take the process with it."""
        self.running.write_text(nodeid, encoding="utf-8")

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


def from_elsewhere(folder: Path) -> list[str]:
    """Packages that are in the folder, and were imported from somewhere else."""
    return [f"{name} was imported from {module.__file__}, not from {folder}" for name, module in sys.modules.items()
            if (folder / name / "__init__.py").is_file() and not Path(module.__file__ or "").is_relative_to(folder)]


def main(file: str) -> None:
    """Run or list, and write the answer."""
    path = Path(file)
    request = json.loads(path.read_text(encoding="utf-8"))
    notes = Notes(request["names"], Path(request["running"]))
    times = path.with_name("times.json")
    pytest.main([*request["files"], "-q", "--no-header", "--no-summary", "--rootdir=.", "-m", "not slow",
                 "-p", "no:cacheprovider", "--continue-on-collection-errors", f"--benchmark-json={times}",
                 *(["--collect-only"] if request["names"] is None else [])], plugins=[notes])
    wrong = from_elsewhere(Path.cwd())
    if wrong:
        notes.running.unlink(missing_ok=True)
        raise SystemExit("; ".join(wrong))
    seconds = {}
    if times.exists() and times.stat().st_size:
        measured = json.loads(times.read_text(encoding="utf-8"))["benchmarks"]
        seconds = {one["fullname"]: one["stats"]["median"] for one in measured}
    answer = {"names": notes.names, "seconds": seconds, "failed": notes.failed}
    path.write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
