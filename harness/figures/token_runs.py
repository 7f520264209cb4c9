"""Networks run on many views: pictures of them, and the shares of their tokens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.figures.photos import Photos
from harness.figures.rows import Row
from harness.figures.token_figure import Shown
from harness.figures.token_table import Measured, measured
from harness.figures.tokens import View, backbone_of, network_of, pixels, run, shares_of, views_of


def table_of(rows: list[Row], photos: Photos, task: str, device: str, first: int | None) -> list[Measured]:
    """The shares of every row's tokens on the same boxes, the `first` of them or all."""
    found = []
    for row in rows:
        views = views_of(photos, row, task)[:first]
        shares = measure(row, photos, views, task, device)
        found.append(measured(row.title, row.said, shares, np.array([view.image_id for view in views])))
    return found


def pictures(rows: list[Row], photos: Photos, task: str, device: str) -> list[Shown]:
    """Every row on every view, image by image."""
    found: dict[int, list[Shown]] = {}
    for row in rows:
        backbone = backbone_of(network_of(row, task, device), row.title)
        for view in views_of(photos, row, task):
            crop = pixels(photos, view)
            stages = run(backbone, [crop], device)[0]
            name = photos.split.images.path[int(np.flatnonzero(photos.split.images.id == view.image_id)[0])].name
            shares = shares_of(stages, view, photos) if photos.annotated else None
            found.setdefault(view.image_id, []).append(Shown(f"{row.title}\n{row.said}", name, crop, stages, shares))
    return [shown for of_image in found.values() for shown in of_image]


def measure(row: Row, photos: Photos, views: list[View], task: str, device: str) -> np.ndarray:
    """(N, S, len(AREAS)) shares of all views."""
    backbone = backbone_of(network_of(row, task, device), row.title)
    found = []
    for batch in batches(views, row.protocol.test.batch_size):
        stages = run(backbone, [pixels(photos, view) for view in batch], device)
        found += [shares_of(of, view, photos) for of, view in zip(stages, batch, strict=True)]
    return np.stack(found)


def batches(views: list[View], size: int) -> Iterator[list[View]]:
    """The views in runs of at most `size`."""
    for start in range(0, len(views), size):
        yield views[start:start + size]
