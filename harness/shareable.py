"""What of a record may leave the machine: everything but where files lay there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any


def shareable(record: dict[str, Any]) -> dict[str, Any]:
    """A record whose absolute paths are cut to their last part, wherever it names them."""
    hidden = machine_paths(record)
    return each_text(record, lambda text: without(text, hidden))


def machine_paths(record: dict[str, Any]) -> dict[str, str]:
    """The absolute paths that a record has as values, and what is left of each: its last part."""
    found: dict[str, str] = {}

    def note(text: str) -> str:
        if text.startswith("/") and len(text) > 1 and "\n" not in text:
            found[text] = PurePosixPath(text).name
        return text

    each_text(record, note)
    return found


def without(text: str, hidden: dict[str, str]) -> str:
    """A text with every path of `machine_paths` cut, the longest first."""
    for path in sorted(hidden, key=len, reverse=True):
        text = text.replace(path, hidden[path])
    return text


def each_text(data: Any, change: Callable[[str], str]) -> Any:
    """JSON-able data with every text but names of fields changed."""
    if isinstance(data, dict):
        return {name: each_text(value, change) for name, value in data.items()}
    if isinstance(data, list):
        return [each_text(value, change) for value in data]
    return change(data) if isinstance(data, str) else data
