"""What benchmarks of pytest-benchmark there are, and a folder for either side in which its code runs them.

All sides run the candidate's tests: a base that has none, or older ones, is measured by the same code.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path

from harness.errors import UserError
from harness.gate.bench_pairs import Lost, benchmark_pairs, collected
from harness.gate.pairs import MeasurePair
from harness.gate.revisions import ROOT, Tree

SETTINGS = "pyproject.toml"
"""Holds those of pytest."""
PATTERN = "bench_*.py"
"""Benchmarks of a folder."""


def find_benchmarks(base: Tree, candidate: Tree, again: Tree, files: Sequence[str], folder: Path, root: Path = ROOT
                    ) -> tuple[MeasurePair, MeasurePair, tuple[str, ...]]:
    """Pairs of base and candidate, pairs of the base and `again`, and the benchmarks' names (pytest-benchmark's
    `fullname`).

    A file that cannot be imported with the candidate's code counts as one benchmark, which fails on its side.

    Args:
        base, candidate, again: the candidate's benchmarks are run on all of them.
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
    found = [file for name in files for file in find_files(candidate, name, root)]
    tests = {file.parts[0] for file in found}
    # Names of one length: the length of a path must not be what two sides differ by.
    sides = [overlay(tree, candidate, tests, folder / f"benchmarks-{i}")
             for i, tree in enumerate((base, candidate, again))]
    try:
        names, failed = collected(sides[1], list(map(str, found)))
    except Lost as error:
        raise UserError(f"the benchmarks of {candidate.title} cannot be listed: {error}") from error
    if not (*names, *failed):
        raise UserError(f"no benchmark in {', '.join(files)} of {candidate.title}, those marked slow left out")
    return benchmark_pairs(sides[0], sides[1]), benchmark_pairs(sides[0], sides[2]), (*names, *failed)


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
