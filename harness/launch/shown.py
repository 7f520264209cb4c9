"""What a row tells in its status file, passed on to whoever shows a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.launch.telling import read_status
from harness.record import RowFolder

Progress = Callable[[str, dict[str, Any]], None]
"""Called with a row's name and an event: phase, done, total, text. Phases start, end and failed are the runner's."""


class Shown:
    """Follows one row: every phase that it reached is passed on, and how far it is in the last one."""

    def __init__(self, name: str, folder: RowFolder, progress: Progress) -> None:
        self.name, self.folder, self.progress = name, folder, progress
        self.phases = 0
        self.seen = 0

    def look(self) -> None:
        """Pass on what is new."""
        try:
            changed = self.folder.status.stat().st_mtime_ns
        except OSError:
            return
        if changed == self.seen:
            return
        self.seen = changed
        status = read_status(self.folder)
        phases = [phase["name"] for phase in status.get("phases", [])]
        if len(phases) < self.phases:  # another process began anew
            self.phases = 0
        for name in phases[self.phases:-1]:
            self.progress(self.name, {"phase": name, "done": 0, "total": 1, "text": ""})
        self.phases = len(phases)
        if phases and status.get("state") == "running" and "phase" in status:
            self.progress(self.name, {name: status[name] for name in ("phase", "done", "total", "text")})
