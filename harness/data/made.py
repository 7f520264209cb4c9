"""Data that the project makes itself: made once, whole or not there at all, by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.files import write_json


def holds(root: Path, recipe: dict[str, Any], marker: str) -> bool:
    """Whether `root` holds the whole data of this recipe, which the file `marker` has."""
    try:
        return bool(json.loads((root / marker).read_text(encoding="utf-8")) == recipe)
    except (OSError, ValueError):
        return False


def make_once(root: Path, recipe: dict[str, Any], marker: str, write: Callable[[Path], None]) -> None:
    """Make the data of a recipe under `root`, or do nothing if they are there already.

    `write(folder)` fills a folder beside it, which gets the recipe as its `marker` and is renamed when it is whole;
    what killed runs left is removed. Raises UserError if `root` holds anything else, or cannot be written.
    """
    root = root.absolute()
    if holds(root, recipe, marker):
        return
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with _only_writer(root):
            if holds(root, recipe, marker):
                return
            if root.exists() and (not root.is_dir() or any(root.iterdir())):
                raise UserError(f"{root} exists and is not the {recipe['dataset']} data asked for "
                                f"({json.dumps(recipe)}); name another folder or remove it")
            for leftover in root.parent.glob(f".{root.name}.*.part"):
                shutil.rmtree(leftover)
            temporary = Path(tempfile.mkdtemp(dir=root.parent, prefix=f".{root.name}.", suffix=".part"))
            try:
                write(temporary)
                write_json(temporary / marker, recipe)
                temporary.chmod(0o755)
                os.replace(temporary, root)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise UserError(f"cannot write {recipe['dataset']} data to {root}: {error.strerror or error}") from error


@contextlib.contextmanager
def _only_writer(root: Path) -> Iterator[None]:
    """Hold the lock on `root`; the kernel gives it back when a process is killed."""
    with (root.parent / f".{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
