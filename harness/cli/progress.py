"""What a run shows while it works: bars with time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from harness.plan import Plan

EVERY = 30.0
"""Seconds between two lines of one row and phase, where there is no terminal."""


class RunDisplay:
    """Called with a row and an event of its job; a context manager around the run."""

    def __init__(self, plan: Plan) -> None:
        self.jobs = plan.jobs
        self.bars: Any = None
        self.tasks: dict[str, Any] = {}
        self.phase: dict[str, str] = {}
        self.said: dict[str, float] = {}

    def __enter__(self) -> RunDisplay:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
                 ) -> None:
        if self.bars is not None:
            self.bars.stop()

    def __call__(self, row: str, event: dict[str, Any]) -> None:
        """Show an event: {"phase", "done", "total", "text"}."""
        phase, text = event["phase"], event.get("text", "")
        name = f"{row} ({self.jobs[row].model})"
        if phase == "failed":
            self._line(f"{name}: failed: {text}")
        elif not sys.stderr.isatty():
            current = time.monotonic()
            new = self.phase.get(row) != phase and phase not in ("start", "score", "profile")
            if new or (self.phase.get(row) == phase == "train" and current - self.said.get(row, current) > EVERY):
                self._line(f"{name}: {'done' if phase == 'end' else phase} {text}".rstrip())
                self.said[row] = current
        else:
            self._bar(row, name, phase, event.get("done", 0), event.get("total", 1), text)
        self.phase[row] = phase

    def _line(self, text: str) -> None:
        if self.bars is not None:
            self.bars.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def _bar(self, row: str, name: str, phase: str, done: int, total: int, text: str) -> None:
        if self.bars is None:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                Progress,
                TaskProgressColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

            self.bars = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
                                 TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
                                 TextColumn("{task.fields[text]}"), console=Console(stderr=True))
            self.bars.start()
        if self.phase.get(row) != phase:
            if row in self.tasks:
                self.bars.remove_task(self.tasks.pop(row))
            if phase == "end":
                self._line(f"{name}: done")
                return
            self.tasks[row] = self.bars.add_task(f"{name} {phase}", total=total, text=text)
        self.bars.update(self.tasks[row], completed=done, total=total, text=text)
