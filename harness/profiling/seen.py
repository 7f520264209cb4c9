"""What is seen of a machine while a block is timed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any, Protocol

Values = dict[str, Any]
"""A block's readings by name; None where the machine does not tell."""


@dataclass
class Seen:
    """What was seen of one block."""

    values: Values = field(default_factory=dict)
    throttled: tuple[str, ...] = ()


class Watch(Protocol):
    """What reads a machine."""

    def block(self) -> contextlib.AbstractContextManager[Seen]:
        """Watch while the context lasts; the result is filled in at its end."""

    def about(self) -> dict[str, Any]:
        """Where readings come from, and what was there before the first block."""
