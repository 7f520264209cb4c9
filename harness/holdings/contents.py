"""What a whole copy of a data set consists of: `harness/specs/contents/NAME.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.errors import UserError
from harness.files import read_yaml, specs_dir


@dataclass(frozen=True)
class File:
    """A file or folder of a data set."""

    path: str
    """Below the data set's folder; a folder ends in "/"."""
    what: str
    source: str
    """Who publishes it, and under which name."""
    note: str = ""
    optional: bool = False
    instead: str = ""
    """Another place where it is looked for."""
    size_gb: float | None = None
    """10^9 bytes on the disk, unpacked; rounded up."""


@dataclass(frozen=True)
class Count:
    """How many of something a whole copy has."""

    value: int
    source: str
    whole: bool = False
    """Whether another number means that the copy is not whole. Without it a difference is only said."""


@dataclass(frozen=True)
class Contents:
    """Files in the order of the YAML file, and counts by split and name."""

    files: tuple[File, ...] = ()
    counts: dict[str, dict[str, Count]] = field(default_factory=dict)

    @property
    def size_gb(self) -> float:
        """10^9 bytes of all files whose size is known."""
        return sum(file.size_gb or 0 for file in self.files)


def contents_of(dataset: str) -> Contents:
    """The contents of a data set; empty where nobody wrote them down (a plug-in's, made data).

    Raises UserError naming the file where it is malformed.
    """
    path = specs_dir() / "contents" / f"{dataset}.yaml"
    if not path.is_file():
        return Contents()
    data: dict[str, Any] = read_yaml(path)
    try:
        files = tuple(File(source=entry.pop("from"), **entry) for entry in data.get("files", []))
        counts = {split: {name: Count(**entry) for name, entry in entries.items()}
                  for split, entries in data.get("counts", {}).items()}
    except (TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: {error}") from error
    return Contents(files, counts)
