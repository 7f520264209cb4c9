"""Blocks of benchmarks: one fresh pytest process that times tests of pytest-benchmark with one side's code.

All sides run the candidate's tests: a base that has none, or older ones, is measured by the same code.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.allocator import kept
from harness.errors import UserError
from harness.gate.pairs import Block, Measure
from harness.gate.revisions import ROOT, Tree

WORKER = Path(__file__).resolve().with_name("bench_worker.py")
SETTINGS = "pyproject.toml"
"""Holds those of pytest."""
PATTERN = "bench_*.py"
"""Benchmarks of a folder."""


def benchmark_blocks(trees: Sequence[Tree], files: Sequence[str], folder: Path, root: Path = ROOT
                     ) -> tuple[list[Measure], tuple[str, ...]]:
    """How to measure each tree, and the names of the benchmarks, as pytest-benchmark's JSON has them (`fullname`).

    A file that cannot be imported with the candidate's code counts as one benchmark, which fails.

    Args:
        trees: base, candidate, and others; the candidate's benchmarks are run on all of them.
        files: files with benchmarks, or folders with `PATTERN`, below `root`; what is marked slow is left out.
        folder: for files of ours.
        root: what the trees are copies of.

    Raises UserError where pytest-benchmark is missing, and for files that are not the candidate's, lie within a
    package, or have no benchmark.
    """
    for package in ("pytest", "pytest_benchmark"):
        if importlib.util.find_spec(package) is None:
            raise UserError(f"--benchmarks needs {package.replace('_', '-')}, which is not installed: pip "
                            "install pytest pytest-benchmark, or this project with its extra [test]")
    candidate = trees[1]
    found = [file for name in files for file in find_files(candidate, name, root)]
    tests = {file.parts[0] for file in found}
    # Names of one length: the length of a path must not be what two sides differ by.
    sides = [overlay(tree, candidate, tests, folder / f"benchmarks-{i}") for i, tree in enumerate(trees)]
    try:
        answer = _ask(sides[1], found, None)
    except _Lost as error:
        raise UserError(f"the benchmarks of {candidate.title} cannot be listed: {error}") from error
    names = (*answer["names"], *answer["failed"])
    if not names:
        raise UserError(f"no benchmark in {', '.join(files)} of {candidate.title}, those marked slow left out")
    return [_measure(side) for side in sides], names


def find_files(tree: Tree, name: str, root: Path) -> list[Path]:
    """The files that a user names by a file or folder, relative to the tree. Raises UserError where there are none."""
    path, root = Path(name).resolve(), root.resolve()
    if not path.is_relative_to(root):
        raise UserError(f"--benchmarks {name}: not below {root}")
    relative = path.relative_to(root)
    place = tree.folder / relative
    found = sorted(place.glob(PATTERN)) if place.is_dir() else [place] if place.is_file() else []
    if not found:
        raise UserError(f"--benchmarks {name}: {tree.title} has no such file, nor a folder with {PATTERN}")
    if (tree.folder / relative.parts[0] / "__init__.py").is_file():
        raise UserError(f"--benchmarks {name}: within the package {relative.parts[0]}, it cannot be run with another "
                        "revision's code; move it into a folder of tests")
    return [file.relative_to(tree.folder) for file in found]


def overlay(tree: Tree, candidate: Tree, tests: set[str], folder: Path) -> Path:
    """A folder like the tree, but for the candidate's settings of pytest and top-level folders of tests."""
    folder.mkdir(parents=True)
    for entry in tree.folder.iterdir():
        if entry.name not in tests and entry.name != SETTINGS and not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    for name in tests:  # no link: beyond one, a test that looks around itself would find all of the candidate
        shutil.copytree(candidate.folder / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    if (candidate.folder / SETTINGS).is_file():
        shutil.copy(candidate.folder / SETTINGS, folder / SETTINGS)
    return folder


def run_benchmarks(side: Path, names: Sequence[str]) -> Block:
    """Time benchmarks with the code of a folder (see `overlay`) in a fresh process, on one thread.

    One that fails is named with the reason, and the others are measured; so are those that are left when one takes
    the process with it.
    """
    times: dict[str, float] = {}
    failed: dict[str, str] = {}
    left = list(names)
    while left:
        files = dict.fromkeys(name.partition("::")[0] for name in left)
        try:
            answer = _ask(side, list(files), left)
        except _Lost as error:
            guilty = [error.running] if error.running in left else left
            failed |= dict.fromkeys(guilty, str(error))
            left = [name for name in left if name not in guilty]
            continue
        for name in left:
            if name in answer["seconds"] and name not in answer["failed"]:
                times[name] = 1e3 * answer["seconds"][name]
            else:
                failed[name] = _reason(name, answer)
        break
    return Block(times, failed)


def _measure(side: Path) -> Measure:
    return lambda names: run_benchmarks(side, names)


def _reason(name: str, answer: Mapping[str, Any]) -> str:
    for known in (name, name.partition("::")[0]):
        if known in answer["failed"]:
            return str(answer["failed"][known])
    return "it measured nothing" if name in answer["names"] else "there is no such benchmark with this side's code"


class _Lost(Exception):
    """A process ended without an answer."""

    running = ""
    """The benchmark that had begun, if any."""


def _ask(side: Path, files: Sequence[Path | str], names: Sequence[str] | None) -> dict[str, Any]:
    """What `bench_worker` answers. Raises _Lost."""
    environment = {name: value for name, value in kept().items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(side), "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory(prefix="harness-benchmarks-") as folder:
        file, running = Path(folder) / "request.json", Path(folder) / "running"
        file.write_text(json.dumps({"files": list(map(str, files)), "names": names, "running": str(running)}))
        done = subprocess.run([sys.executable, "-P", str(WORKER), str(file)], cwd=side, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        answer = json.loads(file.read_text(encoding="utf-8"))
        if "seconds" in answer:
            return dict(answer)
        said = (done.stderr.strip() or done.stdout.strip() or "without a word").splitlines()[-1]
        lost = _Lost(f"its process ended with status {done.returncode}: {said}")
        lost.running = running.read_text(encoding="utf-8") if running.exists() else ""
        raise lost
