"""Learning heat maps of key points from crops of people."""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from harness.data.crops import TrainCrops
from harness.data.targets import msra_targets, network_input
from harness.protocol import Protocol, Train
from harness.training.losses import LOSSES
from harness.training.schedule import learning_rate


def make_optimizer(model: nn.Module, train: Train) -> torch.optim.Optimizer:
    """Adam or AdamW with the library's betas (0.9, 0.999) and one parameter group, as the published configurations."""
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[train.optimizer](model.parameters(), lr=train.lr, weight_decay=train.weight_decay)


class PoseLesson:
    """Key points by the protocol; a `harness.training.lesson.Lesson`."""

    unit = "people"
    whole_steps = False

    def __init__(self, crops: TrainCrops, protocol: Protocol, channels_last: bool = False) -> None:
        self.samples, self.train, self.target = crops, protocol.train, protocol.target
        self.channels_last, self.clip_norm = channels_last, protocol.train.clip_norm
        self.score = f"{'+'.join(self.train.parts) or 'wholebody'}_AP"

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """See `make_optimizer`."""
        return make_optimizer(model, self.train)

    def set_rate(self, optimizer: Any, step: int, steps: int) -> None:
        """See `learning_rate`."""
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(self.train, step, steps)

    def loss(self, model: nn.Module, batch: dict[str, Tensor], accelerator: Accelerator, step: int, part: int
             ) -> Tensor:
        """The protocol's loss of heat maps against Gaussians at the labelled points."""
        images = network_input(batch, accelerator.device)
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with accelerator.autocast():
            output = model(images)
        points, visible = batch["points"].to(accelerator.device), batch["visible"].to(accelerator.device)
        maps, weight = msra_targets(points, visible, output.shape[-1], output.shape[-2], sigma=self.target.sigma,
                                    exact=self.target.centre == "exact")
        return LOSSES[self.target.loss](output.float(), maps, weight)
