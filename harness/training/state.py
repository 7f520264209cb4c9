"""All that a training needs to go on from the middle of an epoch, as data that a checkpoint can hold."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn


@dataclass
class Position:
    """Where a training is, and what it has found so far."""

    epoch: int = 0
    """Epochs that are over."""
    step: int = 0
    """Steps of the next one that are done."""
    losses: list[Tensor] = field(default_factory=list)
    """Of these steps, scalars on the training's device."""
    seconds: float = 0.0
    """That these steps took."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """A dictionary for each epoch that is over."""
    best: dict[str, Any] | None = None
    """Epoch and value of the best evaluation."""

    def to_json(self) -> dict[str, Any]:
        """As data of a checkpoint; losses as a tensor (steps,) float32."""
        losses = torch.stack(self.losses).float().cpu() if self.losses else torch.zeros(0)
        return {"epoch": self.epoch, "step": self.step, "losses": losses, "seconds": self.seconds,
                "history": self.history, "best": self.best}

    @classmethod
    def from_json(cls, data: dict[str, Any], device: torch.device) -> Position:
        """The inverse of `to_json`."""
        return cls(data["epoch"], data["step"], list(data["losses"].to(device)), data["seconds"],
                   list(data["history"]), data["best"])


def collect(model: nn.Module, optimizer: Any, ema: Any, accelerator: Accelerator, position: Position
            ) -> dict[str, Any]:
    """Weights, optimizer, running mean, loss scale, generators and position. The schedule is a function of the step."""
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(),
            "ema": ema.module.state_dict() if ema is not None else None,
            "scaler": accelerator.scaler.state_dict() if accelerator.scaler else None,
            "generators": generators(accelerator.device), **position.to_json()}


def restore(state: dict[str, Any], model: nn.Module, optimizer: Any, ema: Any, accelerator: Accelerator) -> Position:
    """The inverse of `collect`."""
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    if ema is not None:
        ema.module.load_state_dict(state["ema"])
    if accelerator.scaler and state["scaler"]:
        accelerator.scaler.load_state_dict(state["scaler"])
    set_generators(state["generators"], accelerator.device)
    return Position.from_json(state, accelerator.device)


def generators(device: torch.device) -> dict[str, Any]:
    """States of the global generators: torch's, NumPy's and Python's own, and that of a GPU."""
    name, keys, at, has_gauss, gauss = np.random.get_state()  # noqa: NPY002 - a network of a user may draw from it
    version, internal, following = random.getstate()
    return {"torch": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state() if device.type == "cuda" else None,
            "numpy": [str(name), torch.from_numpy(np.asarray(keys).astype(np.int64)), int(at), int(has_gauss),
                      float(gauss)],
            "python": [version, torch.tensor(internal, dtype=torch.int64), following]}


def set_generators(states: dict[str, Any], device: torch.device) -> None:
    """The inverse of `generators`."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"])
    name, keys, at, has_gauss, gauss = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), at, has_gauss, gauss))  # noqa: NPY002
    version, internal, following = states["python"]
    random.setstate((version, tuple(internal.tolist()), following))


def seed_batch(seed: int, step: int, part: int) -> None:
    """Seed torch's generators for one batch of a step, so that what a network draws (drop path, dropout) depends on
    neither the processes nor where a training was continued.

    Of a seed a CPU generator takes the lower 32 bits only, hence the hash.
    """
    torch.manual_seed(int(np.random.SeedSequence((seed, step, part)).generate_state(1)[0]))


@contextmanager
def unchanged(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Within it the network may be tried: its buffers (running means of batch norm), its gradients, of which there must
    be none before, and the generators are afterwards as they were."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    states = generators(device)
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
        for parameter in model.parameters():
            parameter.grad = None
        set_generators(states, device)
