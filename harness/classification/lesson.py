"""Learning classes of images, by timm's optimizer, schedule, Mixup and loss."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from accelerate import Accelerator
from timm.data import Mixup
from timm.loss import SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from torch import Tensor, nn

from harness.classification.chance import drawn_from
from harness.classification.protocol import Recipe, Train
from harness.classification.samples import TrainPictures
from harness.errors import UserError

MIXING = 1 << 32
"""Stands beside seed and step where a batch's mixing is drawn: no sample's augmentation has it as an epoch."""


class ClassLesson:
    """Classes by the protocol; a `harness.training.lesson.Lesson`."""

    unit, score = "images", "top1"
    whole_steps = True  # as the authors' loader; a short batch might be odd, which Mixup refuses

    def __init__(self, samples: TrainPictures, recipe: Recipe, seed: int) -> None:
        """Raises UserError where there are fewer images than one step takes."""
        processes = recipe.train.processes
        if len(samples) < recipe.train.batch_size * processes:
            raise UserError(f"{samples.listing.title} has {len(samples)} images, fewer than one step of "
                            f"train.batch_size={recipe.train.batch_size} in {processes} process(es)")
        self.samples, self.train, self.seed = samples, recipe.train, seed
        self.clip_norm = recipe.train.clip_norm
        augment = recipe.augment
        self.mixup = Mixup(augment.mixup, augment.cutmix, prob=augment.mix_probability if augment.mixes else 0.0,
                           switch_prob=augment.cutmix_share, label_smoothing=recipe.target.smoothing,
                           num_classes=len(samples.listing.classes))
        self.criterion = SoftTargetCrossEntropy()

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """AdamW with the library's betas; no decay of biases and norms, timm's default."""
        return create_optimizer_v2(model, "adamw", lr=self.train.lr, weight_decay=self.train.weight_decay)

    def set_rate(self, optimizer: Any, step: int, steps: int) -> None:
        """See `rate_of`."""
        rate = rate_of(self.train, step, steps)
        for group in optimizer.param_groups:
            group["lr"] = rate

    def loss(self, model: nn.Module, batch: Any, accelerator: Accelerator, step: int, part: int) -> Tensor:
        """Cross entropy against the smoothed labels of the mixed batch."""
        images, labels = (part.to(accelerator.device, non_blocking=True) for part in batch)
        with drawn_from(self.seed, MIXING, step, part):
            images, targets = self.mixup(images, labels)
        with accelerator.autocast():
            output = model(images)
        return self.criterion(output.float(), targets)


def rate_of(train: Train, step: int, steps: int) -> float:
    """Learning rate of a step (0-based, over the whole training), from timm's schedule: nothing to save."""
    scheduler, holder = _schedule(train, steps)
    if train.rate_by == "epoch":
        scheduler.step(step // steps)
    else:
        scheduler.step_update(step)
    return float(holder.param_groups[0]["lr"])


@cache
def _schedule(train: Train, steps: int) -> tuple[Any, torch.optim.Optimizer]:
    """timm's scheduler on an optimizer that optimizes nothing: it is only asked for rates."""
    holder = torch.optim.SGD([torch.zeros(1)], lr=train.lr)
    scheduler, _ = create_scheduler_v2(
        holder, "cosine", num_epochs=train.epochs, min_lr=train.min_lr, warmup_epochs=train.warmup_epochs,
        warmup_lr=train.warmup_lr, step_on_epochs=train.rate_by == "epoch", updates_per_epoch=steps)
    return scheduler, holder
