"""Object key-point similarity of pairs, for all parts at once.

OKS = mean over the labelled points of exp(-d^2 / (2 area (2 sigma)^2)), d in pixels, `area` the person's
annotated area for every part (COCO-WholeBody evaluation script). A point's term does not depend on the part,
so squared distances and terms are computed once and averaged part by part.

Sums run over the labelled points only, in their order: the rounding is then that of the definition carried
out pair by pair, and equal similarities stay equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.types import People
from harness.layout import Layout
from harness.scoring.pairing import Pairs, labelled_points
from harness.scoring.rules import STRICT, Marks, Rules
from harness.scoring.threads import threaded

CHUNK = 2048
"""Pairs at a time: (2048, 133) float64 temporaries are 2 MB each."""


@dataclass(frozen=True)
class Target:
    """What P people are compared by, for each of K points and each part."""

    x: np.ndarray
    """(P, K) pixels, contiguous; so is y."""
    y: np.ndarray
    labelled: np.ndarray
    """(P, K) bool."""
    box: np.ndarray
    """(P, 4) x, y, w, h."""
    count: dict[str, np.ndarray]
    """Part -> (P,) labelled points."""
    area: dict[str, np.ndarray]
    """Part -> (P,) square pixels; one and the same array for every part unless `person_area` is off."""

    @classmethod
    def of(cls, people: People, layout: Layout, rules: Rules = STRICT, marks: Marks | None = None) -> Target:
        """What the rules make of annotated people."""
        labelled = labelled_points(people, rules, marks)
        x, y = (np.ascontiguousarray(people.keypoints[:, :, axis]) for axis in (0, 1))
        if rules.person_area:
            area = dict.fromkeys(layout.parts, people.area)
        else:
            area = {name: extent(x[:, part.slice], y[:, part.slice], labelled[:, part.slice])
                    for name, part in layout.parts.items()}
        count = {name: np.count_nonzero(labelled[:, part.slice], axis=1) for name, part in layout.parts.items()}
        return cls(x, y, labelled, people.box, count, area)


def extent(x: np.ndarray, y: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(P,) square pixels of the box around each row's seen points (P, k); 0 where fewer than two are seen."""
    sides = [np.where(seen, v, -np.inf).max(axis=1) - np.where(seen, v, np.inf).min(axis=1) for v in (x, y)]
    return np.where(seen.any(axis=1), sides[0] * sides[1], 0.0)


def pair_oks(pairs: Pairs, people: People, points: np.ndarray, layout: Layout, chunk: int = CHUNK,
             rules: Rules = STRICT, marks: Marks | None = None, floor: float = 0.0) -> dict[str, np.ndarray]:
    """OKS of every pair by part, (Q,) each, 0 to 1; `points` are the predictions' (N, K, 2 or 3).

    Where a person has no labelled point in a part, the distance is to the person's box (see `box_distance`),
    so that predictions near unlabelled people can be set aside instead of counting as false. (0 instead where
    the rule `unlabelled_excuses` is off.)

    Pairs that lie too far apart to reach `floor` in any part are left at 0, which saves half the work of matching.
    """
    target = Target.of(people, layout, rules, marks)
    x, y = (np.ascontiguousarray(points[:, :, axis], dtype=np.float64) for axis in (0, 1))
    spans = part_spans(x, y, layout)
    result = {part: np.zeros(len(pairs.person)) for part in layout.parts}
    rows = np.arange(len(pairs.person))
    if floor > 0:
        rows = rows[within_reach(pairs, target, spans, layout, floor)]
    if rules.unlabelled_excuses:
        excused = surrounded_and_unlabelled(pairs, rows, target, spans)
        for values in result.values():
            values[rows[excused]] = 1
        rows = rows[~excused]
    # People with the same parts and equally many points side by side: a chunk then has few kinds of rows.
    count = list(target.count.values())
    blank = sum((counts == 0).astype(np.int64) << i for i, counts in enumerate(count))
    place = np.lexsort((*count, blank))
    rows = rows[np.argsort(np.argsort(place)[pairs.person[rows]], kind="stable")]

    def work(begin: int) -> None:
        here = rows[begin:begin + chunk]
        values = chunk_oks(x, y, spans, pairs.prediction[here], pairs.person[here], target, layout, rules)
        for part, found in values.items():
            result[part][here] = found

    threaded(work, range(0, len(rows), chunk))
    return result


