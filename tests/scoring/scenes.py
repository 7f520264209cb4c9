"""Small scenes, one a quirk of the reference: files in which the quirk decides a figure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.layout import load_layout
from harness.scoring.inputs import load_predictions, load_truth

LAYOUT = load_layout("coco-wholebody")
SHAPE = np.random.default_rng(0).integers(0, 91, (133, 2)).astype(float)
"""One pose, whole pixels, within 90 x 90."""


def points(offset: float, third: float) -> dict[str, list[float]]:
    """The fields of everybody's points: the pose moved to the right, with `third` as visibility or score."""
    moved = np.column_stack([SHAPE[:, 0] + offset, SHAPE[:, 1], np.full(133, third)])
    return {part.points: moved[part.slice].ravel().tolist() for part in LAYOUT.parts.values() if part.points}


def person(offset: float, **changes: Any) -> dict[str, Any]:
    """A fully labelled person of 10,000 square pixels."""
    return {"image_id": 1, "category_id": 1, "bbox": [offset, 0, 100, 100], "area": 1e4, "iscrowd": 0,
            **points(offset, 2), **changes}


def prediction(offset: float, score: float, **changes: Any) -> dict[str, Any]:
    return {"image_id": 1, "category_id": 1, "score": score, **points(offset, 1), **changes}


def one_toe(offset: float) -> list[float]:
    """Feet of which one point, at (offset, 0), is labelled."""
    return [offset, 0.0, 2.0] + [0.0] * 15


NO_FEET = {"foot_kpts": [0.0] * 18}


@dataclass(frozen=True)
class Scene:
    """One image; `metric` of `part` is `strict` with the quirk and `off` without it."""

    people: list[dict[str, Any]]
    predictions: list[dict[str, Any]]
    part: str
    metric: str
    strict: float | None
    off: float | None
    use_area: bool = field(default=True)

    def annotations(self) -> dict[str, Any]:
        people = [{**entry, "id": i} for i, entry in enumerate(self.people, start=1)]
        return {"images": [{"id": 1}], "annotations": people, "categories": [{"id": 1, "name": "person"}]}

    def load(self, folder):
        """The truth and the predictions, through files."""
        (folder / "truth.json").write_text(json.dumps(self.annotations()))
        (folder / "results.json").write_text(json.dumps(self.predictions))
        return load_truth(folder / "truth.json", LAYOUT), load_predictions(folder / "results.json", LAYOUT)


HALF = 51 / 101
"""AP of one right prediction for two people: precision 1 up to recall 0.5."""

without_area = person(0)
del without_area["area"]

SCENES = {
    "unlabelled_excuses": Scene([person(0), person(1000, **NO_FEET)], [prediction(1000, 0.9), prediction(0, 0.8)],
                                "foot", "AP", 1, 0.5),
    "silent_dropped": Scene([person(0)], [prediction(1000, 0.9, foot_kpts=[5.0, 5.0, 0.0] * 6), prediction(0, 0.8)],
                            "foot", "AP", 1, 0.5),
    # 8 px off: OKS 0.87 with the person's area (8 of 10 thresholds), 0.59 with the 2,537 square pixels around the feet.
    "person_area": Scene([person(0)], [prediction(8, 0.9)], "foot", "AP", 0.8, 0.2),
    "area_estimated": Scene([without_area], [prediction(0, 0.9)], "foot", "AP", 1, None, use_area=False),
    "score_filled": Scene([person(0)], [prediction(1000, 0.9, foot_score=0.1), prediction(0, 0.8)],
                          "foot", "AP", 1, 0.5),
    "body_score_unread": Scene([person(0)], [prediction(1000, 0.9, body_score=0.1), prediction(0, 0.8, body_score=0.2)],
                               "body", "AP", 0.5, 1),
    "ignore_unread": Scene([person(0), person(1000, ignore=1)], [prediction(0, 0.9)], "foot", "AP", HALF, 1),
    "valid_unread": Scene([person(0), person(1000, foot_valid=False)], [prediction(0, 0.9)], "foot", "AP", HALF, 1),
    "top_twenty": Scene([person(0)], [prediction(1000 * i, 1 - i / 100) for i in range(1, 21)] + [prediction(0, 0.1)],
                        "foot", "AR", 0, 1),
    "no_small_range": Scene([person(0, area=500.0)], [prediction(0, 0.9)], "foot", "APs", None, 1),
    "range_ends_shared": Scene([person(0, area=96.0**2)], [prediction(0, 0.9)], "foot", "APm", 1, None),
    "box_area_of_predictions": Scene([person(0, area=5000.0)], [prediction(1000, 0.9, bbox=[1000, 0, 100, 100]),
                                                               prediction(0, 0.8, bbox=[0, 0, 100, 100])],
                                     "body", "APm", 1, 0.5),
    "ties_in_file_order": Scene([person(0)], [prediction(1000, 0.9), prediction(0, 0.9)], "foot", "AP", 0.5, 1),
    # Both people are 40 px from the first prediction (OKS 0.65). Taking the right one leaves the second prediction the
    # left one, 80 px off (0.18).
    "last_of_equals": Scene([person(0, foot_kpts=one_toe(10), area=1e5), person(0, foot_kpts=one_toe(90), area=1e5)],
                            [prediction(0, 0.9, foot_kpts=[50.0, 0.0, 1.0] * 6),
                             prediction(0, 0.8, foot_kpts=[90.0, 0.0, 1.0] * 6)], "foot", "AR50", 0.5, 1),
    "counted_first": Scene([person(0), person(0, **NO_FEET)], [prediction(8, 0.9)], "foot", "AR", 0.8, 0),
    "fractions_labelled": Scene([person(0, **points(0, 0.3))], [prediction(0, 0.9)], "foot", "AP", 1, None),
    "crowd_takes_many": Scene([person(0), person(1000, iscrowd=1)],
                              [prediction(1000, 0.9), prediction(1000, 0.8), prediction(0, 0.7)], "foot", "AP", 1, 0.5),
}
