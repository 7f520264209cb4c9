"""Checkpoints of a training: everything needed to go on, written whole or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.errors import UserError
from harness.files import atomic_write, write_json
from harness.weights import FORMAT, read_checkpoint

KEEP = 2
"""Newest checkpoints kept: should the last one be damaged, the one before is used."""


def save(path: Path, data: dict[str, Any]) -> None:
    """Write a checkpoint atomically."""
    with atomic_write(path) as file:
        torch.save({"format": FORMAT, **data}, file)


@dataclass(frozen=True)
class TrainingFolder:
    """`<results>/trainings/<model>-<train key>/`: the checkpoints of one training and, at its end, its result."""

    path: Path

    final = property(lambda self: self.path / "final.pth")
    best = property(lambda self: self.path / "best.pth")
    result = property(lambda self: self.path / "training.json")
    lock = property(lambda self: self.path / ".lock")

    def checkpoint(self, epoch: int) -> Path:
        """The checkpoint written after so many epochs."""
        return self.path / f"epoch-{epoch:04d}.pth"

    def checkpoints(self) -> list[Path]:
        """Checkpoints, newest first."""
        return sorted(self.path.glob("epoch-*.pth"), reverse=True)

    def newest(self, say: Any = print) -> dict[str, Any] | None:
        """The newest checkpoint that can be read; a damaged one is said and passed over."""
        for path in self.checkpoints():
            try:
                return read_checkpoint(path)
            except UserError as error:
                say(f"{error}; using the one before")
        return None

    def prune(self) -> None:
        """Delete all but the newest checkpoints."""
        for path in self.checkpoints()[KEEP:]:
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

    def clear(self) -> None:
        """Forget a training (its code changed, or it is to start afresh)."""
        self.result.unlink(missing_ok=True)
        for path in [*self.checkpoints(), self.final, self.best]:
            path.unlink(missing_ok=True)
