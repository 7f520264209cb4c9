"""Raw predictions on disk."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from harness.data.types import Predictions
from harness.errors import UserError
from harness.files import atomic_write

FIELDS = {"image_id": (1, "i"), "box": (2, "f"), "box_score": (1, "f"), "keypoints": (3, "f")}
"""Array name -> dimensions and NumPy kind."""


def save_predictions(path: Path, predictions: Predictions) -> None:
    """Write a .npz file, whole or not at all; equal predictions give equal bytes.

    Key points go in as float32 where that loses nothing, as it does for what `predict` makes. Raises
    UserError where the file cannot be written.
    """
    narrow = predictions.keypoints.astype(np.float32)
    keypoints = narrow if np.array_equal(narrow, predictions.keypoints) else predictions.keypoints
    with atomic_write(path) as file:
        np.savez(file, image_id=predictions.image_id, box=predictions.box, box_score=predictions.box_score,
                 keypoints=keypoints)


def load_predictions(path: Path) -> Predictions:
    """Read what `save_predictions` wrote, exactly. Raises UserError naming the file where it is not that."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in FIELDS}
    except OSError as error:
        raise UserError(f"cannot read predictions {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a file of predictions: {error}") from error
    for name, (dimensions, kind) in FIELDS.items():
        array = arrays[name]
        if array.ndim != dimensions or array.dtype.kind != kind or len(array) != len(arrays["image_id"]):
            raise UserError(f"{path}: array {name} is {array.dtype} {array.shape}, not as in predictions")
    return Predictions(arrays["image_id"].astype(np.int64), arrays["box"].astype(np.float64),
                       arrays["box_score"].astype(np.float64), arrays["keypoints"].astype(np.float64))
