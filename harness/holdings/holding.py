"""One split of a data set as it lies on the disk, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Holding:
    """A split that could be opened."""

    split: str
    folder: Path
    """Its images lie below."""
    names: tuple[str, ...]
    """Of the images, below `folder`."""
    decode: Callable[[int], str | None]
    """Reads an image by its place in `names`; in words why it cannot be used, or None."""
    counts: dict[str, int]
    """By the names that `harness/specs/contents` uses."""
    annotations: str
    """Digest of what is annotated, the same however the file writes its numbers."""
    ids: frozenset[int] = frozenset()
    """The data set's own numbers of its images, where it has some: none may be in two splits."""
    all_listed: bool = False
    """Whether every file in `folder` should be one of `names`."""
