"""The images of a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.data.images import decode_image, listed
from harness.data.types import Images
from harness.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png")


def list_images(folder: Path) -> Images:
    """The images of a folder, by name; see `scan_images`. Raises UserError where one cannot be read, too."""
    images, broken = scan_images(folder)
    if broken:
        raise unreadable(folder, broken)
    return images


def scan_images(folder: Path) -> tuple[Images, dict[str, str]]:
    """The images of a folder, by name, and path -> reason of those that cannot be read.

    Every file is read. All-digit file names are the images' ids; with others among them, ids count from 1. Raises
    UserError for a folder that is missing or has no image.
    """
    if not folder.is_dir():
        raise UserError(f"image folder {folder} not found")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(f"no image in {folder} (looked for {', '.join(SUFFIXES)})")
    numeric = all(p.stem.isdigit() for p in paths)
    ids, kept, sizes, broken = [], [], [], {}
    for number, path in enumerate(paths, start=1):
        image = decode_image(path)
        if isinstance(image, str):
            broken[str(path)] = image
            continue
        ids.append(int(path.stem) if numeric else number)
        kept.append(path)
        sizes.append(image.shape[1::-1])
    return Images(np.array(ids, dtype=np.int64), tuple(kept), np.array(sizes, dtype=np.int64).reshape(-1, 2)), broken


def unreadable(folder: Path, broken: dict[str, str]) -> UserError:
    """The error for images, path -> reason, that cannot be read."""
    return UserError(f"{len(broken)} image(s) in {folder} cannot be read: {listed(broken, 5)}")
