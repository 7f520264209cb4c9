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


def reference(annotations: dict[str, Any], results: list[dict[str, Any]], layout: Layout, use_area: bool = True
              ) -> dict[str, Any]:
    """Part -> its `COCOeval` after evaluate, accumulate and summarize.

    Annotations without `iscrowd`, which the reference requires, are no crowds. `use_area` as in xtcocotools: False
    where the file has no areas. Raises UserError with the way to install it where it is missing or does not load, and
    where it stops (predictions on unknown images, fields missing).
    """
    truth, predicted = load_reference(annotations, results)
    return {part: run_reference(truth, predicted, part, layout, use_area) for part in layout.parts}


def load_reference(annotations: dict[str, Any], results: list[dict[str, Any]]) -> tuple[Any, Any]:
    """The two `COCO` objects of xtcocotools; it writes into what it is given, so that gets copies."""
    try:
        from xtcocotools.coco import COCO
    except (ImportError, ValueError) as error:  # its wheel raises ValueError under NumPy 2
        raise UserError(f"evaluator xtcocotools cannot be loaded ({type(error).__name__}): {INSTALL}") from error
    with quietly():
        truth = COCO()
        truth.dataset = copy.deepcopy(annotations)
        for entry in truth.dataset["annotations"]:
            entry.setdefault("iscrowd", 0)
        truth.createIndex()
        return truth, truth.loadRes(copy.deepcopy(results))


def run_reference(truth: Any, predicted: Any, part: str, layout: Layout, use_area: bool = True) -> Any:
    """The `COCOeval` of one part, run to its end."""
    from xtcocotools.cocoeval import COCOeval

    with quietly():
        evaluation = COCOeval(truth, predicted, IOU_TYPES[part], layout.sigmas[layout.parts[part].slice],
                              use_area=use_area)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without its prints and warnings; where it stops, a UserError says with what."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
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
