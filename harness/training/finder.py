"""Which learning rate a training can take: the rate rises from step to step, and the loss says where it helps and where
it breaks (Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017, section 3.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from accelerate import Accelerator
from torch import nn

from harness.errors import UserError
from harness.training.batches import EpochBatches
from harness.training.lesson import Lesson
from harness.training.state import seed_batch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMOOTHING = 0.9
"""Decay of the running mean of the loss; a hundred steps are few, so less than the 0.98 of longer tests."""

BROKEN = 4.0
"""Times the lowest loss at which the test ends: what follows is divergence."""


@dataclass(frozen=True)
class Found:
    """Loss by learning rate."""

    rates: np.ndarray
    """(S,) ascending."""
    losses: np.ndarray
    """(S,) of each step, as it was."""
    smooth: np.ndarray
    """(S,) running mean."""

    @property
    def steepest(self) -> float:
        """The rate at which the loss falls fastest per factor of the rate: one to train with. Raises UserError where it
        never falls."""
        low = int(np.argmin(self.smooth))
        if low < 2:
            raise UserError("the loss does not fall at any learning rate: a lower --low, or more --steps")
        slope = np.gradient(self.smooth[:low + 1], np.log(self.rates[:low + 1]))
        return float(self.rates[int(np.argmin(slope))])

    @property
    def lowest(self) -> float:
        """The rate at which the loss is least: beyond it it breaks; the highest to think of is below."""
        return float(self.rates[int(np.argmin(self.smooth))])


def find(model: nn.Module, lesson: Lesson, accelerator: Accelerator, seed: int, low: float, high: float, steps: int,
         progress: Callable[[int, int, str], None] = lambda done, total, text: None) -> Found:
    """Train for at most so many steps, with the rate rising from `low` to `high` by equal factors.

    The network is used up. Raises UserError for rates that do not ascend and for fewer than 10 steps.
    """
    if not 0 < low < high:
        raise UserError(f"--low {low:g} --high {high:g}: expected two rates that ascend, above 0")
    if steps < 10:
        raise UserError(f"--steps {steps}: at least 10 are needed")
    optimizer = lesson.optimizer(model)
    model, optimizer = accelerator.prepare(model, optimizer)
    batches = EpochBatches(len(lesson.samples), lesson.train, seed, 0, 1, lesson.whole_steps)
    rates = np.geomspace(low, high, steps)
    losses: list[float] = []
    smooth: list[float] = []
    mean = 0.0
    model.train()
    for step, parts in enumerate(islice(_endless(batches, lesson), steps)):
        for group in optimizer.param_groups:
            group["lr"] = float(rates[step])
        loss = _step(model, lesson, accelerator, optimizer, parts, seed, step)
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        losses.append(loss)
        smooth.append(mean / (1 - SMOOTHING ** (step + 1)))
        progress(step + 1, steps, f"lr {rates[step]:.2e}, loss {loss:.4g}")
        if not math.isfinite(loss) or smooth[-1] > BROKEN * min(smooth):
            break
    kept = [i for i, value in enumerate(smooth) if math.isfinite(value)]
    if len(kept) < 3:
        raise UserError(f"the loss is no number from the first steps on, at lr {low:g}: a lower --low")
    return Found(rates[kept], np.array(losses)[kept], np.array(smooth)[kept])


def _endless(batches: EpochBatches, lesson: Lesson) -> Iterator[list[list[int]]]:
    """The batches of each step, epoch after epoch, as lists of indices."""
    while True:
        lesson.samples.set_epoch(batches.epoch)
        indices = iter(batches)
        for step in range(batches.steps):
            yield list(islice(indices, batches.parts(step)))
        batches.epoch += 1


def _step(model: nn.Module, lesson: Lesson, accelerator: Accelerator, optimizer: Any,
          parts: list[list[int]], seed: int, step: int) -> float:
    from torch.utils.data import default_collate

    whole, total = sum(map(len, parts)), 0.0
    for part, indices in enumerate(parts):
        seed_batch(seed, step, part)
        loss = lesson.loss(model, default_collate([lesson.samples[i] for i in indices]), accelerator, step, part)
        loss = loss * (len(indices) / whole)
        accelerator.backward(loss)
        total += loss.item()
    if lesson.clip_norm is not None:
        accelerator.clip_grad_norm_(model.parameters(), lesson.clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


def draw(found: Found, title: str) -> Figure:
    """A matplotlib figure of loss against rate, with the two rates marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(found.rates, found.losses, color="0.7", linewidth=0.8, label="each step")
    axes.plot(found.rates, found.smooth, color="#0072B2", label="running mean")
    for rate, style, name in ((found.steepest, "-", "falls fastest"), (found.lowest, ":", "lowest")):
        axes.axvline(rate, color="#D55E00", linestyle=style, label=f"{name}: {rate:.2g}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss", title=title)
    axes.legend(fontsize=8)
    return figure
