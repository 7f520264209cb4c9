"""A split of an annotation file as columns on disk, memory-mapped by every process that opens it.

One safetensors file a split: its header says name, type and shape of each column. It is found by the content of the
files it was made of, so it can be neither stale nor another split's: a changed annotation file has another name.
Size and time of a file stand for its content while both stay (`hashes.json` beside the index).
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.sets import cached
from harness.data.types import Boxes, Images, People, Split
from harness.errors import UserError
from harness.files import atomic_write, digest, locked, sha256_file
from harness.layout import Layout, load_layout

FOLDER = ".harness-index"
"""In the data's own folder, for all who use it; where that is read-only, a folder of the user's cache."""

VERSION = 1
"""Of the columns and of how they are read from JSON; another version is another file."""

FROM_BYTES = 16 << 20
"""Annotation files from this size on get an index when they are opened; smaller ones are read in half a second."""

NAMES, DETECTIONS, HEADER = "images.name", "detections.", 8


class NoRoom(UserError):
    """The index cannot be written: no folder, or too little disk."""


class Index:
    """Where the index of one split is, and whether it is there."""

    def __init__(self, root: Path, split: str, layout: str, sources: list[Path]) -> None:
        """`sources`: the annotation file, then the file of detections if there is one."""
        self.root, self.split, self.layout, self.sources = root, split, layout, sources
        self.folders = (root / FOLDER, user_cache() / digest(str(root.resolve()))[:16])

    def writable(self) -> Path:
        """The first folder that can be written. Raises NoRoom where none can."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                if os.access(folder, os.W_OK):
                    return folder
        raise NoRoom(f"cannot write an index to {' or '.join(map(str, self.folders))}")

    def key(self) -> str:
        """What the index is of: the content of its files, the layout and the version."""
        memory = next((f / "hashes.json" for f in self.folders if os.access(f, os.W_OK)), None)
        memory = memory or next((f / "hashes.json" for f in self.folders if (f / "hashes.json").is_file()), None)
        hashes = {path.name: cached(path, sha256_file, memory) for path in self.sources}
        return digest({"sources": hashes, "layout": self.layout, "version": VERSION})[:16]

    def path(self) -> Path | None:
        """The index's file, or None where there is none of this content."""
        if not any(folder.is_dir() for folder in self.folders):
            return None
        name = f"{self.split}-{self.key()}.safetensors"
        return next((folder / name for folder in self.folders if (folder / name).is_file()), None)

    def make(self, read: Callable[[], Split], images: Path) -> Path:
        """Read the split, its images in the folder `images`, and write it, once; others who ask meanwhile wait for it.

        Older ones of the split are removed. Raises NoRoom, before anything is read, where it cannot be written.
        """
        folder = self.writable()
        with locked(folder / f"{self.split}.lock", f"index of {self.split}", wait=True):
            made = self.path()
            if made is not None:
                return made
            for leftover in folder.glob(f".{self.split}-*.part"):
                leftover.unlink(missing_ok=True)
            check_space(folder, self.estimate())
            path = folder / f"{self.split}-{self.key()}.safetensors"
            write_columns(path, columns_of(read(), images), {"split": self.split, "layout": self.layout})
            for old in folder.glob(f"{self.split}-*.safetensors"):
                if old != path:
                    old.unlink(missing_ok=True)
            return path

    def estimate(self) -> int:
        """Bytes that the index will have, at most: one entry of key points is a person's, or the category's."""
        with self.sources[0].open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            people = occurrences(text, b'"keypoints"')
            images = occurrences(text, b'"file_name"')
        others = sum(path.stat().st_size for path in self.sources[1:])
        return people * (load_layout(self.layout).size * 3 + 10) * 8 + images * 64 + others + (1 << 20)


def user_cache() -> Path:
    """`$XDG_CACHE_HOME/wholebody-harness/index`, by default below ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "wholebody-harness" / "index"


def occurrences(text: mmap.mmap, word: bytes) -> int:
    """How often a word is in a text, a piece at a time."""
    size, count = 64 << 20, 0
    for start in range(0, len(text), size):
        count += text[start:start + size + len(word) - 1].count(word)
    return count


def check_space(folder: Path, needed: int) -> None:
    """Raises NoRoom where a folder's disk has fewer bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NoRoom(f"{folder}: the index needs up to {needed / 2**20:,.0f} MiB, and its disk has {free / 2**20:,.0f} "
                     "MiB free")


def columns_of(split: Split, folder: Path) -> dict[str, np.ndarray]:
    """A split, its images in `folder`, as named arrays; widest types first, so that each lies where its type may."""
    names = "\0".join(str(path).removeprefix(f"{folder}/") for path in split.images.path)
    found = {"images.id": split.images.id, "images.size": split.images.size,
             NAMES: np.frombuffer(names.encode("utf-8", "surrogateescape"), dtype=np.uint8)}
    tables: list[tuple[str, Any]] = [("people.", split.people)]
    if split.detections is not None:
        tables.append((DETECTIONS, split.detections))
    for prefix, table in tables:
        found |= {prefix + field.name: np.ascontiguousarray(getattr(table, field.name)) for field in fields(table)}
    return dict(sorted(found.items(), key=lambda item: -item[1].itemsize))


def write_columns(path: Path, columns: dict[str, np.ndarray], about: dict[str, str]) -> None:
    """Write a safetensors file atomically, a column at a time. Raises UserError naming it where that fails."""
    header: dict[str, Any] = {"__metadata__": about}
    at = 0
    for name, column in columns.items():
        header[name] = {"dtype": DTYPES[column.dtype.str.lstrip("<|")], "shape": list(column.shape),
                        "data_offsets": [at, at + column.nbytes]}
        at += column.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % HEADER)
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(HEADER, "little") + text)
        for column in columns.values():
            file.write(column.tobytes())


DTYPES = {"f8": "F64", "i8": "I64", "u1": "U8", "b1": "BOOL"}
"""NumPy's types of the columns and safetensors' names for them."""


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """The columns of a file of `write_columns`, read-only and memory-mapped.

    Raises UserError naming the file where it is no such file, or shorter than its header says.
    """
    types = {name: dtype for dtype, name in DTYPES.items()}
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
        start = HEADER + int.from_bytes(data[:HEADER].tobytes(), "little")
        header = json.loads(data[HEADER:start].tobytes())
        header.pop("__metadata__", None)
        return {name: data[start + entry["data_offsets"][0]:start + entry["data_offsets"][1]]
                .view(np.dtype(types[entry["dtype"]])).reshape(entry["shape"]) for name, entry in header.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"index {path} is damaged ({error}); remove it, it is made again") from error


def open_index(path: Path, folder: Path, layout: Layout, dataset: str, split: str) -> Split:
    """The split that was written, equal to the parsed one, its images in `folder`."""
    columns = read_columns(path)
    text = columns[NAMES].tobytes().decode("utf-8", "surrogateescape")
    paths = tuple(folder / name for name in (text.split("\0") if len(columns["images.id"]) else ()))
    people = People(**_table(columns, "people."))
    boxes = Boxes(**_table(columns, DETECTIONS)) if DETECTIONS + "box" in columns else None
    return Split(dataset, split, layout, Images(columns["images.id"], paths, columns["images.size"]), people, boxes)


def _table(columns: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): column for name, column in columns.items() if name.startswith(prefix)}

