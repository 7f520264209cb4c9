"""Scoring stored predictions again, under other conditions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harness.data.coco import BOX_AREA_SHARE
from harness.data.types import People, Predictions
from harness.inference.nms import select
from harness.layout import HAND, Layout, Part
from harness.protocol import Protocol
from harness.scoring.accumulate import Figures, figures
from harness.scoring.quirks import RULES
from harness.scoring.rules import Marks
from harness.scoring.score import match_parts, with_hand
from harness.scoring.scored import Scored, ScoreKey

AP_AR = ("AP", "AR")
ByPart = dict[str, Figures]


@dataclass(frozen=True)
class Conditions:
    """Every setting that can be changed after the predictions are stored."""

    score_key: str = "person"
    """What ranks: "person"; "part", the part's own score; "point mean", the mean of the part's point scores (times the
    box score, where it is stored), which is how the part scores of COCO-WholeBody's example file were made."""
    area: str = "person"
    """The area in OKS: "person", as annotated (the person's segment), or "box", 0.53 w h of the person box."""
    hand: str = "mean"
    """"mean" of left and right hand, or "joint": one part of 42 points."""
    offset: float = 0.0
    """Pixels added to x and y of every predicted point."""
    mode: str = "strict"
    """Of the evaluator: "strict" or "corrected" (see `harness.scoring.quirks`)."""
    visible_score: float | None = None
    """Point scores above this enter the person score; None where that is done already."""
    nms_oks: float | None = None
    """OKS-NMS threshold, 1 for none; None where that is done already."""

    @property
    def ranked_by(self) -> ScoreKey:
        """The score key for the metric."""
        return "person" if self.score_key == "person" else "part"

    def settings(self) -> dict[str, Any]:
        """By dotted name; without those that are done already."""
        named = {SETTINGS[field]: value for field, value in vars(self).items()}
        return {name: value for name, value in named.items() if value is not None}


SETTINGS = {"score_key": "score.key", "area": "score.area", "hand": "score.hand", "offset": "score.offset",
            "mode": "score.mode", "visible_score": "test.visible_score", "nms_oks": "test.nms_oks"}
"""Field of `Conditions` -> the setting's dotted name."""


@dataclass(frozen=True)
class Evidence:
    """Predictions and the people they are held against: raw ones with their protocol, or results of a file."""

    people: People
    image_ids: np.ndarray
    layout: Layout
    conditions: Conditions
    """As they are."""
    scored: Scored | None = None
    raw: Predictions | None = None
    protocol: Protocol | None = None
    selected: dict[tuple[float | None, float | None], tuple[np.ndarray, np.ndarray]] = field(
        default_factory=dict, repr=False, compare=False)
    """What was selected of the raw predictions for a `visible_score` and `nms_oks`: suppression takes long."""
    marks: Marks | None = None
    """Flags of the annotation file that only the corrected mode reads; None for records, whose data sets do not keep
    them."""

    def score_keys(self) -> tuple[str, ...]:
        """What could rank these predictions."""
        own = ("part",) if self.scored is not None and self.scored.part_scores else ()
        return ("person", *own, *(("point mean",) if parts_with_means(self.layout) else ()))

    def figures(self, conditions: Conditions) -> ByPart:
        """AP and AR of every part under some conditions. Raises UserError as `score` does."""
        scored = self.scored_under(conditions)
        people = self.people
        if conditions.area == "box":
            people = replace(people, area=people.box[:, 2] * people.box[:, 3] * BOX_AREA_SHARE)
        layout = self.layout if conditions.hand == "mean" else with_joint_hand(self.layout)
        matches = match_parts(people, scored, layout, self.image_ids, conditions.ranked_by, RULES[conditions.mode],
                              self.marks)
        found = {part: figures(of, AP_AR) for part, of in matches.items()}
        joint = found.pop(JOINT, None)
        result = with_hand(found)
        return result if joint is None else {**result, HAND: joint}

    def scored_under(self, conditions: Conditions) -> Scored:
        """The predictions, selected, scored and moved as the conditions say."""
        scored, box_score = self.scored, None
        if self.raw is not None:
            kept, score = self.select(conditions)
            scored = Scored(self.raw.image_id[kept], self.raw.keypoints[kept], score)
            box_score = self.raw.box_score[kept]
        assert scored is not None
        if conditions.score_key == "point mean":
            scored = replace(scored, part_scores=point_means(scored, self.layout, box_score))
        if conditions.offset:
            scored = replace(scored, keypoints=scored.keypoints + np.array([conditions.offset, conditions.offset, 0.0]))
        return scored

    def select(self, conditions: Conditions) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the raw predictions that rescoring and suppression keep, and their scores."""
        key = (conditions.visible_score, conditions.nms_oks)
        if key not in self.selected:
            assert self.raw is not None
            assert self.protocol is not None
            test = self.protocol.test.model_copy(update={"visible_score": key[0], "nms_oks": key[1]})
            self.selected[key] = select(self.raw, self.layout, self.protocol.model_copy(update={"test": test}))
        return self.selected[key]


def point_means(scored: Scored, layout: Layout, box_score: np.ndarray | None) -> dict[str, np.ndarray]:
    """Part scores, (N,) each: the mean of the part's point scores, times the box score where there is one.

    Body and whole body keep the person's: the example file of COCO-WholeBody has no others that count.
    """
    factor = 1.0 if box_score is None else box_score
    return {name: scored.keypoints[:, layout.parts[name].slice, 2].mean(axis=1) * factor
            for name in parts_with_means(layout)}


def parts_with_means(layout: Layout) -> list[str]:
    """The parts for which `point_means` makes a score."""
    body = layout.parts["body"].score
    return [name for name, part in layout.parts.items() if part.points is not None and part.score != body]


JOINT = "jointhand"


def with_joint_hand(layout: Layout) -> Layout:
    """The layout with one part of all hand points besides the others; it must have hands (see `has_hands`).

    The part has no score of its own, so that the person's ranks it.
    """
    left, right = layout.parts["lefthand"], layout.parts["righthand"]
    return replace(layout, parts={**layout.parts, JOINT: Part(left.start, right.stop, None, "hand_score")})


def has_hands(layout: Layout) -> bool:
    """Whether left and right hand are parts that follow each other, so that they could be one."""
    left, right = layout.parts.get("lefthand"), layout.parts.get("righthand")
    return left is not None and right is not None and left.stop == right.start
