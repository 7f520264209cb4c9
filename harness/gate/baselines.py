"""Baselines: results kept under a name, to be compared with later. Content-addressed, safe with several writers.

    <store>/objects/ab/cd...      content by its SHA-256: files, and the manifests that list them
    <store>/names/NAME.json       the manifests that the name has stood for, oldest first
    <store>/.lock                 held by whoever changes the store

Files appear by renaming what is whole and on the disk, objects before the manifest and that before the name. So readers
need no lock, and whatever ends a writer leaves nothing but objects that no name refers to; the next `remove` collects
them. The lock is one of the kernel's (flock), which goes with its process.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError, unknown
from harness.files import atomic_write, locked, read_json, sha256_file, write_json
from harness.gate.selection import Selection, select
from harness.record import now

STORE = Path("results/baselines")
SCHEMA = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VERSIONED = re.compile(rf"({NAME.pattern})(?:@([1-9][0-9]{{0,8}}))?")


@dataclass(frozen=True)
class Baseline:
    """One version of a baseline."""

    name: str
    version: int
    """1 for the first that was saved under the name."""
    versions: int
    """Of the name, in all."""
    manifest: dict[str, Any]
    """`created`, `source`, `source_kind`, `contents` (see `selection.describe`), `files` (path, sha256, bytes) and
    `left_out` (path, bytes, why)."""
    store: Path

    @property
    def title(self) -> str:
        """As a user may write it; without a number where it is the newest."""
        return self.name if self.version == self.versions else f"{self.name}@{self.version}"

    @property
    def size(self) -> int:
        """Of its files."""
        return sum(file["bytes"] for file in self.manifest["files"])

    def read(self, path: str) -> bytes:
        """A file's content. Raises UserError naming the file where it is damaged, missing or not part of this."""
        for file in self.manifest["files"]:
            if file["path"] == path:
                return _read_object(self.store, file["sha256"], f"{path} of baseline {self.title}")
        raise unknown("file", path, [file["path"] for file in self.manifest["files"]], f"in baseline {self.title}")


def save(name: str, source: Path, store: Path = STORE, *, force: bool = False, predictions: bool | None = None
         ) -> tuple[Baseline, bool]:
    """Keep what lies in `source` (see `selection.select`) under a name; also whether that is a new version.

    Equal files under the name's newest version need no other one. `predictions`: None stores those that are small.
    Raises UserError for a bad name, a name that stands for other content (without `force`), a source with nothing
    to store or that changes meanwhile, and where the store cannot be written; the store is then as it was.
    """
    _check_name(name)
    chosen = select(source, predictions)
    with _changing(store):
        versions = _versions(store, name) if _name_file(store, name).exists() else []
        known = _open(store, name, len(versions), versions) if versions else None
        if known is not None and not force:
            same = {f["path"]: f["sha256"] for f in known.manifest["files"]} == {
                path: hashlib.sha256(data).hexdigest() for path, data in chosen.read()}
            if same:
                return known, False
            raise UserError(f"baseline {name} is there already, of {known.manifest['created'][:10]} and with other "
                            f"content; --force adds a version ({name}@{len(versions)} will be what it is now)")
        try:
            versions = [*versions, _store(store, chosen)]
            saved = _open(store, name, len(versions), versions)
            write_json(_name_file(store, name), {"schema": SCHEMA, "kind": "baseline", "versions": versions})
        except BaseException:
            with contextlib.suppress(OSError):
                _collect(store)
            raise
        return saved, True


def _store(store: Path, chosen: Selection) -> str:
    """Write a selection's files and then their manifest; its address."""
    files = []
    for path, data in chosen.read():
        files.append({"path": path, "sha256": _write_object(store, data), "bytes": len(data)})
    manifest = {"schema": SCHEMA, "kind": "manifest", "created": now(), "source": chosen.source,
                "source_kind": chosen.kind, "contents": chosen.contents, "files": files, "left_out": chosen.left_out}
    return _write_object(store, json.dumps(manifest, indent=1, allow_nan=False).encode())


def remove(name: str, store: Path = STORE) -> tuple[int, int]:
    """Forget a name with all its versions, and delete what no other name needs; objects and bytes that went.

    Raises UserError for an unknown name, for one version of a name, and where the store cannot be changed.
    """
    if "@" in name:
        raise UserError(f"{name}: versions go with their name only; name {name.split('@')[0]} to remove all of it")
    with _changing(store):
        _known(name, store).unlink()
        return _collect(store)


def names(store: Path = STORE) -> list[str]:
    """The names, in alphabetical order; none where there is no store."""
    return sorted(path.stem for path in (store / "names").glob("*.json") if NAME.fullmatch(path.stem))


def load(name: str, store: Path = STORE) -> Baseline:
    """A baseline by name, or NAME@N for its Nth version. Raises UserError for one that is not there, or damaged."""
    match = VERSIONED.fullmatch(name)
    if match is None:
        raise unknown("baseline", name, names(store), f"in {store}")
    _known(match[1], store)
    versions = _versions(store, match[1])
    number = int(match[2] or len(versions))
    if number > len(versions):
        raise UserError(f"baseline {match[1]} has {len(versions)} version(s), no {name}")
    return _open(store, match[1], number, versions)


def history(name: str, store: Path = STORE) -> list[Baseline]:
    """All versions of a name, oldest first. Raises UserError as `load`."""
    newest = load(name, store)
    versions = _versions(store, newest.name)
    return [_open(store, newest.name, number, versions) for number in range(1, len(versions) + 1)]


