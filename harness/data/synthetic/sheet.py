"""A sheet of synthetic pictures, each beside itself with its key points drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from harness.data.drawing import draw_pose
from harness.data.synthetic import SPLIT_START, draw_image
from harness.files import atomic_write
from harness.layout import Layout, load_layout

ZOOM = 2
"""The sheet shows pictures enlarged, so that fingers and key points are told apart."""


def keypoints_of(annotation: dict[str, Any], layout: Layout) -> np.ndarray:
    """The (K, 3) points of a COCO-WholeBody annotation, in the layout's order."""
    fields = [part.points for part in layout.parts.values() if part.points]
    return np.concatenate([np.array(annotation[f], dtype=np.float64).reshape(-1, 3) for f in fields])


def _pair(seed: int, index: int, width: int, height: int, layout: Layout) -> np.ndarray:
    """A picture and, to its right, the same one with boxes and key points, (ZOOM * height, 2 * ZOOM * width, 3)."""
    image, people = draw_image(seed, index, width, height)
    plain = cv2.resize(image, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
    drawn = cv2.convertScaleAbs(plain, alpha=0.75)
    for person in people:
        points = keypoints_of(person, layout)
        # The centre of a pixel stays the centre of the patch that it becomes.
        points[:, :2] = (points[:, :2] + 0.5) * ZOOM - 0.5
        drawn = draw_pose(drawn, points, layout, box=np.array(person["bbox"], dtype=np.float64) * ZOOM)
    return np.concatenate([plain, drawn], axis=1)


def example_sheet(path: Path, rows: int = 5, cols: int = 2, seed: int = 0, width: int = 320, height: int = 240,
                  start: int = SPLIT_START["val"]) -> None:
    """Write a PNG of rows x cols examples, each plain and with its key points, beginning with picture `start`.

    The pictures are those of the data set of that seed and size (before JPEG), enlarged ZOOM times.
    Raises UserError where `path` cannot be written.
    """
    layout = load_layout("coco-wholebody")
    pairs = [_pair(seed, start + i, width, height, layout) for i in range(rows * cols)]
    border = [cv2.copyMakeBorder(p, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=(255, 255, 255)) for p in pairs]
    sheet = np.concatenate([np.concatenate(border[r * cols:(r + 1) * cols], axis=1) for r in range(rows)])
    good, data = cv2.imencode(".png", sheet)
    if not good:
        raise RuntimeError("OpenCV cannot encode the sheet as PNG")
    with atomic_write(path) as file:
        file.write(data.tobytes())
