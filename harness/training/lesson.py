"""What a training learns, as the loop sees it: samples, optimizer, learning rate and the loss of a batch."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn


class Course(Protocol):
    """The settings that the loop itself reads, of a protocol's section `train`."""

    @property
    def epochs(self) -> int:
        """Passes over the samples."""

    @property
    def batch_size(self) -> int:
        """Samples a step and process."""

    @property
    def processes(self) -> int:
        """That the protocol trains in: shares of a step."""

    @property
    def accumulate(self) -> int:
        """Parts in which a share is worked through."""

    @property
    def ema(self) -> float:
        """Decay of the running mean of the weights; 0 for none."""

    @property
    def compile(self) -> bool:
        """Train the compiled network."""

    @property
    def checkpoint_minutes(self) -> float:
        """Save at least this often."""

    @property
    def steps_per_epoch(self) -> int | None:
        """Fewer steps than the samples would give."""

    @property
    def evaluate_every(self) -> int:
        """Epochs; 0 for never."""

    @property
    def workers(self) -> int:
        """Loader processes."""


class Samples(Protocol):
    """A data set of torch whose samples depend on seed, epoch and index, not on who makes them."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose augmentation is drawn, also in loader processes that are running already."""

    def broken_report(self) -> list[str]:
        """A line on what could not be read so far; none where all could."""


class Lesson(Protocol):
    """One kind of learning. Nothing in it changes while it is learnt, so a training continues from its checkpoint."""

    @property
    def train(self) -> Course:
        """How long and in which batches."""

    @property
    def samples(self) -> Samples:
        """What is learnt from."""

    @property
    def unit(self) -> str:
        """What the samples are, in the plural: the key of their number in the training's result."""

    @property
    def score(self) -> str:
        """What `evaluate_every` measures, as a key of the history."""

    @property
    def whole_steps(self) -> bool:
        """Leave out an epoch's last step where it would be short."""

    @property
    def clip_norm(self) -> float | None:
        """Bound of the gradient's norm; None for none."""

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """A fresh optimizer of the model's parameters."""

    def set_rate(self, optimizer: Any, step: int, steps: int) -> None:
        """Set the learning rate of a step (0-based, over the whole training of `steps` an epoch)."""

    def loss(self, model: nn.Module, batch: Any, accelerator: Accelerator, step: int, part: int) -> Tensor:
        """The loss of a batch of samples, a scalar: the mean over them. It is batch `part` of the step, counted over
        all processes."""
