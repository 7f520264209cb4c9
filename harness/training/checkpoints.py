"""Checkpoints of a training: everything needed to go on, written whole or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.errors import UserError
from harness.files import atomic_write, write_json
from harness.training.room import KEEP
from harness.weights import FORMAT, read_checkpoint


def save(path: Path, data: dict[str, Any]) -> None:
    """Write a checkpoint atomically. Raises UserError naming the file where it cannot be written, on a full disk for
    example; earlier checkpoints are not touched."""
    try:
        with atomic_write(path) as file:
            torch.save({"format": FORMAT, **data}, file)
    except RuntimeError as error:  # torch's writer, where the file underneath takes no more
        raise UserError(f"cannot write {path}: {' '.join(str(error).split())[:200]} (is the disk full?)") from error


@dataclass(frozen=True)
class TrainingFolder:
    """`<results>/trainings/<model>-<train key>/`: the checkpoints of one training and, at its end, its result."""

    path: Path

    final = property(lambda self: self.path / "final.pth")
    best = property(lambda self: self.path / "best.pth")
    result = property(lambda self: self.path / "training.json")
    lock = property(lambda self: self.path / ".lock")
    events = property(lambda self: self.path / "tensorboard")

    def checkpoint(self, steps: int) -> Path:
        """The checkpoint written after so many steps of the whole training."""
        return self.path / f"step-{steps:09d}.pth"

    def checkpoints(self) -> list[Path]:
        """Checkpoints, newest first."""
        return sorted(self.path.glob("step-*.pth"), reverse=True)

    def newest(self, say: Any = print) -> dict[str, Any] | None:
        """The newest checkpoint that can be read; a damaged one is said and passed over."""
        for path in self.checkpoints():
            try:
                return read_checkpoint(path)
            except UserError as error:
                say(f"{error}; using the one before")
        return None

    def prune(self, keep: int = KEEP) -> None:
        """Delete all but the newest checkpoints."""
        for path in self.checkpoints()[keep:]:
            path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what a process that was killed while writing has left."""
        for path in self.path.glob(".*.part"):
            path.unlink(missing_ok=True)

    def finished(self) -> dict[str, Any] | None:
        """The result of a training that came to its end, or None."""
        try:
            data = json.loads(self.result.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return data if self.final.is_file() else None

    def finish(self, result: dict[str, Any]) -> None:
        """Say that the training is complete: written last."""
        write_json(self.result, result)
