"""The record of `harness profile MODEL --operations`: counts, a second opinion on them, and times, by module."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from harness.errors import UserError
from harness.hardware import machine
from harness.layout import load_layout
from harness.profiling import pictures
from harness.profiling.cross_check import cross_check
from harness.profiling.latency import LAYOUT, Runner, initial_model
from harness.profiling.module_times import ModuleTimes, module_times
from harness.profiling.operations.conventions import CONVENTIONS
from harness.profiling.operations.counting import CALLS, Count, count
from harness.profiling.operations.rules import RULES
from harness.profiling.seen import Watch
from harness.profiling.subjects import Settings, Subject
from harness.profiling.telemetry import open_watch
from harness.record import now, provenance

SCHEMA = 1
"""Of the records written here."""


def measure(subjects: list[Subject], settings: Settings, tell: Callable[[str], None]) -> dict[str, Any]:
    """Count and time the subjects, plain ones of one image. Raises UserError where a network refuses a size."""
    torch.set_num_threads(settings.threads)
    watch = open_watch(settings.device, lambda: [os.getpid()])
    networks = [_network(subject, settings, watch, tell) for subject in subjects]
    return {
        "schema": SCHEMA, "created": now(), "kind": "operations",
        "settings": {"device": settings.device, "threads": settings.threads, "batch": 1, "precision": "fp32",
                     "mode": "eager", "images": str(settings.images or "drawn people"), "calls": settings.rounds,
                     "telemetry": watch.about()},
        "machine": machine(), "code": provenance(),
        "conventions": [{"name": c.name, "title": c.title, "unit": c.unit, "divisor": c.divisor, "text": c.text}
                        for c in CONVENTIONS.values()],
        "networks": networks,
    }


def _network(subject: Subject, settings: Settings, watch: Watch, tell: Callable[[str], None]) -> dict[str, Any]:
    height, width = subject.input
    title = f"{subject.model} {height}x{width}"
    tell(f"counting {title}")
    model = initial_model(subject.model)
    crops = pictures.crops(settings.images, 1, height, width)
    try:
        runner = Runner(subject, crops, settings.device)  # calls the network once
    except ValueError as error:  # a network that refuses the input's size; traced, it would not say so
        raise UserError(f"{title}: {error}") from error
    found = count(model, width, height)
    second = cross_check(model, width, height, found)
    tell(f"timing {title}")
    with watch.block() as seen:
        times = module_times(runner, settings.rounds)
    return {
        "model": subject.model, "input": [height, width], "keypoints": load_layout(LAYOUT).size,
        "parameters": sum(p.numel() for p in model.parameters()),
        "totals": totals(found), "operators": operators(found), "modules": modules(model, found, times),
        "counted": {"executed": found.executed, "share": found.counted_share, "uncounted": found.uncounted},
        "cross_check": second, "telemetry": {name: [value] for name, value in seen.values.items()},
        "time": {"ms": times.plain, "with_hooks_ms": times.whole, "in_leaves": times.leaves, "calls": times.calls},
    }


def totals(found: Count, module: str = "") -> dict[str, int]:
    """Every convention's count of a module."""
    return {c.name: found.total(c, module) for c in CONVENTIONS.values()}


def operators(found: Count) -> list[dict[str, Any]]:
    """Every executed operator with its calls and counts, the costliest first."""
    by = {c.name: found.operators(c) for c in CONVENTIONS.values()}
    rows = [{"operator": name, "kind": RULES[name].kind, "calls": sizes[CALLS],
             "counts": {convention: counts[name] for convention, counts in by.items()}}
            for name, sizes in found.modules[""].items()]
    return sorted(rows, key=lambda row: (-row["counts"]["flops"], -row["calls"], row["operator"]))


def modules(model: nn.Module, found: Count, times: ModuleTimes | None) -> list[dict[str, Any]]:
    """Every module that has parameters or executes an operator, parents before children.

    `counts` and `calls` hold those of the modules in it; `ms` is None where it is never called.
    """
    rows = []
    for path, module in model.named_modules():
        parameters = sum(p.numel() for p in module.parameters())
        executed = sum(sizes[CALLS] for sizes in found.modules.get(path, {}).values())
        if parameters or executed:
            rows.append({"path": path, "type": type(module).__name__, "parameters": parameters, "calls": executed,
                         "counts": totals(found, path), "ms": times.modules.get(path) if times else None})
    return rows