def part_spans(x: np.ndarray, y: np.ndarray, layout: Layout) -> dict[str, np.ndarray]:
    """Part -> (N, 4) least x, least y, greatest x, greatest y of its points, of all points (N, K)."""
    ends = {end for part in layout.parts.values() for end in (part.start, part.stop)}
    cuts = np.array(sorted({0} | ends - {layout.size}))  # between two cuts all points belong to the same parts
    pieces = [choose.reduceat(values, cuts, axis=1) for choose in (np.minimum, np.maximum) for values in (x, y)]
    spans = {}
    for name, part in layout.parts.items():
        own = (cuts >= part.start) & (cuts < part.stop)
        least = [piece[:, own].min(axis=1) for piece in pieces[:2]]
        spans[name] = np.stack([*least, *(piece[:, own].max(axis=1) for piece in pieces[2:])], axis=1)
    return spans


def surrounded(spans: np.ndarray, box: np.ndarray) -> np.ndarray:
    """(q,) bool: spans (q, 4) that lie in the boxes (q, 4) enlarged as in `box_distance`: all distances are 0."""
    start, size = box[:, :2], box[:, 2:]
    return ((spans[:, :2] >= start - size) & (spans[:, 2:] <= start + size * 2)).all(axis=1)


def surrounded_and_unlabelled(pairs: Pairs, rows: np.ndarray, target: Target, spans: dict[str, np.ndarray]
                              ) -> np.ndarray:
    """(n,) bool: of the pairs `rows`, those whose OKS is 1 in every part at sight."""
    unlabelled = np.asarray(~target.labelled.any(axis=1))
    excused = unlabelled[pairs.person[rows]]
    some = np.flatnonzero(excused)
    box, predicted = target.box[pairs.person[rows[some]]], pairs.prediction[rows[some]]
    excused[some] = np.all([surrounded(of[predicted], box) for of in spans.values()], axis=0)
    return excused


def chunk_oks(x: np.ndarray, y: np.ndarray, spans: dict[str, np.ndarray], predicted: np.ndarray, person: np.ndarray,
              target: Target, layout: Layout, rules: Rules) -> dict[str, np.ndarray]:
    """OKS by part, (q,) each, of the predictions (q,) with the people (q,).

    `x` and `y` (N, K) are the points of all predictions, `spans` those of `part_spans`.
    """
    spread = (layout.sigmas * 2) ** 2
    count = {name: target.count[name][person] for name in layout.parts}
    blocks = []  # rows, columns and d^2 / (2 sigma)^2; 0 elsewhere
    for name, part in layout.parts.items():
        if part.points is None:  # made of the others
            continue
        columns, blank = part.slice, count[name] == 0
        rows: np.ndarray | slice = np.flatnonzero(~blank) if blank.any() else slice(None)
        p, g = predicted[rows], person[rows]
        blocks.append((rows, columns, square(x[p, columns] - target.x[g, columns],
                                             y[p, columns] - target.y[g, columns], spread[columns])))
        if rules.unlabelled_excuses:
            rows = np.flatnonzero(blank)
            rows = rows[~surrounded(spans[name][predicted[rows]], target.box[person[rows]])]
            p, box = predicted[rows], target.box[person[rows]]
            blocks.append((rows, columns, square(box_distance(x[p, columns], box[:, 0], box[:, 2]),
                                                 box_distance(y[p, columns], box[:, 1], box[:, 3]), spread[columns])))
    seen = target.labelled[person]
    result, area, terms = {}, None, np.empty(0)
    for name, part in layout.parts.items():
        if target.area[name] is not area:
            area = target.area[name]
            terms = np.ones((len(person), layout.size))
            for rows, columns, distance in blocks:
                terms[rows, columns] = decay(distance, area[person[rows]])
        averaged = count[name]
        if rules.unlabelled_excuses:  # every point of an unlabelled part has its distance to the box
            averaged = np.where(averaged == 0, part.stop - part.start, averaged)
        result[name] = mean_where(terms[:, part.slice], seen[:, part.slice], averaged)
    return result


