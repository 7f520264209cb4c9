"""Blocks of networks: one fresh process that times every row on one side's code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from harness.errors import UserError
from harness.gate.pairs import Block, Measure
from harness.gate.revisions import Tree
from harness.profiling.rounds import OutOfMemory, warm_up
from harness.profiling.subjects import Settings, Subject
from harness.profiling.worker import PACKAGES, Worker
from harness.registry import model_spec

LENGTH = 4
"""A block's timed calls, in warm-up blocks of about 0.1 s."""

Start = Callable[..., Any]


def view(tree: Tree, folder: Path) -> Path:
    """A folder with nothing but the tree's packages of networks, to come before ours on the path of a process."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        link = folder / package
        if tree.has(package) and not link.exists():
            link.symlink_to(tree.folder / package, target_is_directory=True)
    return folder


def network_blocks(tree: Tree, subjects: Mapping[str, Subject], settings: Settings, folder: Path,
                   start: Start = Worker) -> Measure:
    """Blocks on a tree's networks. `folder` is for files: the view of the tree, and crops that both sides share."""
    packages = view(tree, folder / f"view-{tree.folder.name}")

    def measure(rows: Sequence[str]) -> Block:
        times: dict[str, float] = {}
        failed = {row: reason for row in rows if (reason := lacks(tree, subjects[row]))}
        left = [row for row in rows if row not in failed]
        while left:  # in one process, unless it ends before its time
            with start(tree.title, settings.device, settings.threads, packages) as worker:
                while left and worker.alive:
                    row = left.pop(0)
                    try:
                        times[row] = _time(worker, subjects[row], crops_file(subjects[row], settings, folder))
                    except OutOfMemory as error:
                        failed[row] = f"out of memory: {error}"
                    except UserError as error:
                        failed[row] = str(error)
        return Block(times, failed)

    return measure


def lacks(tree: Tree, subject: Subject) -> str:
    """What a tree has not got of a network's code, in words; "" where nothing: ours must not stand in for it."""
    package = model_spec(subject.model).package
    return f"{tree.title} has no package {package}" if package in PACKAGES and not tree.has(package) else ""


def _time(worker: Any, subject: Subject, crops: Path) -> float:
    """Median of the calls, ms."""
    worker.ask(do="prepare", subject=asdict(subject), crops=str(crops), weights=None, layers=False)

    def block(calls: int) -> list[float]:
        return worker.ask(do="block", calls=calls)

    return median(block(LENGTH * warm_up(block).calls))


def crops_file(subject: Subject, settings: Settings, folder: Path) -> Path:
    """A file of the crops that a subject runs on, made once."""
    file = folder / f"crops-{subject.input[0]}x{subject.input[1]}-{subject.batch}.npy"
    if not file.exists():
        import numpy as np

        from harness.profiling.pictures import crops

        folder.mkdir(parents=True, exist_ok=True)
        np.save(file, crops(settings.images, subject.batch, *subject.input))
    return file
