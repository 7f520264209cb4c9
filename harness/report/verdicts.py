"""Does a measured value reproduce a printed one? Four answers: yes, no, cannot tell, and not comparable.

Two cases, because different things may vary:

- *The published weights, tested here.* Images and weights are the source's own, so nothing is drawn at random: the two
  numbers must agree within a small tolerance, whatever the interval over images says (that interval describes other
  images than these). The default tolerance is what MMPose's own weights moved between its 0.x and 1.x tables.
- *Anything else*, a new training above all. Then an interval must lie wholly within published +- tolerance to count
  as reproduced (an equivalence test: two one-sided tests at half the interval's error), wholly outside to count as
  not reproduced; otherwise nobody can tell. A value near the printed one is thus not enough. The image bootstrap is a
  cautious interval here: both numbers were measured on the same images, which it ignores. It does not see the choice
  of seeds, though: one training run never proves more than itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
CANNOT_TELL = "cannot tell"
NOT_COMPARABLE = "not comparable"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, CANNOT_TELL, NOT_COMPARABLE)

SLACK = 1e-9
"""Values differing by exactly the tolerance count as within it, whatever binary fractions make of them."""


@dataclass(frozen=True)
class Tolerance:
    """How far a value may lie from the printed one (AP or AR, fractions); sources: `tolerance` of table_s2.yaml."""

    same_weights: float = 0.003
    trained: float = 0.005


@dataclass(frozen=True)
class Verdict:
    """One of VERDICTS, why, and measured minus published (None where they may not be compared)."""

    verdict: str
    reason: str
    difference: float | None = None


def verdict(published: float | None, measured: float | None, interval: tuple[float, float] | None = None,
            reasons: Sequence[str] = (), *, margin: float = Tolerance.trained, same_weights: bool = False) -> Verdict:
    """Judge one measured value (all values fractions 0 to 1).

    `interval` holds low and high; `reasons` are those against comparing at all; `margin` is the tolerance;
    `same_weights` says that the published weights themselves were tested on the published images.
    Raises ValueError for an interval whose ends are swapped or not finite.
    """
    if reasons:
        return Verdict(NOT_COMPARABLE, "; ".join(reasons))
    if published is None:
        return Verdict(NOT_COMPARABLE, "the source prints no value")
    if measured is None:
        return Verdict(NOT_COMPARABLE, "nothing was measured: no labelled person has this part")
    difference = measured - published
    if same_weights:
        if abs(difference) <= margin + SLACK:
            return Verdict(REPRODUCED, f"published weights, within ±{margin:g}", difference)
        return Verdict(NOT_REPRODUCED, f"published weights, but further off than ±{margin:g}: look for a difference in "
                       "data, boxes or evaluator", difference)
    if interval is None:
        return Verdict(CANNOT_TELL, "there is no interval; it takes a bootstrap over images or several seeds",
                       difference)
    low, high = interval
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"interval {low} to {high} is not an interval")
    if published - margin - SLACK <= low and high <= published + margin + SLACK:
        return Verdict(REPRODUCED, f"the whole interval lies within ±{margin:g} of the printed value", difference)
    if high < published - margin - SLACK or low > published + margin + SLACK:
        return Verdict(NOT_REPRODUCED, f"the whole interval lies further than ±{margin:g} from the printed value",
                       difference)
    return Verdict(CANNOT_TELL, what_it_takes(low, high, margin), difference)


def what_it_takes(low: float, high: float, margin: float) -> str:
    """Why an interval cannot decide, and what would: intervals shrink with the square root of the images."""
    half = (high - low) / 2
    if half <= margin:
        return f"the interval crosses the edge of ±{margin:g} around the printed value"
    if margin <= 0:
        return f"no interval can lie within ±{margin:g}"
    return (f"the interval spans ±{half:.3f}, the tolerance ±{margin:g}: it takes {(half / margin) ** 2:.1f} times the "
            "images, or the published weights")
