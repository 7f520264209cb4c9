"""Networks run on many views: pictures of them, and the shares of their tokens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.figures.photos import Photos
from harness.figures.rows import Row
from harness.figures.token_figure import Shown
from harness.figures.token_table import Measured, measured
from harness.figures.tokens import backbone_of, network_of, run, shares_of
from harness.figures.views import INPUTS, POSE, View, pixels, tasks_of, views_of


def table_of(rows: list[Row], photos: Photos, tasks: list[str], device: str, first: int | None, one_each: bool = False
             ) -> list[Measured]:
    """The shares of every row's tokens on the same boxes, the `first` of them or all; `one_each` as of `views_of`."""
    found = []
    for row in rows:
        for task in tasks_of(row, tasks):
            views = views_of(photos, row, task, one_each)[:first]
            shares = measure(row, photos, views, task, device)
            title = row.title if tasks == [POSE] else f"{row.title}, {INPUTS[task]}"
            found.append(measured(title, row.said, shares, np.array([view.image_id for view in views])))
    return found


def pictures(rows: list[Row], photos: Photos, tasks: list[str], device: str) -> list[list[Shown | None]]:
    """For each image every task with every row, task by task; None where the image has no face to show."""
    columns: list[dict[int, Shown]] = []
    for task in tasks:
        for row in (row for row in rows if task in tasks_of(row, tasks)):
            backbone = backbone_of(network_of(row, task, device), row.title)
            column = {}
            for view in views_of(photos, row, task, one_each=True):
                crop = pixels(photos, view)
                stages = run(backbone, [crop], device)[0]
                name = photos.split.images.path[int(np.flatnonzero(photos.split.images.id == view.image_id)[0])].name
                shares = shares_of(stages, view, photos) if photos.annotated else None
                column[view.image_id] = Shown(row.title, row.said, INPUTS[task], name, crop, stages, shares)
            columns.append(column)
    images = [int(i) for i in photos.split.images.id if any(int(i) in column for column in columns)]
    return [[column.get(image) for column in columns] for image in images]


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
