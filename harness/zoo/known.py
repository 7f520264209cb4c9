"""Known published files of weights, from `harness/specs/weights/*.yaml`. Imports nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from harness.classification.published import published_accuracies
from harness.errors import UserError, unknown
from harness.files import read_yaml, sha256_file, specs_dir
from harness.published import PublishedRow, load_published

NAMED_HASH = re.compile(r"-([0-9a-f]{8,64})(?:_\d{8})?\.[a-z]+$")
"""How OpenMMLab (`-<hash>_<date>.pth`) and torchvision (`-<hash>.pth`) write the first digits of a file's SHA-256."""


@dataclass(frozen=True)
class KnownFile:
    """One published file."""

    name: str
    project: str
    source: str
    """Where its name was read."""
    licence: str
    model: str | None = None
    """Its network by its name here; None for a system that is not run here."""
    rows: tuple[str, ...] = ()
    """TABLE/ROW that it is evaluated as."""
    starts: tuple[str, ...] = ()
    """TABLE/ROW whose training starts from it."""
    expected: tuple[str, ...] = ()
    """Published rows, or facts of `facts/classification.yaml`, that it should reach; the first is its own table's."""
    note: str = ""

    @property
    def sha256(self) -> str | None:
        """The first digits of its SHA-256, where its name has them."""
        return hash_in_name(self.name)

    @property
    def results(self) -> tuple[PublishedRow, ...]:
        """What it should reach. Raises UserError for an id that is not there."""
        poses = load_published()
        return tuple(poses[name] if name in poses else
                     published_accuracies({"id": self.name, "published": [name]})[0] for name in self.expected)


LISTS = ("rows", "starts", "expected")
FIELDS = tuple(field.name for field in fields(KnownFile))


def known_files() -> dict[str, KnownFile]:
    """Every known file by name, in the order of the YAML files.

    Raises UserError for a malformed list.
    """
    return dict(_load(specs_dir() / "weights"))


@cache
def _load(folder: Path) -> dict[str, KnownFile]:
    found: dict[str, KnownFile] = {}
    for path in sorted(folder.glob("*.yaml")):
        data = read_yaml(path)
        shared = {name: data[name] for name in ("project", "source", "licence")}
        for given in data["files"]:
            for name in given:
                if name not in FIELDS:
                    raise unknown("field", str(name), FIELDS, f"of {given.get('name')} in {path}")
            if given["name"] in found:
                raise UserError(f"weights file {given['name']} is given twice, the second time in {path}")
            lists = {name: tuple(given.get(name) or ()) for name in LISTS}
            found[given["name"]] = KnownFile(**{**shared, **given, **lists})
    return found


def known_as(path: Path, source: Mapping[str, Any] | None = None) -> KnownFile | None:
    """The known file that a file is by its name, or by that of the one it was imported from."""
    files = known_files()
    return files.get(path.name) or files.get(str((source or {}).get("file")))


def hash_in_name(name: str) -> str | None:
    """The first digits of a SHA-256 that a file's name ends in; None where it has none."""
    match = NAMED_HASH.search(name)
    return match[1] if match else None


def checked_hash(path: Path) -> str:
    """SHA-256 of a file. Raises UserError where its name has other first digits."""
    found, named = sha256_file(path), hash_in_name(path.name)
    if named is not None and not found.startswith(named):
        raise UserError(f"weights file {path} is not what its name says: SHA-256 {found[:len(named)]}..., and {named} "
                        "in the name; it was cut off, changed or renamed (other weights need another name)")
    return found
