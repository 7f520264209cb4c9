"""Which samples a step takes, and how they are dealt out: by seed and epoch only, however many processes work.

A protocol trains in `train.processes` processes. Where there are fewer, each works through the batches of several of
them, one after the other, before it takes the step: same samples, same batches for batch norm, same global batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from harness.errors import UserError
from harness.training.lesson import Course


class EpochBatches:
    """Indices of one epoch in batches, as a batch sampler of one of `processes` processes.

    Each step takes `batch_size * train.processes` samples of the list that seed and epoch have shuffled; share i of
    `train.processes` is every so-many-th of them, from the i-th on. A process has the shares rank, rank + processes,
    ...; each is one batch, or `accumulate` batches of less memory. A short last step is filled from the front of the
    list, so that shares are equal; with `whole_steps` it is left out instead, unless there is no other.

    Raises UserError where the processes cannot have equally many shares.
    """

    def __init__(self, size: int, train: Course, seed: int, rank: int = 0, processes: int = 1,
                 whole_steps: bool = False) -> None:
        if train.processes % processes:
            fitting = [str(n) for n in range(1, train.processes + 1) if train.processes % n == 0]
            raise UserError(f"{processes} processes cannot share the batches of the protocol's {train.processes} "
                            f"evenly (choices: {', '.join(fitting)}, or another --set train.processes=N)")
        self.size, self.seed, self.rank, self.processes = size, seed, rank, processes
        self.shares, self.accumulate = train.processes, train.accumulate
        self.step_size = train.batch_size * self.shares
        whole = max(1, size // self.step_size) if whole_steps else math.ceil(size / self.step_size)
        self.steps = min(whole, train.steps_per_epoch) if train.steps_per_epoch else whole
        self.epoch = 0
        self.start = 0
        """The first step of the epoch that is still to be taken."""

    def __len__(self) -> int:
        return sum(self.parts(step) for step in range(self.start, self.steps))

    def share_size(self, step: int) -> int:
        """Samples of each share in a step."""
        return math.ceil(min(self.step_size, self.size - step * self.step_size) / self.shares)

    def parts(self, step: int) -> int:
        """How many batches a process works through in a step."""
        return self.shares // self.processes * min(self.accumulate, self.share_size(step))

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.Generator(np.random.PCG64([self.seed, self.epoch])).permutation(self.size)
        for step in range(self.start, self.steps):
            chosen = order[step * self.step_size:(step + 1) * self.step_size]
            short = -len(chosen) % self.shares
            if short:
                chosen = np.concatenate([chosen, np.resize(order, short)])
            for share in range(self.rank, self.shares, self.processes):
                mine = chosen[share::self.shares]
                for part in np.array_split(mine, min(self.accumulate, len(mine))):
                    yield [int(i) for i in part]
