"""What each class of mistake costs: AP and AR by part if it alone were repaired, and if all were, one after another.

Definitions of the classes of points are in `mistakes`; the others are

false_positive  background predictions: near nobody (see `identity`). Repair: they go.
score_order     wrong predictions that outrank right ones. Repair: the best ranking there is. At every threshold as
                many people are found as a maximum matching finds, 20 an image, before the first wrong prediction.
missed          people whom no prediction means. Repair: they do not count (as in TIDE, Bolya et al., ECCV 2020), which
                leaves no figure where everybody is missed.

Repaired points are scored again with the strict evaluator. A repair of points can in rare cases lower a figure: a
prediction that fitted another person better by chance leaves that person without one. The last three cannot: the best
ranking and fewer people never do, and a background prediction hits nobody at OKS 0.5 (only where it held one of an
image's 20 places may a lower one, right or wrong, move up).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.data.types import People
from harness.layout import HAND, REPORTED_PARTS, Layout
from harness.scoring.accumulate import Figures, figures
from harness.scoring.definition import MAX_DETECTIONS, OKS_THRESHOLDS, RECALL_POINTS
from harness.scoring.identity import Identities, identify
from harness.scoring.matching import Matches
from harness.scoring.mistakes import KINDS, Points, classify, repair
from harness.scoring.oks import pair_oks
from harness.scoring.pairing import group_by_image, pair_up, speaking
from harness.scoring.score import ignored_people, match_parts, with_hand
from harness.scoring.scored import Scored, ScoreKey

FALSE_POSITIVE, SCORE_ORDER, MISSED = "false_positive", "score_order", "missed"

CLASSES = ("swap", "inversion", "wrong_person", "miss", "jitter", "good", FALSE_POSITIVE, SCORE_ORDER, MISSED)
"""Every class of mistake, in the order in which they are repaired one after another: whose point, where, how precise,
then what should not be there, in which order, and what is missing. "good" is the rest that keeps right points from
OKS 1."""

AP_AR = ("AP", "AR")
ByPart = dict[str, Figures]


@dataclass(frozen=True)
class Diagnosis:
    """Everything by part, `hand` included: figures the mean of the two hands, counts and shares of both together."""

    found: ByPart
    """AP and AR as they are."""
    alone: dict[str, ByPart]
    """Class -> AP and AR if only that class were repaired."""
    in_turn: dict[str, ByPart]
    """Class -> AP and AR after repairing it and all before it in `CLASSES`; 1 at the end."""
    shares: dict[str, dict[str, float] | None]
    """Part -> class of `mistakes.KINDS` -> share of the labelled points of people whom a prediction with this part
    means; they sum to 1. None where there are no such points."""
    counts: dict[str, dict[str, int]]
    """Part -> people (that count), missed (of those), points (labelled, classified), predictions (taking part), and of
    these background and duplicates that are wrong at OKS 0.5 (neither right nor set aside)."""


def diagnose(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray, score_key: ScoreKey = "person"
             ) -> Diagnosis:
    """Find and repair mistakes of every class in strict mode. Raises UserError for what `score` refuses."""
    image_ids = np.unique(np.asarray(image_ids, dtype=np.int64))

    def scores(changed: Scored) -> ByPart:
        found = match_parts(people, changed, layout, image_ids, score_key)
        return with_hand({part: figures(of, AP_AR) for part, of in found.items()})

    matches = match_parts(people, scored, layout, image_ids, score_key)
    found = with_hand({part: figures(of, AP_AR) for part, of in matches.items()})
    identities = identify(people, scored, layout, image_ids)
    meant = np.flatnonzero(identities.person >= 0)
    points = classify(people, scored.keypoints, layout, meant, identities.person[meant])
    real = np.flatnonzero(~identities.background)
    kinds = [kind for kind in CLASSES if kind in KINDS]

    alone = {kind: scores(moved(scored, repair(points, kind))) if points.any(kind) else found for kind in kinds}
    alone[FALSE_POSITIVE] = scores(take(scored, real)) if len(real) < len(scored) else found
    alone[SCORE_ORDER] = best_ranking(people, scored, layout, image_ids)
    alone[MISSED] = with_hand({part: figures(without(of, people, image_ids, never_met(
        people, scored, layout, part, identities, of)), AP_AR) for part, of in matches.items()})

    in_turn: dict[str, ByPart] = {}
    repaired, now = points, found
    for kind in kinds:
        if repaired.any(kind):
            repaired = repair(repaired, kind)
            now = scores(moved(scored, repaired))
        in_turn[kind] = now
    left = take(moved(scored, repaired), real)
    in_turn[FALSE_POSITIVE] = scores(left) if len(real) < len(scored) else now
    in_turn[SCORE_ORDER] = best_ranking(people, left, layout, image_ids)
    in_turn[MISSED] = {part: {metric: None if value is None else 1.0 for metric, value in of.items()}
                       for part, of in in_turn[SCORE_ORDER].items()}
    return Diagnosis(found, alone, in_turn, shares_by_part(points, scored, layout),
                     counts_by_part(points, people, scored, layout, image_ids, identities, matches))


def moved(scored: Scored, points: Points) -> Scored:
    """The predictions with their points where `points` has them."""
    keypoints = scored.keypoints.copy()
    keypoints[points.prediction, :, :2] = points.position
    return replace(scored, keypoints=keypoints)


def take(scored: Scored, rows: np.ndarray) -> Scored:
    """Some of the predictions."""
    def of(values: dict[str, np.ndarray] | None) -> dict[str, np.ndarray] | None:
        return None if values is None else {part: column[rows] for part, column in values.items()}

    return Scored(scored.image_id[rows], scored.keypoints[rows], scored.score[rows], of(scored.part_scores),
                  None if scored.box is None else scored.box[rows], of(scored.filled))


def counting(people: People, layout: Layout, part: str) -> np.ndarray:
    """(P,) bool: people who count in a part: labelled there, no crowd, of any size."""
    return ~ignored_people(people, part, layout)[0]


def best_ranking(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray) -> ByPart:
    """AP and AR of the best ranking that there is (see the module), each threshold by itself."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    mine = group_by_image(scored.image_id, image_ids)
    pairs = pair_up(mine.row, mine.image, group_by_image(people.image_id, image_ids), len(scored))
    oks = pair_oks(pairs, people, scored.keypoints, layout, floor=OKS_THRESHOLDS[0])
    image = np.zeros(len(scored), dtype=np.int64)
    image[mine.row] = mine.image
    present = np.isin(people.image_id, image_ids)
    result: dict[str, Figures] = {}
    for part in layout.parts:
        counted = counting(people, layout, part) & present
        usable = counted[pairs.person] & speaking(scored, part, layout)[pairs.prediction]
        precision, recall = [], []
        for threshold in OKS_THRESHOLDS if counted.any() else []:
            edge = usable & (oks[part] >= threshold)
            graph = csr_array((np.ones(np.count_nonzero(edge), dtype=np.int8),
                               (pairs.prediction[edge], pairs.person[edge])), shape=(len(scored), len(people)))
            right = maximum_bipartite_matching(graph, perm_type="column") >= 0
            found = np.minimum(np.bincount(image[right]), MAX_DETECTIONS).sum() / counted.sum()
            recall.append(float(found))
            precision.append(float(np.mean(found >= RECALL_POINTS)) if found > 0 else 0.0)
        result[part] = {"AP": float(np.mean(precision)) if precision else None,
                        "AR": float(np.mean(recall)) if recall else None}
    return with_hand(result)