def similarity(dx: np.ndarray, dy: np.ndarray, spread: np.ndarray, area: np.ndarray) -> np.ndarray:
    """exp(-d^2 / (2 area (2 sigma)^2)) of offsets (q, k), pixels; `spread` (k,) is (2 sigma)^2, `area` (q,)."""
    return decay(square(dx, dy, spread), area)


def square(dx: np.ndarray, dy: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(q, k) squared distances d^2 / (2 sigma)^2."""
    result = dx * dx
    result += dy * dy
    result /= spread
    return result


def decay(distance: np.ndarray, area: np.ndarray) -> np.ndarray:
    """The same, of d^2 / (2 sigma)^2 (q, k)."""
    terms = distance / (area + np.spacing(1))[:, None]
    terms /= -2
    return np.exp(terms, out=terms)


def box_distance(value: np.ndarray, start: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Along one axis, how far values (q, k) lie outside start - size to start + 2 size, (q,) each; 0 inside."""
    low, high = (start - size)[:, None], (start + size * 2)[:, None]
    offset = np.maximum(low - value, 0)
    offset += np.maximum(value - high, 0)
    return offset


def mean_where(values: np.ndarray, mask: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Mean of the masked entries of each row (q, k) -> (q,), of all where `count` (q,) is k; 0 where it is 0.

    Rows with equally many entries are packed into one dense array, so that no zeros enter the sums.
    """
    means = np.zeros(len(values))
    order = np.argsort(count, kind="stable")
    first = np.flatnonzero(np.diff(count[order], prepend=-1))
    groups: list[np.ndarray | slice] = [slice(None)] if len(first) == 1 else list(np.split(order, first[1:]))
    for rows, size in zip(groups, count[order[first]], strict=True) if len(first) else ():
        if size:
            packed = values[rows]
            if size < values.shape[1]:
                packed = packed[mask[rows]].reshape(len(packed), size)
            means[rows] = packed.sum(axis=1) / size
    return means


def within_reach(pairs: Pairs, target: Target, spans: dict[str, np.ndarray], layout: Layout, floor: float
                 ) -> np.ndarray:
    """(Q,) bool: pairs of which some part could have an OKS of `floor` or more.

    No point of a prediction is nearer to the person than the gap between the box around the prediction's points and
    the box around all that the person can be measured to (labelled points, and for unlabelled parts three boxes);
    with the largest sigma and area that gap bounds every term, and so every mean.
    """
    blank = np.any([count == 0 for count in target.count.values()], axis=0)
    area = np.max(list(target.area.values()), axis=0) + np.spacing(1)
    square = np.zeros(len(pairs.person))
    for axis, truth in enumerate((target.x, target.y)):
        start, size = target.box[:, axis], target.box[:, axis + 2]
        low = np.where(target.labelled, truth, np.inf).min(axis=1, initial=np.inf)
        high = np.where(target.labelled, truth, -np.inf).max(axis=1, initial=-np.inf)
        low[blank] = np.minimum(low, np.minimum(start - size, start + 2 * size))[blank]
        high[blank] = np.maximum(high, np.maximum(start - size, start + 2 * size))[blank]
        least = np.min([of[:, axis] for of in spans.values()], axis=0)
        greatest = np.max([of[:, axis + 2] for of in spans.values()], axis=0)
        gap = np.maximum(low[pairs.person] - greatest[pairs.prediction], least[pairs.prediction] - high[pairs.person])
        square += np.square(np.maximum(gap, 0))
    limit = -2 * np.log(floor) * (2 * layout.sigmas.max()) ** 2 * area
    # A hair wider, against rounding.
    return square <= limit[pairs.person] * (1 + 1e-6) + 1e-6
