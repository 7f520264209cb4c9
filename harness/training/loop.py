"""The training loop, from top to bottom. What is learnt, and how a batch of it is scored, is a `Lesson`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import default_collate

from harness.data.loader import make_loader
from harness.errors import UserError
from harness.training import checkpoints
from harness.training.batches import EpochBatches
from harness.training.checkpoints import TrainingFolder
from harness.training.events import Events
from harness.training.lesson import Course, Lesson
from harness.training.meter import Meter
from harness.training.probe import BATCHES, WORTHWHILE, check_disk, probe
from harness.training.state import Position, collect, restore, seed_batch
from harness.training.stopping import Asked, asked_to_stop

PRECISIONS = {"fp32": "no", "tf32": "no", "fp16": "fp16", "bf16": "bf16"}
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
    force: bool = False
    """Continue a checkpoint of other code."""


@dataclass(frozen=True)
class Told:
    """Who is told of a training, and what; nobody of nothing where it is left out."""

    progress: Callable[[int, int, str], None] = lambda done, total, text: None
    """Steps done and in all, and a line, every few steps."""
    evaluate: Callable[[nn.Module], tuple[float, dict[str, Any]]] | None = None
    """The lesson's score of the network, and figures of parts, for `evaluate_every`."""
    say: Callable[[str], None] = print


def make_accelerator(device: str, precision: str) -> Accelerator:
    """One process, or one of several that a launcher started. Raises UserError for a precision that a CPU has not."""
    if device == "cpu" and precision in ("tf32", "fp16"):
        raise UserError(f"train.precision {precision} needs a GPU (choices on a CPU: fp32, bf16)")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    return Accelerator(cpu=device == "cpu", mixed_precision=PRECISIONS[precision])


def fit(model: nn.Module, lesson: Lesson, setting: Setting, folder: TrainingFolder, accelerator: Accelerator,
        told: Told = Told()) -> dict[str, Any]:
    """Train `model` and leave its weights in `folder`; continue where an interrupted training of the same identity was.

    With `evaluate_every` the best weights so far are kept and are the result. Returns and stores the training's
    result: loss, learning rate, throughput and share of waiting of every epoch, steps, seconds. Raises Diverged;
    UserError where the checkpoints are of other code, or have no room; KeyboardInterrupt, with everything saved, where
    Ctrl-C or a signal asks to stop.
    """
    return _Training(model, lesson, setting, folder, accelerator, told).run()


