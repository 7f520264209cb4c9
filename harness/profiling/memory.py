"""Where the memory of one call goes: parameters, what the operators make, gradients, optimiser, and the rest."""

from __future__ import annotations

import contextlib
import functools
import gc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from harness.profiling import steps
from harness.profiling.latency import Runner
from harness.profiling.worker import resident_peak

TEMPORARY, SAVED, GRADIENTS = "temporary", "saved", "gradients"


@dataclass(frozen=True)
class Parts:
    """Bytes at the moment of one call at which most are held, as far as tensors go; exact, of whole storages.

    They add up: what else a process or an allocator holds is the rest of the peak that is measured.
    """

    parameters: int
    buffers: int
    inputs: int
    """Images, as the call gets them; training: the targets, too."""
    activations: int
    """Inference: what the operators' results take. Training: those that backward needs."""
    temporary: int = 0
    """Training: the other results."""
    gradients: int = 0
    optimiser: int = 0
    """Its state, such as AdamW's two moments."""

    @property
    def total(self) -> int:
        """Bytes of all tensors."""
        return (self.parameters + self.buffers + self.inputs + self.activations + self.temporary + self.gradients
                + self.optimiser)


def call_peak(runner: Runner) -> dict[str, int | None]:
    """Bytes of one call at its peak. On CUDA `peak_bytes` are the allocator's, `reserved_bytes` what it has taken from
    the device; on CPU `peak_bytes` are the process's resident ones, None where the kernel keeps only the peak of its
    whole life."""
    if runner.device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        runner.output()
        torch.cuda.synchronize()
        return {"peak_bytes": torch.cuda.max_memory_allocated(), "reserved_bytes": torch.cuda.max_memory_reserved()}
    forgotten = forget_peak()
    runner.output()
    return {"peak_bytes": resident_peak() if forgotten else None, "reserved_bytes": None}


def forget_peak() -> bool:
    """Let the kernel begin anew with this process's largest resident size (Linux, proc(5): 5 to clear_refs)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


class Tracker(TorchDispatchMode):
    """Counts the storages that operators make, from when they are made until they are freed.

    `peak` holds the bytes by kind at the moment when they were most in sum. Storages of `known` tensors, and views of
    any, count nothing. Made by one operator and freed before it returns is not seen: that is its workspace.
    """

    def __init__(self, known: Sequence[Tensor]) -> None:
        super().__init__()
        self.known = {_storage(tensor)._cdata for tensor in known}
        self.kinds: dict[int, str] = {}
        self.sizes: dict[int, int] = {}
        self.now = {TEMPORARY: 0, SAVED: 0, GRADIENTS: 0}
        self.peak = dict(self.now)

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        made = function(*arguments, **(keywords or {}))
        for value in tree_leaves(made):
            if isinstance(value, Tensor):
                self._see(value)
        return made

    def _see(self, tensor: Tensor) -> None:
        storage = _storage(tensor)
        key = storage._cdata
        if key in self.known or key in self.kinds or not storage.nbytes():
            return
        self.kinds[key], self.sizes[key] = TEMPORARY, storage.nbytes()
        weakref.finalize(storage, self._freed, key).atexit = False
        self._count(TEMPORARY, storage.nbytes())

    def mark(self, tensor: Tensor, kind: str) -> Tensor:
        """Say what a tensor's storage is; those that are known stay what they are. Gives the tensor back."""
        key = _storage(tensor)._cdata
        if key in self.kinds and self.kinds[key] != kind:
            self._count(self.kinds[key], -self.sizes[key])
            self.kinds[key] = kind
            self._count(kind, self.sizes[key])
        return tensor

    def _freed(self, key: int) -> None:
        self._count(self.kinds.pop(key), -self.sizes.pop(key))

    def _count(self, kind: str, size: int) -> None:
        self.now[kind] += size
        if sum(self.now.values()) >= sum(self.peak.values()):  # later of equal ones: by then it is known what they are
            self.peak = dict(self.now)


def _storage(tensor: Tensor) -> torch.UntypedStorage:
    return tensor.untyped_storage()


def parts(runner: Runner) -> Parts | None:
    """The parts of one call of a subject, made here; None where operators are not called one by one from Python, as in
    a compiled, captured or packed network, or where the model was not kept."""
    model: nn.Module | None = getattr(runner, "model", None)
    if model is None or runner.subject.mode != "eager" or runner.subject.what == "clustering":
        return None
    parameters, buffers = list(model.parameters()), list(model.buffers())
    step = runner.call if isinstance(runner.call, steps.Training) else None
    optimiser = step.state if step else []
    inputs = [runner.images, *(step.tensors if step else [])]
    gc.collect()
    for parameter in parameters:
        parameter.grad = None  # the step frees them as its first act
    tracker = Tracker([*parameters, *buffers, *optimiser, *inputs])
    with tracker, _saved(tracker), _accumulated(tracker, parameters):
        runner.output()
    peak = tracker.peak
    return Parts(_bytes(parameters), _bytes(buffers), _bytes(inputs),
                 activations=peak[SAVED] if step else sum(peak.values()),
                 temporary=peak[TEMPORARY] if step else 0, gradients=peak[GRADIENTS], optimiser=_bytes(optimiser))


def _bytes(tensors: Sequence[Tensor]) -> int:
    """Of their storages, each once."""
    return sum({_storage(tensor)._cdata: _storage(tensor).nbytes() for tensor in tensors}.values())


def _saved(tracker: Tracker) -> contextlib.AbstractContextManager[Any]:
    """Mark what autograd keeps for backward."""
    return torch.autograd.graph.saved_tensors_hooks(functools.partial(tracker.mark, kind=SAVED), lambda kept: kept)


@contextlib.contextmanager
def _accumulated(tracker: Tracker, parameters: list[nn.Parameter]) -> Iterator[None]:
    """Mark gradients, when backward has them."""
    def mark(parameter: Tensor) -> None:
        if parameter.grad is not None:
            tracker.mark(parameter.grad, GRADIENTS)

    hooks = [parameter.register_post_accumulate_grad_hook(mark) for parameter in parameters if parameter.requires_grad]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
