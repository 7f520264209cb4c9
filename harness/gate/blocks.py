"""Pairs of blocks of networks: two fresh processes, each with one side's code, that time every row in turn."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from harness.errors import UserError
from harness.gate.pairs import Block, MeasurePair, Pair
from harness.gate.revisions import Tree
from harness.profiling.rounds import OutOfMemory, warm_up
from harness.profiling.subjects import Settings, Subject
from harness.profiling.worker import PACKAGES, Worker
from harness.registry import model_spec

SLICES = 12
"""Of a block, each of about 0.1 s, or of three calls where those take longer."""

Start = Callable[..., Any]


def view(tree: Tree, folder: Path) -> Path:
    """A folder with nothing but the tree's packages of networks, to come before ours on the path of a process."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        link = folder / package
        if tree.has(package) and not link.exists():
            link.symlink_to(tree.folder / package, target_is_directory=True)
    return folder


def network_pairs(base: Tree, candidate: Tree, subjects: Mapping[str, Subject], settings: Settings, folder: Path,
                  start: Start = Worker) -> MeasurePair:
    """Pairs of blocks on two trees' networks, timed slice by slice.

    `folder` is for files: views of the trees, and crops that both sides share.
    """
    trees = (base, candidate)
    views = [view(tree, folder / f"view-{tree.folder.name}") for tree in trees]

    def measure(rows: Sequence[str], base_first: bool) -> Pair:
        blocks = (Block({}), Block({}))
        order = (0, 1) if base_first else (1, 0)
        with contextlib.ExitStack() as stack:
            sides = [_Side(tree, packages, settings, start, stack) for tree, packages in zip(trees, views, strict=True)]
            for row in rows:
                crops = crops_file(subjects[row], settings, folder)
                calls = [0, 0]
                for i in order:
                    with _failing(blocks[i], row):
                        calls[i] = sides[i].ready(subjects[row], crops)
                if all(calls):
                    _slices(row, [side.block for side in sides], blocks, order, max(calls))
        return Pair(*blocks, base_first)

    return measure


class _Side:
    """One side's process in a pair; another one where it ended before its time."""

    def __init__(self, tree: Tree, packages: Path, settings: Settings, start: Start, stack: contextlib.ExitStack
                 ) -> None:
        self.tree, self.stack = tree, stack
        self.begin = lambda: start(tree.title, settings.device, settings.threads, packages, keep_freed=True)
        self.worker: Any = None

    def ready(self, subject: Subject, crops: Path) -> int:
        """Make a network ready and warm it up; the calls of a slice. Raises OutOfMemory and UserError."""
        if reason := lacks(self.tree, subject):
            raise UserError(reason)
        if self.worker is None or not self.worker.alive:
            self.worker = self.stack.enter_context(self.begin())
        self.worker.ask(do="prepare", subject=asdict(subject), crops=str(crops), weights=None, layers=False)
        return warm_up(self.block).calls

    def block(self, calls: int) -> list[float]:
        """Milliseconds of each call."""
        return self.worker.ask(do="block", calls=calls)


@contextlib.contextmanager
def _failing(block: Block, row: str) -> Iterator[None]:
    """Write down why a row failed."""
    try:
        yield
    except OutOfMemory as error:
        block.failed[row] = f"out of memory: {error}"
    except UserError as error:
        block.failed[row] = str(error)


def _slices(row: str, timed: Sequence[Callable[[int], list[float]]], blocks: Sequence[Block], order: Sequence[int],
            calls: int) -> None:
    """Time both sides in turn, A B B A, and write it into their blocks."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(SLICES):
        for i in order if number % 2 == 0 else reversed(order):
            with _failing(blocks[i], row):
                found[i].append(median(timed[i](calls)))
            if row in blocks[i].failed:
                return
    for block, slices in zip(blocks, found, strict=True):
        block.slices[row], block.times[row] = slices, median(slices)


def lacks(tree: Tree, subject: Subject) -> str:
    """What a tree has not got of a network's code, in words; "" where nothing: ours must not stand in for it."""
    package = model_spec(subject.model).package
    return f"{tree.title} has no package {package}" if package in PACKAGES and not tree.has(package) else ""


def crops_file(subject: Subject, settings: Settings, folder: Path) -> Path:
    """A file of the crops that a subject runs on, made once."""
    file = folder / f"crops-{subject.input[0]}x{subject.input[1]}-{subject.batch}.npy"
    if not file.exists():
        import numpy as np

        from harness.profiling.pictures import crops

        folder.mkdir(parents=True, exist_ok=True)
        np.save(file, crops(settings.images, subject.batch, *subject.input))
    return file