class _Training:
    """The parts of one training, for as long as it runs."""

    def __init__(self, model: nn.Module, lesson: Lesson, setting: Setting, folder: TrainingFolder,
                 accelerator: Accelerator, told: Told) -> None:
        self.lesson, self.setting, self.folder, self.accelerator, self.told = lesson, setting, folder, accelerator, told
        self.train: Course = lesson.train
        if setting.channels_last:
            model = model.to(memory_format=torch.channels_last)
        self.plain, self.ema = model, None
        if self.train.ema:
            from timm.utils import ModelEmaV3

            self.ema = ModelEmaV3(model, decay=self.train.ema)
        prepared, self.optimizer = accelerator.prepare(model, lesson.optimizer(model))
        self.prepared: nn.Module = prepared
        self.compiled: nn.Module = torch.compile(prepared) if self.train.compile else prepared  # type: ignore[assignment]
        self.batches = EpochBatches(len(lesson.samples), self.train, setting.seed, accelerator.process_index,
                                    accelerator.num_processes, lesson.whole_steps)
        self.loader = make_loader(lesson.samples, self.batches, self.train.workers,
                                  pin_memory=accelerator.device.type == "cuda", say=told.say)
        self.meter = Meter(self.batches.step_size, lesson.unit)
        self.total = self.train.epochs * self.batches.steps
        self.at = Position()
        self.forced: list[dict[str, Any]] = []
        self.saved = time.monotonic()

    @property
    def main(self) -> bool:
        """Whether this process writes the files."""
        return self.accelerator.is_main_process

    @property
    def steps_done(self) -> int:
        """Of the whole training."""
        return self.at.epoch * self.batches.steps + self.at.step

    def run(self) -> dict[str, Any]:
        """The whole training."""
        self._resume()
        disk = check_disk(self.folder.path, self.plain, self.ema is not None) if self.main else 0
        if self.total - self.steps_done >= WORTHWHILE:
            self._estimate(disk)
        self.events = Events(self.folder.events if self.main else None, self.steps_done)
        with asked_to_stop() as asked:
            while self.at.epoch < self.train.epochs:
                self._epoch(asked)
                self._close_epoch()
                self._save()
                if asked.agreed(self.accelerator):
                    raise asked.error()
        self.events.close()
        self.loader.close()
        return self._finish()

    def _resume(self) -> None:
        if self.main:
            self.folder.sweep()
        state = self.folder.newest(self.told.say)
        if state is None:
            return
        where = f"after epoch {state['epoch']}" + (f" and {state['step']} steps" if state["step"] else "")
        if state["identity"] != self.setting.identity:
            if not self.setting.force:
                raise UserError(f"the training in {self.folder.path} was begun with other code ({where} of "
                                f"{self.train.epochs}): --force continues it with this code, --fresh begins again")
            before = {"from": state["identity"], "epoch": state["epoch"], "step": state["step"]}
            self.forced = [*state["forced"], before]
            self.told.say("continuing a training of other code, as --force asks")
        else:
            self.forced = state["forced"]
        self.at = restore(state, self.plain, self.optimizer, self.ema, self.accelerator)
        self.told.say(f"continuing {where} of {self.train.epochs}")

    def _estimate(self, disk: int) -> None:
        """Say how long it will take, before the first step."""
        self.lesson.samples.set_epoch(self.at.epoch)
        self.batches.epoch = self.at.epoch
        tried = [default_collate([self.lesson.samples[i] for i in indices])
                 for indices in islice(self.batches, BATCHES)]
        self.prepared.train()
        found = probe(self.compiled, self.lesson, tried, self.accelerator, self.batches.parts(0),
                      self.total - self.steps_done, disk)
        self.told.say(found.text())

    def _epoch(self, asked: Asked) -> None:
        """What is left of an epoch's steps."""
        self.batches.epoch, self.batches.start = self.at.epoch, self.at.step
        self.lesson.samples.set_epoch(self.at.epoch)
        self.prepared.train()
        self.meter.start()
        batches = self.meter.batches(self.loader)
        for step in range(self.at.step, self.batches.steps):
            self.at.losses.append(self._step(islice(batches, self.batches.parts(step)), step))
            self.at.step = step + 1
            self.meter.step()
            self.at.seconds += self.meter.seconds[-1]
            look = (step + 1) % CHECK_STEPS == 0 or step + 1 == self.batches.steps
            if look:
                self._look()
            if (look or self.accelerator.num_processes == 1) and step + 1 < self.batches.steps:
                self._pause(asked, look)

    def _step(self, batches: Any, step: int) -> Tensor:
        """One step of the optimizer, over this process's batches of it; returns their mean loss, a scalar."""
        number = self.at.epoch * self.batches.steps + step
        self.lesson.set_rate(self.optimizer, number, self.batches.steps)
        parts, share = self.batches.parts(step), self.batches.share_size(step)
        whole = share * self.batches.shares // self.accelerator.num_processes
        losses = []
        for index, batch in enumerate(batches):
            part = self.accelerator.process_index + index * self.accelerator.num_processes
            seed_batch(self.setting.seed, number, part)
            last = index + 1 == parts
            if not last:
                with self.accelerator.no_sync(self.prepared):
                    losses.append(self._backward(batch, number, part, whole))
            else:
                losses.append(self._backward(batch, number, part, whole))
        if self.lesson.clip_norm is not None:
            self.accelerator.clip_grad_norm_(self.prepared.parameters(), self.lesson.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.ema is not None:
            self.ema.update(self.plain, step=number)
        return torch.stack(losses).sum() if len(losses) > 1 else losses[0]

    def _backward(self, batch: Any, number: int, part: int, whole: int) -> Tensor:
        """Gradients of a batch, by its share of the process's samples in the step; returns its part of the loss."""
        loss = self.lesson.loss(self.compiled, batch, self.accelerator, number, part)
        size = len(next(iter(batch.values())) if isinstance(batch, dict) else batch[0])
        if size != whole:
            loss = loss * (size / whole)
        self.accelerator.backward(loss)
        return loss.detach()

    def _look(self) -> None:
        """Tell of the loss, and refuse one that is no number."""
        recent = torch.stack(self.at.losses[-CHECK_STEPS:]).mean().item()
        if not math.isfinite(recent):
            kept = self.folder.checkpoints()
            raise Diverged(f"the loss became {recent} in epoch {self.at.epoch + 1}, at or before step "
                           f"{self.steps_done}; " + (f"{kept[0].name} is kept" if kept else "no checkpoint was written "
                           "before") + "; a lower train.lr may help")
        self.told.progress(self.steps_done, self.total, self.meter.text(
            self.at.epoch + 1, self.train.epochs, recent, self.total - self.steps_done))
        self.events.add({"train/loss": recent, "train/lr": self.optimizer.param_groups[0]["lr"],
                         "train/samples_per_second": self.meter.throughput, "train/waiting": self.meter.waiting},
                        self.steps_done)
        line = self.meter.warning(self.train.workers, self.accelerator.device.type == "cuda")
        if line:
            self.told.say(line)

    def _pause(self, asked: Asked, look: bool) -> None:
        """In the middle of an epoch: save now and then, and end where that is asked for."""
        stop = asked.agreed(self.accelerator)
        due = time.monotonic() - self.saved > 60 * self.train.checkpoint_minutes
        if stop or (due and self.accelerator.num_processes == 1) or (look and self._agreed(due)):
            self._save()
        if stop:
            raise asked.error()

    def _agreed(self, due: bool) -> bool:
        """The first process's clock counts for all: collecting the state may need every process."""
        if self.accelerator.num_processes == 1:
            return due
        told = torch.tensor([due], device=self.accelerator.device)
        return bool(self.accelerator.gather(told)[0])

    def _close_epoch(self) -> None:
        """The epoch's entry of the history, with an evaluation where it is time for one."""
        at, losses = self.at, torch.stack(self.at.losses).float()
        if self.accelerator.num_processes > 1:
            losses = cast(Tensor, self.accelerator.reduce(losses, "mean"))
        entry: dict[str, Any] = {
            "epoch": at.epoch + 1, "loss": losses.mean().item(), "lr": self.optimizer.param_groups[0]["lr"],
            "seconds": at.seconds, "samples_per_second": round(self.meter.throughput, 2),
            "waiting": round(self.meter.waiting, 4)}
        at.epoch, at.step, at.losses, at.seconds = at.epoch + 1, 0, [], 0.0
        at.history.append(entry)
        last = at.epoch == self.train.epochs
        if self.told.evaluate and self.train.evaluate_every and (at.epoch % self.train.evaluate_every == 0 or last):
            network = self.ema.module if self.ema is not None else self.plain
            value, parts = self.told.evaluate(network)
            entry |= {self.lesson.score: value, "parts": parts}
            if at.best is None or value > at.best["value"]:
                at.best = {"epoch": at.epoch, "value": value}
                if self.main:
                    checkpoints.save(self.folder.best, {"model": network.state_dict(), "meta": self.setting.meta})
        self.events.add_epoch(at, self.batches.steps)

    def _save(self) -> None:
        """Everything that is needed to go on; the first process writes it, the others wait."""
        state = collect(self.plain, self.optimizer, self.ema, self.accelerator, self.at)
        if self.main:
            checkpoints.save(self.folder.checkpoint(self.steps_done), {
                "identity": self.setting.identity, "meta": self.setting.meta, "forced": self.forced, **state})
            self.folder.prune()
        self.accelerator.wait_for_everyone()
        self.saved = time.monotonic()

    def _finish(self) -> dict[str, Any]:
        """The weights that count, into `model` and a file, and the result."""
        at = self.at
        if at.best is not None:
            from harness.weights import read_checkpoint

            self.plain.load_state_dict(read_checkpoint(self.folder.best)["model"])
        elif self.ema is not None:
            self.plain.load_state_dict(self.ema.module.state_dict())
        samples = self.lesson.samples
        result = {
            "identity": self.setting.identity, "meta": self.setting.meta, "history": at.history, "best": at.best,
            "steps": self.total, self.lesson.unit: len(samples), "broken_images": samples.broken_report(),
            "processes": self.accelerator.num_processes, "shares": self.batches.shares, "forced": self.forced,
            "seconds": sum(entry["seconds"] for entry in at.history)}
        if self.main:
            checkpoints.save(self.folder.final, {"model": self.plain.state_dict(), "meta": self.setting.meta})
            self.folder.finish(result)
            self.folder.prune(1)
        self.accelerator.wait_for_everyone()
        return result
