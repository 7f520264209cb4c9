"""One evaluation as data: figures by part, what informs them, key point by key point, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.data.types import People
from harness.errors import unknown
from harness.layout import HAND, Layout
from harness.scoring.accumulate import Figures, curves, figures, rank
from harness.scoring.definition import MAX_DETECTIONS, METRICS, OKS_THRESHOLDS, RECALL_POINTS, SMALL_METRICS
from harness.scoring.matching import Matches
from harness.scoring.oks import decay
from harness.scoring.pairing import labelled_points, rank_by_image, rank_within, speaking
from harness.scoring.quirks import MODES, RULES, Mode
from harness.scoring.rules import Marks, Rules
from harness.scoring.score import ignored_people, match_parts, with_hand
from harness.scoring.scored import Scored, ScoreKey


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found. `to_json` gives all but the matches as plain data."""

    layout: str
    mode: str
    score_key: str
    parts: dict[str, Figures]
    """Part (also `hand`) -> metric -> fraction 0 to 1; None where nobody counts."""
    informed: dict[str, dict[str, int]]
    """Part -> `people` that count in it, `images` with such people, `predictions` that take part. For `hand`, people
    with either hand."""
    keypoints: list[dict[str, Any]]
    """One row a key point; see `keypoint_figures`."""
    skipped: dict[str, Any]
    """Counts of all that was left out or stood in for; see `count_skipped`."""
    matches: dict[str, Matches] = field(repr=False)
    curves: dict[str, Any] | None = None
    """Where asked for: `recall` (101) and part -> `precision` (10 x 101) at OKS 0.50 to 0.95, all areas."""

    def to_json(self) -> dict[str, Any]:
        """Plain data, ready for `json.dumps`."""
        data = {name: value for name, value in vars(self).items() if name != "matches"}
        return data if self.curves is not None else {k: v for k, v in data.items() if k != "curves"}


def evaluate(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray, *, score_key: ScoreKey = "auto",
             mode: Mode = "strict", marks: Marks | None = None, with_curves: bool = False) -> Evaluation:
    """Evaluate predictions of N people against P annotated ones, all parts at once.

    `image_ids` are the images evaluated; predictions and people elsewhere are left out and counted. `score_key`:
    "auto" ranks a part by its own scores where there are any. `mode`: "strict" equals xtcocotools 1.14.3,
    "corrected" differs by the quirks that `quirks.QUIRKS` marks. `marks` are flags of the annotation file that only
    the corrected mode reads.

    Raises UserError for an unknown mode or score key, wrong shapes, and numbers that are not finite.
    """
    if mode not in MODES:
        raise unknown("mode", mode, MODES)
    rules = RULES[mode]
    image_ids = np.unique(np.asarray(image_ids, dtype=np.int64))
    matches = match_parts(people, scored, layout, image_ids, score_key, rules, marks)
    metrics = METRICS if rules.no_small_range else METRICS + SMALL_METRICS
    parts = with_hand({part: figures(found, metrics) for part, found in matches.items()})
    counted = counted_people(people, layout, image_ids, rules, marks)
    return Evaluation(
        layout.name, mode, score_key, parts, informed(parts, people, matches, counted),
        keypoint_figures(people, scored, layout, matches, counted, rules, marks),
        count_skipped(people, scored, layout, image_ids, score_key, rules, marks), matches,
        curve_data(matches) if with_curves else None)


def counted_people(people: People, layout: Layout, image_ids: np.ndarray, rules: Rules, marks: Marks | None
                   ) -> dict[str, np.ndarray]:
    """Part -> (P,) bool: people who count, whatever their area; `hand` where either hand does."""
    here = np.isin(people.image_id, image_ids)
    counted = {part: here & ~ignored_people(people, part, layout, rules, marks)[0] for part in layout.parts}
    if "lefthand" in counted and "righthand" in counted:
        counted[HAND] = counted["lefthand"] | counted["righthand"]
    return counted


def informed(parts: dict[str, Figures], people: People, matches: dict[str, Matches], counted: dict[str, np.ndarray]
             ) -> dict[str, dict[str, int]]:
    """How many people, images and predictions stand behind each part's figures."""
    taking = {part: found.prediction for part, found in matches.items()}
    if HAND in counted:
        taking[HAND] = np.union1d(taking["lefthand"], taking["righthand"])
    return {part: {"people": int(counted[part].sum()), "images": len(np.unique(people.image_id[counted[part]])),
                   "predictions": len(taking[part])} for part in parts}


