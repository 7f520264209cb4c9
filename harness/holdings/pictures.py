"""Splits of labelled images on the disk: ImageNet's form, or any folders with a folder a class."""

from __future__ import annotations

import os
from pathlib import Path

from harness.classification.pictures import PictureRef, PictureSet
from harness.classification.samples import TestPictures, read_listing
from harness.files import digest
from harness.holdings.holding import Holding


def open_pictures(spec: PictureSet, root: Path, split: str) -> Holding:
    """Open a split. Raises UserError naming what is missing or wrong."""
    pictures = PictureRef(spec.name, str(root), split, spec.options)
    listing = read_listing(pictures)
    names = tuple(os.path.relpath(path, pictures.folder) for path, _ in listing.samples)
    reader = TestPictures(listing, [], tolerated=1.0)

    def decode(row: int) -> str | None:
        image = reader.attempt(row)
        return image if isinstance(image, str) else None

    classes = len({number for _, number in listing.samples})
    labels = digest([[name, listing.classes[number]] for name, (_, number) in zip(names, listing.samples, strict=True)])
    return Holding(split, pictures.folder, names, decode, {"images": len(names), "classes": classes}, labels)