def never_met(people: People, scored: Scored, layout: Layout, part: str, identities: Identities, matches: Matches
              ) -> np.ndarray:
    """(P,) bool: people who count in a part, whom no prediction with this part means or hits."""
    met = np.zeros(len(people), dtype=bool)
    met[identities.person[(identities.person >= 0) & speaking(scored, part, layout)]] = True
    hit = matches.person[0]
    met[hit[hit >= 0]] = True
    return counting(people, layout, part) & ~met


def without(matches: Matches, people: People, image_ids: np.ndarray, absent: np.ndarray) -> Matches:
    """Matches for which the people `absent` (P,) bool, whom nothing hits, do not count (whatever their size)."""
    here = np.isin(people.image_id, image_ids) & absent
    fewer = np.bincount(np.searchsorted(image_ids, people.image_id[here]), minlength=len(image_ids))
    return replace(matches, counted=np.concatenate([matches.counted[:1] - fewer, matches.counted[1:]]))


def shares_by_part(points: Points, scored: Scored, layout: Layout) -> dict[str, dict[str, float] | None]:
    """The shares of the classes of points (see `Diagnosis.shares`)."""
    totals = {}
    for part, of in layout.parts.items():
        kind = points.kind[speaking(scored, part, layout)[points.prediction], of.slice]
        totals[part] = np.bincount(kind[kind >= 0], minlength=len(KINDS))
    totals = with_hands_together(totals)
    return {part: dict(zip(KINDS, (count / count.sum()).tolist(), strict=True)) if count.sum() else None
            for part, count in totals.items()}


def counts_by_part(points: Points, people: People, scored: Scored, layout: Layout, image_ids: np.ndarray,
                   identities: Identities, matches: dict[str, Matches]) -> dict[str, dict[str, int]]:
    """How many of what (see `Diagnosis.counts`)."""
    present = np.isin(people.image_id, image_ids)
    totals = {}
    for part, of in matches.items():
        alive = speaking(scored, part, layout)
        meant = np.zeros(len(people), dtype=bool)
        meant[identities.person[(identities.person >= 0) & alive]] = True
        counted = counting(people, layout, part) & present
        wrong = of.prediction[(of.person[0, 0] < 0) & ~of.ignored[0, 0]]
        totals[part] = np.array([
            counted.sum(), (counted & ~meant).sum(),
            (points.kind[alive[points.prediction], layout.parts[part].slice] >= 0).sum(), len(of.prediction),
            identities.background[wrong].sum(), identities.duplicate[wrong].sum()])
    names = ("people", "missed", "points", "predictions", "background", "duplicates")
    return {part: dict(zip(names, values.tolist(), strict=True))
            for part, values in with_hands_together(totals).items()}


def with_hands_together(totals: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Counts by part with `hand`, both hands together, in the order of the tables."""
    result = dict(totals)
    if "lefthand" in totals and "righthand" in totals:
        result[HAND] = totals["lefthand"] + totals["righthand"]
    known = [part for part in REPORTED_PARTS if part in result]
    return {part: result[part] for part in known + [part for part in result if part not in known]}
