"""How fast a training goes, what it waits for, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.launch.words import duration

WAITING = 0.2
"""Share of the time spent waiting for data from which on it is said: a fifth of a GPU is worth a line."""

ENOUGH = 50
"""Steps after which the share is judged; the first ones wait for the loader to start."""

WINDOW = 200
"""Steps that throughput and time left are estimated from."""


@dataclass
class Meter:
    """Seconds of steps: in all, and of them waiting for the next batch."""

    samples_a_step: int
    """Of all processes together."""
    unit: str
    seconds: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    warned: bool = False
    _waiting: float = 0.0
    _started: float = field(default_factory=time.monotonic)

    def batches(self, loader: Iterable[Any]) -> Iterator[Any]:
        """The loader's batches; the time until each is there counts as waiting."""
        iterator = iter(loader)
        while True:
            before = time.monotonic()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            self._waiting += time.monotonic() - before
            yield batch

    def start(self) -> None:
        """Steps follow; what came before belongs to none."""
        self._started, self._waiting = time.monotonic(), 0.0

    def step(self) -> None:
        """A step is done."""
        current = time.monotonic()
        self.seconds.append(current - self._started)
        self.waited.append(self._waiting)
        self._started, self._waiting = current, 0.0

    @property
    def step_seconds(self) -> float:
        """Mean of the last steps; of none 0."""
        recent = self.seconds[-WINDOW:]
        return sum(recent) / max(len(recent), 1)

    @property
    def throughput(self) -> float:
        """Samples a second."""
        return self.samples_a_step / self.step_seconds if self.step_seconds else 0.0

    @property
    def waiting(self) -> float:
        """Share of the last steps' time that was spent waiting for data."""
        recent = sum(self.seconds[-WINDOW:])
        return sum(self.waited[-WINDOW:]) / recent if recent else 0.0

    def text(self, epoch: int, epochs: int, loss: float, steps_left: int) -> str:
        """Where the training is, in a line."""
        return (f"epoch {epoch}/{epochs}, loss {loss:.4g}, {self.throughput:.3g} {self.unit}/s, "
                f"{self.waiting:.0%} waiting for data, {duration(steps_left * self.step_seconds)} left")

    def warning(self, workers: int, on_gpu: bool) -> str | None:
        """Said once: data, not the network, are the limit. Without loader processes on a CPU nothing is waited for:
        the one processor does both."""
        if self.warned or len(self.seconds) < ENOUGH or self.waiting < WAITING or not (on_gpu or workers):
            return None
        self.warned = True
        return (f"warning: {self.waiting:.0%} of the time the training waits for data: more loader processes may help "
                f"(--set train.workers=N, now {workers})")
