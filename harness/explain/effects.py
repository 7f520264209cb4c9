"""What each setting that can be changed afterwards would do to every part, one at a time, and all as B has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from harness.explain.rescoring import AP_AR, SETTINGS, ByPart, Conditions, Evidence, has_hands
from harness.explain.settings import Difference, differences, out_of_reach, title_of
from harness.explain.subjects import Metrics, Subject, evidence_of, rescored
from harness.scoring.score import minus

ALL_AS_B = "all of B's"
"""Name of the change that takes over every setting of B at once."""

CANDIDATES: dict[str, tuple[Any, ...]] = {
    "score_key": ("person", "part", "point mean"),
    "area": ("person", "box"),
    "hand": ("mean", "joint"),
    "offset": (0.0, 0.5, -0.5, 1.0),
    "mode": ("strict", "corrected"),
    "visible_score": (0.0, 0.2, 0.4),
    "nms_oks": (0.8, 0.9, 1.0),
}
"""Values that are tried for each field of `Conditions`, besides B's. Half a pixel and one are what a wrong centre of a
pixel and 1-based coordinates make; mmpose uses 0.2 and 0.9 (see `harness.protocol`)."""


@dataclass(frozen=True)
class Change:
    """What A's figures would be with one setting changed."""

    setting: str
    """Dotted name, or `ALL_AS_B`."""
    value: Any
    as_b: bool
    """Whether B has this value."""
    figures: Metrics
    effect: Metrics
    """New minus A's, by part and metric; None where either is."""

    def largest(self, metric: str, part: str | None = None) -> float:
        """The largest absolute effect on a metric, of one part or any."""
        parts = [part] if part else list(self.effect)
        return max((abs(self.effect[p][metric] or 0.0) for p in parts), default=0.0)


@dataclass(frozen=True)
class Explanation:
    """Everything that is known about why two numbers differ; B is None where only A was given."""

    a: Subject
    b: Subject | None
    differences: list[Difference]
    changes: list[Change]
    """By their largest effect, largest first."""
    gap: Metrics | None
    """B's figures minus A's, by part; None without a B, or where `refused` says why they may not be compared."""
    refused: str
    out_of_reach: list[Difference]
    """What only a new run, training or other data could change."""
    notes: list[str]

    def remaining(self, change: Change, part: str, metric: str) -> float | None:
        """The gap that would be left."""
        return minus((self.gap or {}).get(part, {}).get(metric), change.effect.get(part, {}).get(metric))


def explain(a: Subject, b: Subject | None = None, part: str | None = None, metric: str = "AP") -> Explanation:
    """Compare settings, and score A's predictions under every other value that B or `CANDIDATES` has.

    Changes are sorted by their effect on `metric`, of `part` or the part with the largest. Raises UserError where A has
    nothing that can be scored again.
    """
    evidence = evidence_of(a)
    a, notes = rescored(a)
    if b is not None:
        b, more = rescored(b)
        notes += [f"B: {note}" for note in more]
    assert a.metrics is not None
    changes = [change_of(evidence, a.metrics, conditions, b) for conditions in alternatives(evidence, b)]
    changes.sort(key=lambda change: -change.largest(metric, part))
    refused = incomparable(a, b) if b else ""
    gap = None
    if b is not None and b.metrics is not None and not refused:
        gap = {p: {m: minus(b.metrics[p].get(m), a.metrics[p].get(m)) for m in AP_AR}
               for p in a.metrics if p in b.metrics}
    return Explanation(a, b, differences(a.settings, b.settings) if b else [], changes, gap, refused,
                       out_of_reach(a.settings, b.settings if b else None), notes)


def alternatives(evidence: Evidence, b: Subject | None) -> list[Conditions]:
    """The conditions to try: A's with one setting changed, and A's with all that B states, where those are several."""
    own = evidence.conditions
    of_b = {field: b.settings[name] for field, name in SETTINGS.items() if name in b.settings} if b else {}
    usable = {field: value for field, value in vars(own).items() if value is not None}
    if not has_hands(evidence.layout):
        del usable["hand"]
    of_b = {field: value for field, value in of_b.items() if field in usable and possible(evidence, field, value)}
    found = []
    for field, value in usable.items():
        values = dict.fromkeys([*CANDIDATES[field], *([of_b[field]] if field in of_b else [])])
        found += [replace(own, **{field: other}) for other in values
                  if other != value and possible(evidence, field, other)]
    if sum(of_b[field] != usable[field] for field in of_b) > 1:
        found.append(replace(own, **of_b))
    return found


def possible(evidence: Evidence, field: str, value: Any) -> bool:
    """Whether predictions can be scored with a value: the scores that rank must be there."""
    return field != "score_key" or value in evidence.score_keys()


def change_of(evidence: Evidence, before: Metrics, conditions: Conditions, b: Subject | None) -> Change:
    """Score again and compare."""
    figures: ByPart = evidence.figures(conditions)
    own = vars(evidence.conditions)
    changed = {SETTINGS[field]: value for field, value in vars(conditions).items() if value != own[field]}
    effect = {part: {m: minus(of[m], before[part][m]) for m in AP_AR} for part, of in figures.items()}
    as_b = b is not None and all(b.settings.get(name) == value for name, value in changed.items())
    if len(changed) > 1:
        return Change(ALL_AS_B, changed, True, figures, effect)
    (name, value), = changed.items()
    return Change(name, value, as_b, figures, effect)


def incomparable(a: Subject, b: Subject) -> str:
    """Why the figures of two subjects may not be held against each other; empty where nothing speaks against it."""
    for name in ("data.dataset", "data.split", "data.images", "data.annotations", "data.range", "data.fingerprint"):
        left, right = a.settings.get(name), b.settings.get(name)
        if left is not None and right is not None and left != right:
            return f"not comparable: {title_of(name)} {left} and {right}"
    return ""
