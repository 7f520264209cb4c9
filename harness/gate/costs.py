"""What a row needs besides time: memory in a fresh process of its own, parameters and operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.gate.blocks import Start, crops_file, lacks, view
from harness.gate.revisions import Tree
from harness.profiling.rounds import OutOfMemory
from harness.profiling.subjects import Settings, Subject
from harness.profiling.worker import Worker

CALLS = 3
"""Of a row before its peak memory is read: the first allocates, and the ones after it reuse."""


@dataclass
class Costs:
    """Of one side."""

    peak_bytes: dict[str, int] = field(default_factory=dict)
    """By row: on CUDA the allocator's peak, on CPU the peak resident size of the process."""
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By network and input: parameters, macs, counted_share."""
    failed: dict[str, str] = field(default_factory=dict)
    """By row, or network and input, with the reason."""


def counted(subject: Subject) -> str:
    """What operations are counted of: the network and its input, whatever the batch and the mode."""
    return f"{subject.model} {subject.input[0]}x{subject.input[1]}"


def measure_costs(tree: Tree, subjects: Mapping[str, Subject], settings: Settings, folder: Path, *, memory: bool = True,
                  operations: bool = True, start: Start = Worker) -> Costs:
    """Measure a side's costs. What fails is said in the result."""
    costs = Costs()
    packages = view(tree, folder / f"view-{tree.folder.name}")
    for row, subject in subjects.items():
        name = counted(subject)
        reason = lacks(tree, subject)
        if reason:
            costs.failed |= {row: reason, name: reason}
            continue
        count = operations and name not in costs.operations and name not in costs.failed
        with start(tree.title, settings.device, settings.threads, packages) as worker:
            try:
                if memory and subject.what != "clustering":
                    worker.ask(do="prepare", subject=asdict(subject), crops=str(crops_file(subject, settings, folder)),
                               weights=None, layers=False)
                    worker.ask(do="block", calls=CALLS)
                    costs.peak_bytes[row] = worker.ask(do="peak")
            except (OutOfMemory, UserError) as error:
                costs.failed[row] = str(error)
        if count:
            with start(tree.title, settings.device, settings.threads, packages) as worker:
                try:
                    height, width = subject.input
                    costs.operations[name] = worker.ask(do="count", model=subject.model, height=height, width=width)
                except (OutOfMemory, UserError) as error:
                    costs.failed[name] = str(error)
    return costs
