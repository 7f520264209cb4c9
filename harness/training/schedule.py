"""The learning rate as a function of the step: nothing to save, nothing to restore."""

from __future__ import annotations

import math

from harness.protocol import Train


def learning_rate(train: Train, step: int, steps_per_epoch: int) -> float:
    """Learning rate of a step (0-based, over the whole training).

    `step`: divided by 10 at the start of each milestone epoch (1-based epochs as in mmpose's `step=[170, 200]`:
    the drop acts from epoch index 170 on, counted from 0). `cosine`: from lr to 0 over all steps.
    Warm-up: for the first `warmup_steps`, times a factor rising linearly from `warmup_ratio` to 1.
    """
    epoch = step // steps_per_epoch
    if train.schedule == "step":
        rate = train.lr * 0.1 ** sum(epoch >= milestone for milestone in train.milestones)
    else:
        total = max(train.epochs * steps_per_epoch, 1)
        rate = train.lr * 0.5 * (1 + math.cos(math.pi * min(step / total, 1.0)))
    if step < train.warmup_steps:
        rate *= train.warmup_ratio + (1 - train.warmup_ratio) * step / train.warmup_steps
    return rate
