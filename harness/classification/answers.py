"""What a classifier answers for the images of a split, and how often it is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timm.data import create_loader
from torch import nn

from harness.classification.protocol import Recipe
from harness.classification.samples import Listing, TestPictures
from harness.data.images import listed
from harness.errors import UserError
from harness.files import atomic_write
from harness.statistics import LEVEL, proportion_interval

PART = "image"
"""Accuracies stand in a record where those of body parts do: metrics.parts.image.top1."""
METRICS = {"top1": 1, "top5": 5}
"""By name, among how many best answers the class must be."""


@dataclass(frozen=True)
class Answers:
    """The best classes of N images, best first; `row` of the listing is where they are from."""

    row: np.ndarray
    """(N,) int64."""
    target: np.ndarray
    """(N,) int64, the right class."""
    best: np.ndarray
    """(N, 5) int64, or as many as there are classes."""
    probability: np.ndarray
    """(N, 5) float32, softmax."""
    readable: np.ndarray
    """(N,) bool; an image that could not be read counts as wrong."""

    def right(self, among: int) -> np.ndarray:
        """(N,) bool: whether the class is among so many best answers."""
        return (self.best[:, :among] == self.target[:, None]).any(1) & self.readable

    def sorted(self) -> Answers:
        """By row."""
        order = np.argsort(self.row, kind="stable")
        return Answers(*(getattr(self, field.name)[order] for field in fields(self)))

    def save(self, path: Path, listing: Listing) -> None:
        """Write them with the files' names and the classes', so that they can be scored again."""
        names = np.array(["/".join(Path(listing.samples[int(row)][0]).parts[-2:]) for row in self.row])
        with atomic_write(path) as file:
            np.savez_compressed(file, name=names, classes=np.array(listing.classes),
                                row=self.row, target=self.target, best=self.best, probability=self.probability,
                                readable=self.readable)


def answer(model: nn.Module, listing: Listing, recipe: Recipe, device: str, part: tuple[int, int] = (0, 1),
           progress: Callable[[int, int], None] = lambda done, total: None) -> tuple[Answers, list[str]]:
    """Answers of `part` (this of so many processes) of a split by whole batches, and notes on unreadable images.

    Images go through timm's test transform: the shorter side resized, one centre crop. Raises UserError for outputs
    that are not finite or not as many as classes, and where too many images cannot be read.
    """
    size = recipe.test.batch_size
    rows = [row for start in range(part[0] * size, len(listing), part[1] * size)
            for row in range(start, min(start + size, len(listing)))]
    pictures = TestPictures(listing, rows, recipe.train.max_broken_images)
    workers = recipe.train.workers
    loader = create_loader(
        pictures, (3, recipe.crop.height, recipe.crop.width), size, use_prefetcher=False, num_workers=workers,
        interpolation=recipe.crop.interpolation, crop_pct=recipe.test.crop_share, persistent_workers=False)
    found: list[tuple[np.ndarray, ...]] = []
    precision = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(recipe.test.precision)
    was_training = model.training
    model.eval()
    with torch.inference_mode(), torch.autocast(device, dtype=precision, enabled=precision is not None):
        for number, (images, row) in enumerate(loader):
            logits = model(images.to(device, non_blocking=True)).float()
            if logits.shape[1] != len(listing.classes):
                raise UserError(f"the network has {logits.shape[1]} outputs, {listing.title} "
                                f"{len(listing.classes)} classes")
            if not torch.isfinite(logits).all():
                raise UserError(f"outputs of the network for {listing.title} are not finite, first in batch {number}")
            best = logits.softmax(1).topk(min(max(METRICS.values()), logits.shape[1]))
            found.append((row.numpy(), best.indices.cpu().numpy(), best.values.cpu().numpy()))
            progress(min((number + 1) * size, len(rows)), len(rows))
    model.train(was_training)
    row = np.concatenate([np.asarray(batch[0]) for batch in found])
    target = np.array([listing.samples[int(r)][1] for r in row])
    broken = pictures.broken()
    bad = np.array([listing.samples[int(r)][0] in broken for r in row])
    notes = [f"{len(broken)} of {len(listing)} images could not be read and count as wrong: {listed(broken, 10)}"] \
        if broken else []
    return Answers(row, target, np.concatenate([b[1] for b in found]), np.concatenate([b[2] for b in found]),
                   ~bad), notes


def accuracy(answers: Answers) -> dict[str, dict[str, float]]:
    """Shares of right answers, as the metrics of a record."""
    return {PART: {name: float(answers.right(among).mean()) for name, among in METRICS.items()}}


def intervals(answers: Answers) -> dict[str, Any]:
    """Wilson's intervals of the accuracies, as a record has intervals: how far they could move with other images."""
    count = len(answers.row)
    found = {name: list(proportion_interval(int(answers.right(among).sum()), count))
             for name, among in METRICS.items()}
    return {"parts": {PART: found}, "level": LEVEL, "method": "Wilson score", "images": {PART: count}}
