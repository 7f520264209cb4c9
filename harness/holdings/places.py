"""Are the files of a data set where they are looked for; and where are they, if not?"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.data.sets import DatasetSpec
from harness.errors import UserError
from harness.holdings.finding import Finding, some

DEPTH = 3
"""Folders below in which a missing file is looked for by its name."""

MOST_ENTRIES = 20_000
"""Entries of a folder after which it is taken to be full of images, and not searched further."""

TAIL = 64
"""Bytes at the end of a file in which its last character is looked for."""

FILE_NAME, BEGINNING, FEW = re.compile(rb'"file_name"\s*:\s*"([^"\\]+)"'), 1 << 20, 3
"""Of the images that an annotation file names in its first bytes, so many are looked for."""

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".part", ".crdownload")


@dataclass(frozen=True)
class Place:
    """A file or folder that a split needs: `choices` are looked for in order, below the data set's folder."""

    choices: tuple[str, ...]
    folder: bool = False
    optional: bool = False

    def found(self, root: Path) -> Path | None:
        """The first choice that is there."""
        return next((root / choice for choice in self.choices
                     if ((root / choice).is_dir() if self.folder else (root / choice).is_file())), None)


def places_of(spec: DatasetSpec, split: str) -> list[Place]:
    """What a split of people with key points needs; nothing is known of a plug-in's own form."""
    entry = spec.splits[split]
    if spec.reader.endswith(":read_lsp"):
        return [Place(("joints.mat",)), Place(("images",), folder=True)]
    if "annotations" not in entry:
        return []
    places = [Place(tuple(entry["annotations"])), Place((entry["images"],), folder=True)]
    if entry.get("detections"):
        places.append(Place(tuple(entry["detections"]), optional=True))
    return places


def check_places(root: Path, split: str, places: list[Place]) -> Iterator[Finding]:
    """A finding for every place that is not filled, with where its name was found instead."""
    other = misplaced(root, places)
    if other is not None:
        yield Finding("FAILED", split, other)
        return
    for place in places:
        path = place.found(root)
        if path is None:
            wanted = root / place.choices[0]
            hint = instead(root, place) or (holds_images(root, places) if place.folder else "")
            text = f"{wanted}{'/' if place.folder else ''} not found{hint}"
            yield Finding("note" if place.optional else "FAILED", split, text)
        elif place.folder and not any(path.iterdir()):
            yield Finding("FAILED", split, f"{path}/ is empty{holds_images(root, places)}")
        elif not place.folder and path.stat().st_size == 0:
            yield Finding("FAILED", split, f"{path} is empty")
        elif path.suffix == ".json" and breaks_off(path):
            yield Finding("FAILED", split, f"{path} breaks off after {path.stat().st_size:,} bytes: copied by half, or "
                                           "still being copied")


def misplaced(root: Path, places: list[Place], flag: str = "--data-root") -> str | None:
    """In words, which folder to give in place of one that lacks something, where another has it all."""
    needed = [place for place in places if not place.optional]
    if all(place.found(root) is not None for place in needed):
        return None
    other = elsewhere(root, needed)
    return None if other is None else f"{root} is not the data set's folder, {other} is: give {flag} {other}"


@contextlib.contextmanager
def pointing_to(root: Path, places: list[Place], flag: str) -> Iterator[None]:
    """What fails within for want of a file raises UserError with the folder that has it, where there is one."""
    try:
        yield
    except UserError:
        other = misplaced(root, places, flag)
        if other is not None:
            raise UserError(other) from None
        raise


def breaks_off(path: Path) -> bool:
    """Whether a JSON file ends where no JSON does."""
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, TAIL), os.SEEK_END)
        return not file.read().rstrip().endswith((b"}", b"]"))


def holds_images(root: Path, places: list[Place]) -> str:
    """Which folder has the images that a split's annotations name first, if it is another than the split's."""
    files = [path for place in places if not (place.folder or place.optional) and (path := place.found(root))]
    with contextlib.suppress(OSError):
        for file in files:
            with file.open("rb") as text:
                names = [os.fsdecode(name) for name in FILE_NAME.findall(text.read(BEGINNING))[:FEW]]
            for folder in walk(root, DEPTH - 1) if names else ():
                if folder.is_dir() and all((folder / name).is_file() for name in names):
                    return f"; the images that {file.name} names are in {folder}"
    return ""


def elsewhere(root: Path, needed: list[Place]) -> Path | None:
    """A folder above, or some below, in which everything is where it should be."""
    return next((folder for folder in (root.resolve().parent, *walk(root, DEPTH - 1))
                 if folder.is_dir() and all(place.found(folder) is not None for place in needed)), None)


def instead(root: Path, place: Place) -> str:
    """What to do about a place that is not filled, if there is something to go by."""
    looked_for = {Path(choice).name for choice in place.choices}
    for found in walk(root, DEPTH):
        if found.name in looked_for and found.is_dir() == place.folder:
            return f"; there is {found}: move or link it"
    stem = Path(place.choices[0]).name.partition(".")[0]
    archives = [path.name for path in walk(root, 1) if path.name.startswith(stem) and path.name.endswith(ARCHIVES)]
    return f"; {some(archives)} is there: not unpacked, or still being copied" if archives else ""


def walk(root: Path, depth: int) -> Iterator[Path]:
    """Files and folders below, nearest first, `depth` folders deep; folders full of images are not gone through."""
    level = [root]
    for _ in range(depth):
        below: list[Path] = []
        for folder in level:
            try:
                with os.scandir(folder) as entries:
                    for number, entry in enumerate(entries):
                        if number > MOST_ENTRIES:
                            break
                        if entry.name.startswith("."):
                            continue
                        yield Path(entry.path)
                        if entry.is_dir():
                            below.append(Path(entry.path))
            except OSError:
                continue
        level = below
