"""What was known of a split's images when they were last looked at: name, size, time and content of each.

A safetensors file beside the data, memory-mapped like the index of its people.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.index import read_columns, write_columns

HASH_BYTES = 16
"""BLAKE2b; all zero for an image whose content was not read, or could not be decoded."""


@dataclass(frozen=True)
class Listing:
    """I images of a split, by name."""

    names: tuple[str, ...]
    """Below the split's folder of images."""
    size: np.ndarray
    """(I,) int64 bytes; -1 where there is no such file."""
    time: np.ndarray
    """(I,) int64, nanoseconds: when the file was last written."""
    content: np.ndarray
    """(I, HASH_BYTES) uint8."""
    annotations: str
    """Digest of the numbers annotated on them, hexadecimal."""

    @property
    def read(self) -> np.ndarray:
        """(I,) bool: the images whose content is known, and is an image."""
        return np.any(self.content, axis=1)


def path_of(folder: Path, split: str) -> Path:
    """Where a split's listing lies in a data set's folder of indexes."""
    return folder / f"{split}.images.safetensors"


def save(listing: Listing, path: Path, split: str) -> None:
    """Write a listing atomically. Raises UserError naming the path."""
    def text(content: str) -> np.ndarray:
        return np.frombuffer(content.encode("utf-8", "surrogateescape"), dtype=np.uint8)

    write_columns(path, {"size": listing.size, "time": listing.time, "content": listing.content,
                         "names": text("\0".join(listing.names)), "annotations": text(listing.annotations)},
                  {"split": split})


def load(path: Path) -> Listing:
    """Read a listing. Raises UserError naming the file where it is damaged."""
    columns = read_columns(path)

    def text(name: str) -> str:
        return columns[name].tobytes().decode("utf-8", "surrogateescape")

    names = tuple(text("names").split("\0")) if len(columns["size"]) else ()
    return Listing(names, columns["size"], columns["time"], columns["content"], text("annotations"))
