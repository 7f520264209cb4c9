"""Time of every module of a network, by hooks around its calls."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import nn

from harness.profiling import steps
from harness.profiling.latency import Runner

WARM_UP = 2
"""Calls before the first that is kept."""


@dataclass(frozen=True)
class ModuleTimes:
    """Milliseconds of one forward pass, medians over calls."""

    modules: dict[str, float]
    """By path; "" is the model. A container that is never called itself has the sum of the modules in it; a module
    that is not called at all, nor any in it, is missing: what its parent does with its weights is the parent's."""
    whole: float
    """The model with hooks."""
    plain: float
    """The model without hooks, called in turn with the other."""
    leaves: float
    """Share of `whole` that is in modules without a called module in them; the rest is in what their parents do
    themselves, and in the hooks."""
    calls: int


class _Clock:
    """Marks in time: of this thread on the CPU, of the stream on CUDA."""

    def __init__(self, device: str) -> None:
        self.cuda = device == "cuda"

    def mark(self) -> Any:
        if not self.cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def between(self, begin: Any, end: Any) -> float:
        """Milliseconds; on CUDA after `finish`."""
        return begin.elapsed_time(end) if self.cuda else 1e3 * (end - begin)

    def finish(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()


class Hooks:
    """Marks around every call of every module, while it is entered; the model is left as it was."""

    def __init__(self, model: nn.Module, device: str) -> None:
        self.model, self.clock = model, _Clock(device)
        self.open: list[tuple[str, Any]] = []
        self.spans: list[tuple[str, Any, Any]] = []
        self.handles: list[Any] = []

    def __enter__(self) -> Hooks:
        for path, module in self.model.named_modules():
            self.handles.append(module.register_forward_pre_hook(lambda *_, path=path: self._begin(path)))
            self.handles.append(module.register_forward_hook(lambda *_: self._end()))
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _begin(self, path: str) -> None:
        self.open.append((path, self.clock.mark()))

    def _end(self) -> None:
        end = self.clock.mark()
        path, begin = self.open.pop()
        self.spans.append((path, begin, end))

    def take(self) -> dict[str, float]:
        """Milliseconds of each module since the last time, all its calls together."""
        self.clock.finish()
        found: dict[str, float] = defaultdict(float)
        for path, begin, end in self.spans:
            found[path] += self.clock.between(begin, end)
        self.spans.clear()
        return dict(found)


def module_times(runner: Runner, calls: int) -> ModuleTimes:
    """Time a plain network's modules on its runner's images, `calls` times."""
    samples: dict[str, list[float]] = defaultdict(list)
    plain = []
    with steps.precision(runner.subject.precision, runner.device, runner.autocast):
        for i in range(WARM_UP + calls):
            alone = runner.block(1)[0]
            with Hooks(runner.model, runner.device) as hooks:
                runner.call()
                found = hooks.take()
            if i >= WARM_UP:
                plain.append(alone)
                for path, value in found.items():
                    samples[path].append(value)
    called = {path: median(values) for path, values in samples.items()}
    leaves = sum(value for path, value in called.items() if not any(_inside(other, path) for other in called))
    return ModuleTimes(_with_containers(runner.model, called), called[""], median(plain), leaves / called[""], calls)


def _inside(path: str, parent: str) -> bool:
    return path != parent and (not parent or path.startswith(parent + "."))


def _with_containers(model: nn.Module, called: dict[str, float]) -> dict[str, float]:
    """The times with those of containers such as ModuleList, which hold called modules and are not called."""
    found = dict(called)
    for path, module in reversed(list(model.named_modules())):  # children come before their parents
        if path not in found:
            inside = [f"{path}.{name}" for name, _ in module.named_children()]
            times = [found[child] for child in inside if child in found]
            if times:
                found[path] = sum(times)
    return found
