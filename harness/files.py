"""Files: where the project's own data lies, and writing that never leaves half a file."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from harness.errors import UserError


def specs_dir() -> Path:
    """The folder of tables, profiles, data sets and layouts."""
    return Path(__file__).parent / "specs"


def published_dir() -> Path:
    """The folder of published numbers: inside the package in a wheel, `results/published` in a checkout."""
    inside = Path(__file__).parent / "published"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "results" / "published"


def read_yaml(path: Path) -> Any:
    """Read a YAML file with the safe loader. Raises UserError naming the file if it is missing or malformed."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under `path` only when it is whole and on the disk.

    Raises UserError naming the path where it cannot be written; nothing is left behind then.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def check_writable(path: Path, option: str) -> None:
    """Raise UserError, naming the option, where a file could not be written there: before the work, not after it.

    Its folder must be there: a path with a typing error is refused, not made.
    """
    if path.is_dir():
        raise UserError(f"{option} {path}: a folder, not a file")
    if not path.parent.is_dir():
        raise UserError(f"{option} {path}: there is no folder {path.parent}")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise UserError(f"{option} {path}: cannot write to {path.parent}: {error.strerror or error}") from error


def check_replaceable(path: Path, option: str, what: str, ours: Callable[[Path], bool]) -> None:
    """Raise UserError, naming the option, where a file is there that is not `what`, as `ours` tells: it is not a
    command's to write over, unless it is empty. `ours` may raise OSError."""
    try:
        fine = not path.exists() or path.stat().st_size == 0 or ours(path)
    except OSError:
        fine = False
    if not fine:
        raise UserError(f"{option} {path}: is there and is no {what}, so it is not written over; choose another name, "
                        "or move it away")


def is_json_with(path: Path, *names: str) -> bool:
    """Whether a file is a JSON object with these fields, as a command's own output is."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and all(name in data for name in names)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file atomically, with sorted keys off and NaN refused."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def locked(path: Path, what: str, wait: bool = False) -> Iterator[None]:
    """Hold a lock file; the kernel lets go of it when the process ends, however it ends.

    Where another process holds it: waits for it, or raises UserError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise UserError(f"{what} is being run by another process (lock {path})") from error
        yield


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises UserError naming the file if it is missing or malformed."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}") from error


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(data: Any) -> str:
    """SHA-256 of JSON-able data in canonical form (sorted keys, no spaces), hexadecimal."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
