"""Does a measured value reproduce a printed one? Four answers: yes, no, cannot tell, and not comparable.

Published and measured stand on the same images, so how far a value could move with other images (the image
bootstrap) says nothing here. What may differ by chance, and only that, makes the interval of the difference:

- *rounding* of the printed number, half of its last digit, added as it is;
- *evaluation*: noise that a network draws at test time, none for most. The printed number is one evaluation with
  that noise, the measured one the mean of n repeats with it: without it a network may be better or worse on average;
- *training*, unless the published weights themselves were tested: the spread of training seeds. The printed number
  is one training, the measured one the mean of n, so the variance is that of one training times 1 + 1/n.

Evaluation and training are added in squares, each with Student's t for the repetitions that it was measured from.
The whole interval within ±margin of no difference: reproduced (an equivalence test). Wholly outside: not reproduced.
Otherwise, or where one of these spreads is not known, nobody can tell, and the reason says what it would take.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.statistics import Spread, reach, repetitions_needed

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
CANNOT_TELL = "cannot tell"
NOT_COMPARABLE = "not comparable"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, CANNOT_TELL, NOT_COMPARABLE)

MARGIN = 0.005
"""How far apart two values may lie and still count as the same: half an AP point. A table may set another."""
ROUNDING = 0.0005
"""A fraction printed with three digits."""
REPEATS = "--set test.noise_repeats=5"
SLACK = 1e-9
"""An interval that ends exactly at the margin lies within it, whatever binary fractions make of that."""


@dataclass(frozen=True)
class Noise:
    """What is known of the spreads of one cell."""

    trained: bool = True
    """Whether the two numbers come from different trainings."""
    training: Spread | None = None
    """Of training seeds; None where it is not known."""
    borrowed: bool = False
    """The training spread is that of other, published trainings, for want of seeds of the row itself."""
    evaluation: Spread | None = None
    """Of repeated evaluations of given weights; None where it is not known."""


@dataclass(frozen=True)
class Verdict:
    """One of VERDICTS, why, and the difference (measured minus published) with its interval.

    `difference` is None where the two may not be compared, `low` and `high` also where a spread is not known.
    """

    verdict: str
    reason: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    seeds: int | None = None
    """Trainings whose mean was held against the printed number."""
    noise: Noise | None = None


def verdict(published: float | None, measured: Sequence[float], reasons: Sequence[str] = (), *,
            noise: Noise | None = None, margin: float = MARGIN) -> Verdict:
    """Judge a cell (all values fractions 0 to 1).

    `measured` has the value of each training seed, or the one of the published weights; `reasons` are those against
    comparing at all. Raises ValueError for a margin below 0.
    """
    if margin < 0:
        raise ValueError(f"margin {margin} is below 0")
    noise = noise or Noise()
    if reasons:
        return Verdict(NOT_COMPARABLE, "; ".join(reasons))
    if published is None:
        return Verdict(NOT_COMPARABLE, "the source prints no value")
    if not measured:
        return Verdict(NOT_COMPARABLE, "nothing was measured: no labelled person has this part")
    seeds = len(measured)
    difference = math.fsum(measured) / seeds - published

    def judged(answer: str, reason: str, half: float | None = None) -> Verdict:
        low, high = (None, None) if half is None else (difference - half, difference + half)
        return Verdict(answer, reason, difference, low, high, margin, seeds, noise)

    if noise.evaluation is None:
        return judged(CANNOT_TELL, "the network draws noise at test time, and its spread is not known: it takes "
                                   f"repeated evaluations ({REPEATS})")
    if noise.trained and noise.training is None:
        return judged(CANNOT_TELL, unknown_spread(difference, evaluation_reach(noise.evaluation), margin))
    evaluation = evaluation_reach(noise.evaluation)
    training = reach(noise.training, seeds) if noise.trained and noise.training else 0.0
    half = ROUNDING + math.hypot(training, evaluation)
    what = basis(noise, seeds)
    if abs(difference) + half <= margin + SLACK:
        return judged(REPRODUCED, f"the whole interval of the difference lies within ±{margin:g} ({what})", half)
    if abs(difference) - half > margin + SLACK:
        return judged(NOT_REPRODUCED, f"the whole interval of the difference lies beyond ±{margin:g} ({what})" +
                      ("" if noise.trained else ": look for a difference in data, boxes or evaluator"), half)
    takes = what_it_takes(difference, noise, seeds, margin)
    return judged(CANNOT_TELL, f"the interval of the difference crosses the edge of ±{margin:g} ({what}){takes}", half)


def evaluation_reach(evaluation: Spread) -> float:
    """Half the interval of the mean of the repeats minus one evaluation."""
    return reach(evaluation, max(1, evaluation.n))


def basis(noise: Noise, seeds: int) -> str:
    """What an interval is made of, in words."""
    parts = ["rounding"]
    if noise.evaluation and noise.evaluation.sd:
        parts.append(f"evaluation noise of {noise.evaluation.sd:.4f}")
    if noise.trained and noise.training:
        source = "published trainings" if noise.borrowed else "seeds"
        parts.append(f"a training spread of {noise.training.sd:.4f} from {noise.training.n} {source}")
    text = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"{text}; {seeds} seed{'s' * (seeds != 1)}" if noise.trained else f"published weights; {text}"


def what_it_takes(difference: float, noise: Noise, seeds: int, margin: float) -> str:
    """What would decide: the number of seeds at the spread that is known, or that none would."""
    assert noise.evaluation is not None
    if not noise.trained or noise.training is None:
        return ": it takes " + (f"more than {noise.evaluation.n} repeated evaluations" if noise.evaluation.sd
                                else "a printed number with more digits")
    sd = noise.training.sd
    needed = repetitions_needed(difference, sd, margin, rounding=ROUNDING, other=evaluation_reach(noise.evaluation))
    if needed is None:
        return f": no number of seeds decides, as the printed number is one training, good to ±{1.96 * sd:.3f} alone"
    if needed <= seeds:  # the seeds at hand are enough, but their spread was measured on fewer
        return f": it takes the spread of {needed} seeds of this row"
    return f": it takes {needed} seeds at this spread and difference"


def unknown_spread(difference: float, evaluation: float, margin: float) -> str:
    """One seed, and no spread known: what spread would be small enough for 3, 5 and 10 seeds to decide."""
    room = abs(margin - abs(difference)) - ROUNDING
    if room <= evaluation:
        return f"one seed without a known spread, and the difference is too near ±{margin:g} for any number of seeds"
    left = math.sqrt(room**2 - evaluation**2)
    enough = [f"{n} seeds if their standard deviation is below {left / reach(Spread(1.0, 1.0, 1.0, n), n):.4f}"
              for n in (3, 5, 10)]
    return f"one seed without a known spread: it takes {', '.join(enough)}"
