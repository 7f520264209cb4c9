"""Splits of people with key points on the disk: COCO-WholeBody's form, the Leeds Sports Pose layout, a plug-in's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness.data.coco import trainable
from harness.data.images import decode_image, read_image
from harness.data.sets import DataRef, DatasetSpec, coco_index
from harness.data.types import People, Split
from harness.holdings.finding import Finding, many
from harness.holdings.holding import Holding

FEW_VISIBLE = 0.5
"""Share of joints marked visible below which the marks may mean the opposite: 1 is "visible" in LSP Extended."""

VISIBLE = 2
"""The greatest v of a key point: labelled and visible (COCO's data format; COCO-WholeBody's may be fractions)."""


def open_people(spec: DatasetSpec, root: Path, split: str, index: bool
                ) -> tuple[Holding, Split]:
    """Open a split. `index`: write its index, however small its file is, so that every later opening is quick.

    Raises UserError naming what is missing or wrong; NoRoom where the index cannot be written.
    """
    if index and "annotations" in spec.splits[split]:
        place, parse, images = coco_index(spec, root, split)
        place.make(parse, images)
    found = DataRef(spec.name, str(root), split, spec.options).open()
    entry = spec.splits[split]
    folder = root / (entry.get("images") or "images")
    if not all(path.is_relative_to(folder) for path in found.images.path[:1]):
        folder = Path(os.path.commonpath([path.parent for path in found.images.path]))  # a plug-in's own places
    names = tuple(os.path.relpath(path, folder) for path in found.images.path)
    counts = {"images": len(found.images), "people": len(found.people),
              "people_to_train_on": int(trainable(found.people, found.images).sum())}
    if found.detections is not None:
        counts["detections"] = len(found.detections)

    def decode(row: int) -> str | None:
        width, height = found.images.size[row]
        image = read_image(found.images.path[row], (int(width), int(height)))
        return image if isinstance(image, str) else None

    ids = frozenset(found.images.id.tolist())
    return Holding(split, folder, names, decode, counts, content_digest(found), ids, "annotations" in entry), found


def unopened(spec: DatasetSpec, root: Path, split: str) -> Holding | None:
    """The images of a split that cannot be opened for one of them, so that all of that kind are named.

    Known of the Leeds Sports Pose layout, whose reader needs the size of every image; None for others.
    """
    if not spec.reader.endswith(":read_lsp"):
        return None
    entry, folder = spec.splits[split], root / "images"
    names = tuple(f"im{number + 1:05d}.jpg" for number in range(entry["start"], entry["stop"]))

    def decode(row: int) -> str | None:
        image = decode_image(folder / names[row])
        return image if isinstance(image, str) else None

    return Holding(split, folder, names, decode, {"images": len(names)}, "")


def content_digest(split: Split) -> str:
    """SHA-256 over the numbers that are annotated, in the order of their ids: the same for any way to write them.

    Detections are not part of it.
    """
    images, people = split.images, split.people
    found = hashlib.sha256("\0".join(path.name for path in images.path).encode("utf-8", "surrogateescape"))
    order = np.argsort(people.id, kind="stable")
    for column in (images.id, images.size, *(getattr(people, name)[order] for name in COLUMNS)):
        found.update(np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<")).tobytes())
    return found.hexdigest()


COLUMNS = tuple(People.__dataclass_fields__)


def check_people(split: Split) -> Iterator[Finding]:
    """Does what is annotated make sense?"""
    images, people, name = split.images, split.people, split.name
    if not len(people):
        yield Finding("FAILED", name, "nobody is annotated")
        return
    labelled = people.keypoints[:, :, 2] > 0
    parts = ", ".join(f"{part} {labelled[:, points.slice].any(axis=1).mean():.0%}"
                      for part, points in split.layout.parts.items() if points.points is not None)
    yield Finding("ok" if labelled.any() else "FAILED", name, many(len(people), "person", "people") + (
        f", with a labelled point of {parts}" if parts else f", {labelled.mean():.0%} of the points labelled"))
    flat = (people.box[:, 2:] <= 0).any(axis=1)
    if flat.any():
        yield Finding("note", name, many(int(flat.sum()), "box", "boxes")
                      + f" without width or height (first: annotation {people.id[flat][0]}); they are not trained on")
    size = images.size[np.searchsorted(images.id, people.image_id)]
    points = people.keypoints[:, :, :2]
    far = labelled & ((points < -size[:, None]) | (points > 2 * size[:, None])).any(axis=2)
    if far.any():
        first = people.id[far.any(axis=1)][0]
        yield Finding("FAILED", name, f"{many(int(far.sum()), 'labelled point')} more than an image's size outside of "
                                      f"the image (first: annotation {first}): coordinates of other images?")
    odd = ~((people.keypoints[:, :, 2] >= 0) & (people.keypoints[:, :, 2] <= VISIBLE))
    if odd.any():
        yield Finding("FAILED", name, f"{many(int(odd.sum()), 'point')} with a visibility v outside of 0 to {VISIBLE} "
                                      f"(first: {people.keypoints[:, :, 2][odd][0]:g}, annotation "
                                      f"{people.id[odd.any(axis=1)][0]})")
    if split.layout.name == "lsp" and labelled.mean() < FEW_VISIBLE:
        yield Finding("FAILED", name, f"only {labelled.mean():.0%} of the joints are marked visible: in the first "
                                      "Leeds Sports Pose set 1 means hidden, in LSP Extended visible")
    if split.detections is not None:
        without = int((~np.isin(images.id, split.detections.image_id)).sum())
        if without:
            yield Finding("note", name, f"{many(without, 'image')} without a detector's box: nobody is found there")
