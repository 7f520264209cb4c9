"""How long a training will take and how much it needs, from a few batches before its first step."""

from __future__ import annotations

import shutil
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from harness.errors import UserError
from harness.launch.words import duration
from harness.training.lesson import Lesson
from harness.training.room import size_text, training_bytes
from harness.training.state import seed_batch, unchanged

BATCHES = 8
"""Batches of the probe."""

WARM_UP = 3
"""Of these not counted: memory is first asked for, kernels are chosen. The mean of two batches was four times too long
on a busy machine, hence the median of five."""

WORTHWHILE = 200
"""Steps below which a training is as quick as an estimate of it."""


@dataclass(frozen=True)
class Estimate:
    """What a training will need."""

    seconds: float
    """A step, without waiting for data."""
    steps: int
    memory: int
    """Bytes: on a GPU the most at once, on a CPU this process's most so far; with the optimizer's state."""
    disk: int
    """Bytes of all checkpoints together."""

    def text(self) -> str:
        """In a line, for the log."""
        return (f"estimate: {self.seconds:.2g} s a step without waiting for data, {self.steps} steps: about "
                f"{duration(self.seconds * self.steps)}; memory about {size_text(self.memory)}; checkpoints "
                f"{size_text(self.disk)}")


def check_disk(folder: Path, model: nn.Module, ema: bool) -> int:
    """The bytes that a training will leave at most. Raises UserError where there is less room than that."""
    parameters = sum(p.numel() for p in model.parameters())
    buffers = sum(t.numel() for t in model.state_dict().values()) - parameters
    needed = training_bytes(parameters, ema, buffers)
    folder.mkdir(parents=True, exist_ok=True)
    present = sum(path.stat().st_size for path in folder.glob("*.pth"))
    free = shutil.disk_usage(folder).free
    if free + present < needed:
        raise UserError(f"{folder}: its checkpoints need {size_text(needed)} and {size_text(free)} are free: "
                        "make room, or name another folder (--results DIR)")
    return needed


def probe(model: nn.Module, lesson: Lesson, batches: list[Any], accelerator: Accelerator, parts: int, steps: int,
          disk: int) -> Estimate:
    """Time forward and backward passes of some batches, of `parts` a step; the network is afterwards as it was."""
    on_gpu = accelerator.device.type == "cuda"
    times = []
    with unchanged(model, accelerator.device):
        for number, batch in enumerate(batches):
            started = time.monotonic()
            seed_batch(0, 0, number)
            with accelerator.no_sync(model):
                accelerator.backward(lesson.loss(model, batch, accelerator, 0, 0))
            if on_gpu:
                torch.cuda.synchronize(accelerator.device)
            times.append(time.monotonic() - started)
        from harness.profiling.throughput import peak_bytes

        moments = 2 * sum(p.numel() * p.element_size() for p in model.parameters())
        memory = peak_bytes(accelerator.device.type) + moments
    return Estimate(statistics.median(times[WARM_UP:] or times) * parts, steps, memory, disk)
