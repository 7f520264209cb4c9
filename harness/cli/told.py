"""What `harness data` shows while it looks at images: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

EVERY = 30.0
"""Seconds between two lines where there is no terminal."""


class ImagesTold:
    """Called with a split, how many of its images were looked at, and of how many."""

    def __init__(self) -> None:
        self.bars: Any = None
        self.tasks: dict[str, Any] = {}
        self.said = time.monotonic()

    def __enter__(self) -> ImagesTold:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
                 ) -> None:
        if self.bars is not None:
            self.bars.stop()

    def __call__(self, split: str, done: int, total: int) -> None:
        """Show it."""
        if sys.stderr.isatty():
            self._bar(split, done, total)
        elif time.monotonic() - self.said > EVERY:
            self.said = time.monotonic()
            print(f"{split}: looked at {done:,} of {total:,} images", file=sys.stderr, flush=True)

    def line(self, text: str) -> None:
        """Print a finding, above the bar where there is one."""
        if self.bars is not None:
            self.bars.refresh()
        print(text, flush=True)

    def _bar(self, split: str, done: int, total: int) -> None:
        if self.bars is None:
            from rich.console import Console
            from rich.progress import Progress

            self.bars = Progress(console=Console(stderr=True), transient=True)
            self.bars.start()
        if split not in self.tasks:
            self.tasks[split] = self.bars.add_task(f"{split}: images", total=total)
        self.bars.update(self.tasks[split], completed=done, total=total)
