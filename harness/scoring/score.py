"""AP and AR of every part of a set of predictions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.data.types import People
from harness.layout import HAND, REPORTED_PARTS, Layout
from harness.scoring.accumulate import Figures, figures
from harness.scoring.definition import METRICS, OKS_THRESHOLDS, SMALL_METRICS
from harness.scoring.matching import Matches, match, outside
from harness.scoring.oks import pair_oks
from harness.scoring.pairing import group_by_image, image_positions, labelled_points, pair_up, select
from harness.scoring.rules import STRICT, Marks, Rules
from harness.scoring.scored import Scored, ScoreKey, check_scored
from harness.scoring.threads import threaded


def score(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray,
          score_key: ScoreKey = "person", rules: Rules = STRICT, marks: Marks | None = None) -> dict[str, Figures]:
    """Evaluate as xtcocotools 1.14.3 does: part -> metric -> fraction 0 to 1, None where nobody counts.

    `image_ids` are the images evaluated; people and predictions elsewhere are left out, images without either
    are allowed. Every part of the layout is scored, and `hand`, the mean of the two hands. The order of the
    people within an image and of the predictions matters only between equal similarities and scores.
    `rules` changes the evaluator's quirks one by one; `marks` are what some of them read.

    Raises UserError for predictions with wrong shapes or numbers that are not finite, or an unknown
    `score_key`.
    """
    matches = match_parts(people, scored, layout, image_ids, score_key, rules, marks)
    metrics = METRICS if rules.no_small_range else METRICS + SMALL_METRICS
    found = threaded(lambda part: figures(matches[part], metrics), list(matches))
    return with_hand(dict(zip(matches, found, strict=True)))


def match_parts(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray,
                score_key: ScoreKey = "person", rules: Rules = STRICT, marks: Marks | None = None
                ) -> dict[str, Matches]:
    """The matches of every part of the layout, from which all figures follow (see `score`)."""
    check_scored(scored, layout)
    image_ids = np.unique(np.asarray(image_ids, dtype=np.int64))
    by_image = group_by_image(people.image_id, image_ids)
    position = image_positions(scored.image_id, image_ids)
    groups = threaded(lambda part: select(scored, part, layout, image_ids, score_key, rules, position),
                      list(layout.parts))
    chosen = dict(zip(layout.parts, groups, strict=True))
    image_of = np.full(len(scored), -1)
    for group in chosen.values():
        image_of[group.row] = group.image
    taking_part = np.flatnonzero(image_of >= 0)
    pairs = pair_up(taking_part, image_of[taking_part], by_image, len(scored))
    oks = pair_oks(pairs, people, scored.keypoints, layout, rules=rules, marks=marks, floor=OKS_THRESHOLDS[0])
    area = scored.area(layout, rules)

    def work(part: str) -> Matches:
        return match(chosen[part], by_image, oks[part], pairs.start, ignored_people(people, part, layout, rules, marks),
                     people.crowd, scored.ranking(part, layout, score_key, rules), area, rules)

    return dict(zip(chosen, threaded(work, list(chosen)), strict=True))


def ignored_people(people: People, part: str, layout: Layout, rules: Rules = STRICT, marks: Marks | None = None
                   ) -> np.ndarray:
    """(A, P) bool: people who do not count in the part: crowds, those without a labelled point, by area range.

    A flag `ignore` is not looked at unless `ignore_unread` is off: the reference overwrites it by `iscrowd`.
    """
    unlabelled = ~labelled_points(people, rules, marks)[:, layout.parts[part].slice].any(axis=1)
    ignore = people.crowd | unlabelled | outside(people.area, rules)
    if marks is not None and not rules.ignore_unread:
        ignore |= marks.ignore
    if marks is not None and not rules.area_estimated:
        ignore |= marks.estimated_area
    return ignore


def with_hand(by_part: Mapping[str, Figures]) -> dict[str, Figures]:
    """Add `hand`, each figure the mean of left and right (None if either is); parts in the order of tables."""
    result = dict(by_part)
    if "lefthand" in result and "righthand" in result:
        left, right = result["lefthand"], result["righthand"]
        result[HAND] = {metric: mean_of(left[metric], right[metric]) for metric in left}
    known = [part for part in REPORTED_PARTS if part in result]
    return {part: result[part] for part in known + [part for part in result if part not in known]}


def minus(left: float | None, right: float | None) -> float | None:
    """The difference of two figures; None if either is."""
    return None if left is None or right is None else left - right


def mean_of(left: float | None, right: float | None) -> float | None:
    """The mean of two figures; None if either is."""
    return None if left is None or right is None else (left + right) / 2