def keypoint_figures(people: People, scored: Scored, layout: Layout, matches: dict[str, Matches],
                     counted: dict[str, np.ndarray], rules: Rules, marks: Marks | None) -> list[dict[str, Any]]:
    """Key point by key point, how well it is found.

    People are matched with predictions once, by the whole body at OKS 0.5 (by the body where a layout has no whole
    body), all areas. For each key point, over the people who count there:

    - `labelled`: people in whom the point is labelled;
    - `within_50`, `within_75`: the share of those whose matched prediction has the point with a similarity
      exp(-e^2 / 2) of at least 0.5 or 0.75; people without a match are not within;
    - `median_error`: the median, over the matched only, of e = d / (sqrt(area) 2 sigma), without unit: a similarity
      of 0.5 is e = 1.18. None where nobody is matched.
    """
    part = "wholebody" if "wholebody" in matches else "body"
    found = matches[part]
    labelled = labelled_points(people, rules, marks)
    person = found.person[0, 0]
    hit = (person >= 0) & ~found.ignored[0, 0]
    person, predicted = person[hit], scored.keypoints[found.prediction[hit]]
    offset = predicted[:, :, :2] - people.keypoints[person, :, :2]
    distance = np.square(offset).sum(axis=2) / (2 * layout.sigmas) ** 2
    similar = decay(distance, people.area[person])
    error = np.sqrt(distance / (people.area[person] + np.spacing(1))[:, None])
    rows = []
    for k, name in enumerate(layout.keypoints):
        total, seen = int(labelled[counted[part], k].sum()), labelled[person, k]
        rows.append({
            "name": name, "part": layout.part_of(k), "labelled": total, "matched": int(seen.sum()),
            "within_50": int((similar[seen, k] >= 0.5).sum()) / total if total else None,
            "within_75": int((similar[seen, k] >= 0.75).sum()) / total if total else None,
            "median_error": float(np.median(error[seen, k])) if seen.any() else None,
        })
    return rows


def count_skipped(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray, score_key: ScoreKey,
                  rules: Rules, marks: Marks | None) -> dict[str, Any]:
    """Everything that has no part in the figures, or a stand-in, counted.

    `predictions_elsewhere` and `people_elsewhere`: on images that are not evaluated; `images_without_predictions`;
    `crowds`; by part: `unlabelled` people without a point there, `silent` predictions without a point score above 0
    (dropped in strict mode), `beyond_20` of their image, `ranked_by_person_score` because they have no part score.
    """
    here, on = np.isin(people.image_id, image_ids), np.isin(scored.image_id, image_ids)
    labelled = labelled_points(people, rules, marks)
    by_part: dict[str, dict[str, int]] = {}
    for name, part in layout.parts.items():
        ranked = rank_by_image(scored, name, layout, image_ids, score_key, rules)
        by_part[name] = {
            "unlabelled": int((here & ~people.crowd & ~labelled[:, part.slice].any(axis=1)).sum()),
            "silent": int((on & ~speaking(scored, name, layout)).sum()),
            "beyond_20": int((rank_within(ranked) >= MAX_DETECTIONS).sum()) if rules.top_twenty else 0,
            "ranked_by_person_score": int((on & without_score(scored, name, score_key)).sum()),
        }
    return {
        "predictions_elsewhere": int((~on).sum()), "people_elsewhere": int((~here).sum()),
        "images_without_predictions": int((~np.isin(image_ids, scored.image_id)).sum()),
        "crowds": int((here & people.crowd).sum()), "parts": by_part,
    }


def without_score(scored: Scored, part: str, score_key: ScoreKey) -> np.ndarray:
    """(N,) bool: predictions ranked by their person score in a part while others, or other parts, have their own."""
    if score_key == "person" or not scored.part_scores or part == "body":
        return np.zeros(len(scored), bool)
    if part not in scored.part_scores:
        return np.ones(len(scored), bool)
    return (scored.filled or {}).get(part, np.zeros(len(scored), bool))


def curve_data(matches: dict[str, Matches]) -> dict[str, Any]:
    """Precision at 101 recalls for each OKS threshold, all areas; parts in which nobody counts are left out."""
    precision = {}
    for part, found in matches.items():
        walked = curves(found, 0, rank(found), int(found.counted[0].sum()))
        if walked is not None:
            precision[part] = walked.precision.tolist()
    return {"oks": OKS_THRESHOLDS.round(2).tolist(), "recall": RECALL_POINTS.round(2).tolist(), "precision": precision}
