"""The layout of the Leeds Sports Pose sets (LSP, LSP Extended): `joints.mat` and `images/im00001.jpg` ...

One person an image, 14 joints, no boxes. Boxes and areas are a convention of this project: the extent of the
visible joints x 1.1 + 10 px, and 0.53 w h of that. Invisible joints carry meaningless coordinates; they score
nothing.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from harness.data.image_size import image_size
from harness.data.types import Images, People, Split
from harness.errors import UserError
from harness.layout import load_layout

JOINTS = 14

BOX_SCALE, BOX_MARGIN = 1.1, 10.0
"""A person's box: extent of the visible joints times the first plus the second (pixels), same centre."""

AREA_SHARE = 0.53
"""Area of a person as a share of the box: the fallback of xtcocotools for data without segments."""

VISIBLE = 2.0
"""COCO's v of a point that is labelled and visible."""


def read_lsp_split(root: Path, start: int, stop: int, name: str) -> Split:
    """People and images `start:stop` (0-based, stop exclusive) as a split; ids are the numbers in the file
    names.

    Raises UserError naming the file: `joints.mat` missing, unreadable, of another shape or with fewer people
    than `stop`, an image missing or unreadable.
    """
    joints = read_joints(root / "joints.mat")
    if not 0 <= start < stop <= len(joints):
        raise UserError(f"{root / 'joints.mat'} holds {len(joints)} people: images {start}:{stop} of split "
                        f"{name} are not among them")
    joints = joints[start:stop]
    ids = np.arange(start + 1, stop + 1, dtype=np.int64)
    paths = tuple(root / "images" / f"im{i:05d}.jpg" for i in ids)
    size = np.array([image_size(path) for path in paths], dtype=np.int64)
    visible = joints[:, :, 2] > 0
    flagged = np.dstack([joints[:, :, :2], np.full(visible.shape, VISIBLE)])
    box = person_boxes(joints, visible, size)
    people = People(
        id=ids,
        image_id=ids,
        box=box,
        area=AREA_SHARE * box[:, 2] * box[:, 3],
        crowd=np.zeros(len(ids), dtype=bool),
        keypoints=np.where(visible[:, :, None], flagged, 0.0),
        body_labelled=np.count_nonzero(visible, axis=1),
    )
    return Split("lsp", name, load_layout("lsp"), Images(ids, paths, size), people)


def read_joints(path: Path) -> np.ndarray:
    """(N, 14, 3) float64 x, y, visible out of the variable `joints`, (14, 3, N) as in LSP Extended or (3, 14,
    N).

    Raises UserError naming the file where it is missing, unreadable, of another shape, or where a visible
    joint's coordinate is not a finite number.
    """
    import scipy.io

    if not path.is_file():
        raise UserError(f"joints of the Leeds Sports Pose layout: {path} not found")
    try:
        content = scipy.io.loadmat(path, variable_names=["joints"])
    except (scipy.io.matlab.MatReadError, OSError, zlib.error, ValueError, TypeError, IndexError,
            NotImplementedError) as error:  # what loadmat raises for cut and foreign files
        raise UserError(f"{path} is not a MATLAB file that can be read: {error}") from error
    if "joints" not in content:
        raise UserError(f"{path} has no variable 'joints'")
    joints = content["joints"]
    axes = {(JOINTS, 3): (2, 0, 1), (3, JOINTS): (2, 1, 0)}.get(joints.shape[:2])
    if joints.ndim != 3 or axes is None or joints.dtype.kind not in "iufb":
        raise UserError(f"{path}: joints has shape {joints.shape} and type {joints.dtype}, "
                        f"expected numbers of shape ({JOINTS}, 3, N) or (3, {JOINTS}, N)")
    joints = joints.transpose(axes).astype(np.float64)
    bad, *_ = np.nonzero(~np.isfinite(joints) & (joints[:, :, 2:] > 0))
    if len(bad):
        raise UserError(f"{path}: person {bad[0] + 1} has a visible joint that is not a finite number")
    return joints


def person_boxes(joints: np.ndarray, visible: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(N, 4) x, y, w, h about the visible joints; the whole image, `size` (N, 2), for people without any."""
    points, seen = joints[:, :, :2], visible[:, :, None]
    low = np.where(seen, points, np.inf).min(axis=1)
    high = np.where(seen, points, -np.inf).max(axis=1)
    nothing = ~visible.any(axis=1, keepdims=True)
    low, high = np.where(nothing, 0.0, low), np.where(nothing, 0.0, high)
    extent = np.where(nothing, size, (high - low) * BOX_SCALE + BOX_MARGIN)
    centre = np.where(nothing, size / 2, (low + high) / 2)
    return np.concatenate([centre - extent / 2, extent], axis=1)
