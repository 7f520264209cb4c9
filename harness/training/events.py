"""A training's curves for TensorBoard, where it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from harness.training.state import Position


class Events:
    """Event files of one training. Without TensorBoard, and in all processes but the first, nothing is written."""

    def __init__(self, folder: Path | None, steps_done: int) -> None:
        """Curves of a training that goes on from an earlier step are cut off there."""
        self.writer: Any = None
        if folder is not None and importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(folder), purge_step=steps_done + 1 if steps_done else None)

    def add(self, figures: dict[str, float | None], step: int) -> None:
        """One value of each curve, at so many steps."""
        if self.writer is not None:
            for name, value in figures.items():
                if value is not None:
                    self.writer.add_scalar(name, value, step)

    def add_epoch(self, position: Position, steps: int) -> None:
        """What the last epoch's entry of the history has."""
        entry = position.history[-1]
        parts = {f"AP/{part}": value for part, value in (entry.get("parts") or {}).items()}
        figures = {f"epoch/{name}": entry[name] for name in entry if name not in ("epoch", "parts")}
        self.add({**figures, **parts}, position.epoch * steps)
        if self.writer is not None:
            self.writer.flush()

    def close(self) -> None:
        """No more values follow."""
        if self.writer is not None:
            self.writer.close()