def materialise(name: str, folder: Path, store: Path = STORE) -> Path:
    """Write a baseline's files into `folder` as they lay where they came from; the folder.

    Every file is checked against its hash, and all appear together. Raises UserError where the folder is not empty or
    cannot be written, and as `load` and `Baseline.read`.
    """
    found = load(name, store)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already and not an empty folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            inside = Path(temporary) / "baseline"
            inside.mkdir()
            for file in found.manifest["files"]:
                with atomic_write(inside / file["path"]) as target:
                    target.write(found.read(file["path"]))
            inside.replace(folder)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror or error}") from error
    return folder


_materialised = contextlib.ExitStack()
"""Folders of `find_baseline`; they go with the process."""


def find_baseline(name: str, store: Path | None = None) -> Path | None:
    """A folder with a baseline's files, for the life of this process; None where no baseline has that name.

    The folder's own name is the baseline's. `store`: `$HARNESS_BASELINES` or `STORE` by default. Raises UserError for
    a baseline that is damaged.
    """
    store = store or default_store()
    match = VERSIONED.fullmatch(name)
    if match is None or not _name_file(store, match[1]).is_file():
        return None
    parent = _materialised.enter_context(tempfile.TemporaryDirectory(prefix="harness-baseline-"))
    return materialise(name, Path(parent) / name, store)


def default_store() -> Path:
    """Where baselines lie if nothing else is said."""
    return Path(os.environ.get("HARNESS_BASELINES") or STORE)


# What is below is the store's own.


@contextlib.contextmanager
def _changing(store: Path) -> Iterator[None]:
    """Be the only one who changes the store; others wait."""
    try:
        with locked(store / ".lock", f"the store {store}", wait=True):
            yield
    except OSError as error:
        raise UserError(f"cannot change the baselines in {store}: {error.strerror or error}") from error


def _check_name(name: str) -> None:
    if NAME.fullmatch(name) is None:
        raise UserError(f"baseline name '{name}': letters, digits, '.', '_' and '-', at most 100, the first a letter "
                        "or digit")


def _name_file(store: Path, name: str) -> Path:
    return store / "names" / f"{name}.json"


def _known(name: str, store: Path) -> Path:
    path = _name_file(store, name)
    if NAME.fullmatch(name) is None or not path.is_file():
        raise unknown("baseline", name, names(store), f"in {store}")
    return path


def _versions(store: Path, name: str) -> list[str]:
    """The addresses of a name's manifests, oldest first."""
    path = _name_file(store, name)
    data = read_json(path)
    good = isinstance(data, dict) and data.get("kind") == "baseline" and data.get("schema") == SCHEMA
    versions = data.get("versions") if good else None
    if not isinstance(versions, list) or not versions or not all(_is_address(one) for one in versions):
        raise UserError(f"{path} is damaged, or a baseline of another version than schema {SCHEMA}; it is left as it "
                        "is: move it away, and save the baseline again")
    return versions


def _open(store: Path, name: str, number: int, versions: list[str]) -> Baseline:
    what = f"the manifest of baseline {name}@{number}"
    manifest = json.loads(_read_object(store, versions[number - 1], what))
    if not isinstance(manifest, dict) or (manifest.get("kind"), manifest.get("schema")) != ("manifest", SCHEMA):
        raise UserError(f"{what} in {store} is none of schema {SCHEMA}; save the baseline again")
    for file in manifest["files"]:
        if not _is_inside(file["path"]) or not _is_address(file["sha256"]):
            raise UserError(f"{what} in {store} names a file that no baseline may have: {file['path']}")
    return Baseline(name, number, len(versions), manifest, store)


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _is_inside(path: str) -> bool:
    """Whether a path stays in the folder that it is relative to."""
    parts = path.split("/")
    return bool(path) and all(part not in ("", ".", "..") and "\0" not in part for part in parts)


def _object(store: Path, address: str) -> Path:
    return store / "objects" / address[:2] / address[2:]


def _write_object(store: Path, data: bytes) -> str:
    """Keep content; its address. An object that is there and damaged is written again."""
    address = hashlib.sha256(data).hexdigest()
    path = _object(store, address)
    if not path.is_file() or sha256_file(path) != address:
        with atomic_write(path) as file:
            file.write(data)
    return address


def _read_object(store: Path, address: str, what: str) -> bytes:
    path = _object(store, address)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{what} is not in the store any more ({path}): removed meanwhile, or lost; save the baseline "
                        "again") from error
    except OSError as error:
        raise UserError(f"{what}: cannot read {path}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != address:
        raise UserError(f"{what} is damaged: {path} is not what was stored; save the baseline again from its source")
    return data


def _collect(store: Path) -> tuple[int, int]:
    """Delete the objects that no name needs, and halves that a killed writer left; their number and bytes.

    Only under the lock. Nothing is deleted where a name or a manifest cannot be read: what it needs is not known.
    """
    needed = set()
    try:
        for name in names(store):
            versions = _versions(store, name)
            for number in range(1, len(versions) + 1):
                needed |= {file["sha256"] for file in _open(store, name, number, versions).manifest["files"]}
            needed |= set(versions)
    except UserError:
        return 0, 0
    count, size = 0, 0
    for path in [*(store / "objects").glob("*/*"), *(store / "names").glob(".*.part")]:
        if path.parent.name + path.name not in needed:
            count, size = count + 1, size + path.stat().st_size
            path.unlink()
    for folder in (store / "objects").glob("*"):
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()
    return count, size
