"""The training loop, from top to bottom. What is learnt, and how a batch of it is scored, is a `Lesson`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from harness.data.crops import init_worker
from harness.errors import UserError
from harness.training import checkpoints
from harness.training.checkpoints import TrainingFolder
from harness.training.lesson import Course, Lesson

PRECISIONS = {"fp32": "no", "fp16": "fp16", "bf16": "bf16"}
"""Ours -> accelerate's `mixed_precision`."""

CHECK_STEPS = 20
"""The loss is looked at this often (looking waits for a GPU); a NaN is found at most so many steps late."""


class Diverged(UserError):
    """The loss became NaN or infinite. The last good checkpoint is kept."""


@dataclass(frozen=True)
class Setting:
    """What a training needs besides network and lesson."""

    seed: int
    meta: dict[str, Any]
    """Written into the weights file, so that it says what it is: model, model_args, layout, protocol."""
    channels_last: bool
    identity: dict[str, Any]
    """Train key and code hash: a checkpoint is continued only where they are equal."""


def make_accelerator(device: str, precision: str) -> Accelerator:
    """One process, or one of several that a launcher started."""
    return Accelerator(cpu=device == "cpu", mixed_precision=PRECISIONS[precision])


class EpochBatches:
    """Indices of one epoch in batches; the order depends on seed and epoch only.

    Each step takes `batch_size * processes` samples of the shuffled list; a process takes every
    `processes`-th of them. A short last step is filled from the front of the list, so that processes agree; with
    `whole_steps` it is left out instead, unless there is no other.
    """

    def __init__(self, size: int, train: Course, seed: int, rank: int = 0, processes: int = 1,
                 whole_steps: bool = False) -> None:
        self.size, self.seed, self.rank, self.processes = size, seed, rank, processes
        self.step_size = train.batch_size * processes
        whole = max(1, size // self.step_size) if whole_steps else math.ceil(size / self.step_size)
        self.steps = min(whole, train.steps_per_epoch) if train.steps_per_epoch else whole
        self.epoch = 0

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.Generator(np.random.PCG64([self.seed, self.epoch])).permutation(self.size)
        for step in range(self.steps):
            chosen = order[step * self.step_size:(step + 1) * self.step_size]
            short = -len(chosen) % self.processes
            if short:
                chosen = np.concatenate([chosen, np.resize(order, short)])
            yield [int(i) for i in chosen[self.rank::self.processes]]


def fit(model: nn.Module, lesson: Lesson, setting: Setting, folder: TrainingFolder, accelerator: Accelerator,
        progress: Callable[[int, int, float], None] = lambda done, total, loss: None,
        evaluate: Callable[[nn.Module], float] | None = None,
        say: Callable[[str], None] = print) -> dict[str, Any]:
    """Train `model` and leave its weights in `folder`; continue where an interrupted training of the same identity was.

    `progress(done, total, loss)` is called every few steps; `evaluate(model)` gives the lesson's
    score for `evaluate_every` (the best so far is kept and is the result). Returns and stores the training's
    result: loss and learning rate of every epoch, steps, seconds. Raises Diverged.
    """
    train, samples = lesson.train, lesson.samples
    if setting.channels_last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = lesson.optimizer(model)
    prepared, optimizer = accelerator.prepare(model, optimizer)
    batches = EpochBatches(len(samples), train, setting.seed, accelerator.process_index, accelerator.num_processes,
                           lesson.whole_steps)
    loader: DataLoader = DataLoader(cast("Dataset[Any]", samples), batch_sampler=batches, num_workers=train.workers,
                                    pin_memory=accelerator.device.type == "cuda",
                                    worker_init_fn=init_worker if train.workers else None,
                                    generator=torch.Generator())  # else it takes a number from torch's own
    history: list[dict[str, float]] = []
    best: dict[str, Any] | None = None
    first = 0
    state = folder.newest(say)
    if state is not None and state["identity"] != setting.identity:
        say("the checkpoints here are of other code or settings: starting afresh")
        folder.clear()
        state = None
    if state is not None:
        _restore(state, accelerator.unwrap_model(prepared), optimizer, accelerator)
        history, best, first = state["history"], state["best"], state["epoch"]
        say(f"continuing after epoch {first} of {train.epochs}")

    total = train.epochs * len(batches)
    for epoch in range(first, train.epochs):
        started = time.monotonic()
        batches.epoch = epoch
        samples.set_epoch(epoch)
        prepared.train()
        mean_loss = _epoch(prepared, optimizer, loader, lesson, accelerator, epoch, len(batches), total, progress)
        rate = optimizer.param_groups[0]["lr"]
        history.append({"epoch": epoch + 1, "loss": mean_loss, "lr": rate, "seconds": time.monotonic() - started})
        plain = accelerator.unwrap_model(prepared)
        last = epoch + 1 == train.epochs
        if evaluate and train.evaluate_every and ((epoch + 1) % train.evaluate_every == 0 or last):
            value = evaluate(plain)
            history[-1][lesson.score] = value
            if best is None or value > best["value"]:
                best = {"epoch": epoch + 1, "value": value}
                if accelerator.is_main_process:
                    checkpoints.save(folder.best, {"model": plain.state_dict(), "meta": setting.meta})
        if accelerator.is_main_process:
            checkpoints.save(folder.checkpoint(epoch + 1), {
                "identity": setting.identity, "meta": setting.meta, "epoch": epoch + 1,
                "model": plain.state_dict(), "optimizer": optimizer.state_dict(),
                "scaler": accelerator.scaler.state_dict() if accelerator.scaler else None,
                "random": torch.get_rng_state(),
                "random_cuda": torch.cuda.get_rng_state() if accelerator.device.type == "cuda" else None,
                "history": history, "best": best,
            })
            folder.prune()
        accelerator.wait_for_everyone()

    plain = accelerator.unwrap_model(prepared)
    if best is not None:
        from harness.weights import read_checkpoint

        plain.load_state_dict(read_checkpoint(folder.best)["model"])
    result = {"identity": setting.identity, "meta": setting.meta, "history": history, "best": best,
              "steps": total, lesson.unit: len(samples), "broken_images": samples.broken_report(),
              "processes": accelerator.num_processes, "seconds": sum(e["seconds"] for e in history)}
    if accelerator.is_main_process:
        checkpoints.save(folder.final, {"model": plain.state_dict(), "meta": setting.meta})
        folder.finish(result)
        for path in folder.checkpoints()[1:]:
            path.unlink()
    accelerator.wait_for_everyone()
    return result


def _epoch(model: nn.Module, optimizer: Any, loader: DataLoader, lesson: Lesson, accelerator: Accelerator,
           epoch: int, steps: int, total: int, progress: Callable[[int, int, float], None]) -> float:
    """One pass over the epoch's batches; returns the mean loss."""
    losses: list[Tensor] = []
    recent = math.nan
    for index, batch in enumerate(loader):
        step = epoch * steps + index
        lesson.set_rate(optimizer, step, steps)
        loss = lesson.loss(model, batch, accelerator, step)
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        if lesson.clip_norm is not None:
            accelerator.clip_grad_norm_(model.parameters(), lesson.clip_norm)
        optimizer.step()
        losses.append(loss.detach())
        if step % CHECK_STEPS == 0 or index + 1 == steps:
            recent = torch.stack(losses[-CHECK_STEPS:]).mean().item()
            if not math.isfinite(recent):
                raise Diverged(f"the loss became {recent} in epoch {epoch + 1}, at or before step {step + 1}; the "
                               f"checkpoint after epoch {epoch} is kept; a lower train.lr may help")
            progress(step + 1, total, recent)
    return torch.stack(losses).mean().item()


def _restore(state: dict[str, Any], model: nn.Module, optimizer: Any, accelerator: Accelerator) -> None:
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    if accelerator.scaler and state["scaler"]:
        accelerator.scaler.load_state_dict(state["scaler"])
    torch.set_rng_state(state["random"])
    if state["random_cuda"] is not None and accelerator.device.type == "cuda":
        torch.cuda.set_rng_state(state["random_cuda"])
