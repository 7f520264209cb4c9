"""Are the files of a data set where they are looked for; and where are they, if not?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.data.sets import DatasetSpec
from harness.holdings.finding import Finding, some

DEPTH = 3
"""Folders below in which a missing file is looked for by its name."""

MOST_ENTRIES = 20_000
"""Entries of a folder after which it is taken to be full of images, and not searched further."""

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
    needed = [place for place in places if not place.optional]
    if any(place.found(root) is None for place in needed):
        other = elsewhere(root, needed)
        if other is not None:
            yield Finding("FAILED", split, f"{root} is not the data set's folder, {other} is: give --data-root {other}")
            return
    for place in places:
        path = place.found(root)
        if path is None:
            wanted = root / place.choices[0]
            text = f"{wanted}{'/' if place.folder else ''} not found{instead(root, place)}"
            yield Finding("note" if place.optional else "FAILED", split, text)
        elif place.folder and not any(path.iterdir()):
            yield Finding("FAILED", split, f"{path}/ is empty")
        elif not place.folder and path.stat().st_size == 0:
            yield Finding("FAILED", split, f"{path} is empty")


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
