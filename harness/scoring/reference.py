"""xtcocotools itself, where it is installed: for `--evaluator xtcocotools`, and to check against."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.errors import UserError
from harness.layout import Layout
from harness.scoring.accumulate import Figures
from harness.scoring.definition import METRICS
from harness.scoring.score import with_hand

IOU_TYPES = {"body": "keypoints", "foot": "keypoints_foot", "face": "keypoints_face",
             "lefthand": "keypoints_lefthand", "righthand": "keypoints_righthand", "wholebody": "keypoints_wholebody"}
"""Part -> what xtcocotools calls it."""

INSTALL = ("python -m pip install cython 'setuptools<81' wheel numpy; python -m pip install --no-build-isolation "
           "--no-binary xtcocotools --no-deps xtcocotools==1.14.3 (needs a C compiler)")


def reference(annotations: dict[str, Any], results: list[dict[str, Any]], layout: Layout,
              parts: list[str] | None = None, use_area: bool = True) -> dict[str, Any]:
    """Part -> its `COCOeval` after evaluate, accumulate and summarize.

    Annotations without `iscrowd`, which the reference requires, are no crowds. `use_area` as in xtcocotools: False
    where the file has no areas. Raises UserError with the way to install it where it is missing or does not load, and
    where it stops (predictions on unknown images, fields missing).
    """
    try:
        from xtcocotools.coco import COCO
        from xtcocotools.cocoeval import COCOeval
    except (ImportError, ValueError) as error:  # its wheel raises ValueError under NumPy 2
        raise UserError(f"evaluator xtcocotools cannot be loaded ({type(error).__name__}): {INSTALL}") from error
    found: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), _told():
        warnings.simplefilter("ignore")
        truth = COCO()
        truth.dataset = copy.deepcopy(annotations)
        for entry in truth.dataset["annotations"]:
            entry.setdefault("iscrowd", 0)
        truth.createIndex()
        predicted = truth.loadRes(copy.deepcopy(results))
        for part in parts or list(layout.parts):
            sigmas = layout.sigmas[layout.parts[part].slice]
            found[part] = COCOeval(truth, predicted, IOU_TYPES[part], sigmas, use_area=use_area)
            found[part].evaluate()
            found[part].accumulate()
            found[part].summarize()
    return found


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (KeyError, AssertionError) as error:
        raise UserError(f"evaluator xtcocotools stopped with {type(error).__name__}: {error}") from error


def reference_figures(annotations: dict[str, Any], results: list[dict[str, Any]], layout: Layout,
                      use_area: bool = True) -> dict[str, Figures]:
    """Figures by part as `score` gives them, of xtcocotools."""
    def figures(stats: np.ndarray) -> Figures:
        return {metric: None if value == -1 else float(value) for metric, value in zip(METRICS, stats, strict=True)}

    return with_hand({part: figures(run.stats) for part, run in
                      reference(annotations, results, layout, use_area=use_area).items()})
