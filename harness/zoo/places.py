"""Where weights are written: checked before any work."""

from __future__ import annotations

from pathlib import Path

from harness.errors import UserError
from harness.files import check_writable
from harness.zoo.container import SUFFIX


def new_file(path: Path, force: bool) -> Path:
    """A file to write. Raises UserError where it cannot be written, is there already, or is not named as it must be."""
    if path.suffix != SUFFIX:
        raise UserError(f"--out {path}: the file is safetensors, and its name must end in {SUFFIX}")
    if path.exists() and not force:
        raise UserError(f"--out {path} is there already; --force writes over it")
    check_writable(path, "--out")
    return path
