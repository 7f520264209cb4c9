"""What is scored: people with points and scores, ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.errors import UserError, unknown
from harness.layout import Layout
from harness.scoring.rules import STRICT, Rules

ScoreKey = Literal["person", "part", "auto"]
"""What ranks predictions: the person's score in every part, the part's own, or the part's where there is one."""

SCORE_KEYS = ("person", "part", "auto")


@dataclass(frozen=True)
class Scored:
    """N predicted people, ready for the metric. Coordinates are pixels of the image."""

    image_id: np.ndarray
    """(N,) int64."""
    keypoints: np.ndarray
    """(N, K, 3) float64 x, y, score. A prediction is one of a part only if some score there is above 0."""
    score: np.ndarray
    """(N,) float64: the person's score."""
    part_scores: dict[str, np.ndarray] | None = None
    """Part name -> (N,) float64, for the parts that have scores of their own."""
    box: np.ndarray | None = None
    """(N, 4) float64 x, y, w, h. Where given, w * h is the area of a prediction for the medium and large
    ranges; otherwise the extent of its body points is (top-down results carry no box)."""
    filled: dict[str, np.ndarray] | None = None
    """Part name -> (N,) bool: where a file had no score of the part and the person's stands in `part_scores`."""

    def __len__(self) -> int:
        return len(self.image_id)

    def area(self, layout: Layout, rules: Rules = STRICT) -> np.ndarray:
        """(N,) square pixels: the box's, or the extent of all body points, found or not (as in `loadRes`).

        Always the latter with `box_area_of_predictions` off.
        """
        if self.box is not None and rules.box_area_of_predictions:
            box = self.box.astype(np.float64)
            return box[:, 2] * box[:, 3]
        if len(self) == 0:
            return np.zeros(0)
        sides = []
        for axis in (0, 1):
            values = np.ascontiguousarray(self.keypoints[:, layout.parts["body"].slice, axis], dtype=np.float64)
            # reduceat takes a tenth of the time of max and min over a short last axis.
            sides.append(np.maximum.reduceat(values, [0], axis=1) - np.minimum.reduceat(values, [0], axis=1))
        return np.asarray(sides[0] * sides[1])[:, 0]

    def ranking(self, part: str, layout: Layout, score_key: ScoreKey = "person", rules: Rules = STRICT) -> np.ndarray:
        """(N,) the scores that rank the predictions of `part`.

        The body's field in result files is `score` itself, so its rank is the person's (unless `body_score_unread`
        is off). With "part", a part without scores falls back to the person's, as in xtcocotools, and so does a single
        prediction without one (with `score_filled` off, then the whole part). Raises UserError for another
        `score_key`, or for "part" where no part has scores.
        """
        if score_key not in SCORE_KEYS:
            raise unknown("score key", score_key, SCORE_KEYS)
        if score_key == "part" and not self.part_scores:
            raise UserError("ranking by part scores was asked for, but the predictions have none "
                            "(choices: person, auto)")
        is_body = layout.parts[part].score == layout.parts["body"].score
        if score_key == "person" or (is_body and rules.body_score_unread):
            return self.score
        if not rules.score_filled and (self.filled or {}).get(part, np.zeros(1)).any():
            return self.score
        return (self.part_scores or {}).get(part, self.score)


def ranked_by(scored: Scored, score_key: str) -> str:
    """What "auto", "person" or "part" comes to for these predictions. Raises UserError for another key."""
    if score_key not in SCORE_KEYS:
        raise unknown("score key", score_key, SCORE_KEYS)
    return ("part" if scored.part_scores else "person") if score_key == "auto" else score_key


def check_scored(scored: Scored, layout: Layout) -> None:
    """Check shapes and numbers; a NaN would silently match everybody. Raises UserError naming the first fault."""
    n, k = len(scored), layout.size
    for part in scored.part_scores or {}:
        if part not in layout.parts:
            raise unknown("part", part, layout.parts, f"in the part scores of predictions, layout {layout.name}")
    shapes = {"keypoints": (scored.keypoints, (n, k, 3)), "score": (scored.score, (n,))}
    shapes |= {f"score of {part}": (values, (n,)) for part, values in (scored.part_scores or {}).items()}
    if scored.box is not None:
        shapes["box"] = (scored.box, (n, 4))
    for name, (values, shape) in shapes.items():
        if values.shape != shape:
            raise UserError(f"predictions: {name} has shape {values.shape}, expected {shape} "
                            f"({n} predictions, layout {layout.name})")
        bad = ~np.isfinite(values.reshape(n, -1)).all(axis=1) if n else np.zeros(0, bool)
        if bad.any():
            first = int(np.argmax(bad))
            raise UserError(f"predictions: {name} of prediction {first} (image {scored.image_id[first]}) "
                            "is not a finite number")
