"""Where the level of a series changed: steps, told from noise, drift, and noise with a memory. Pure functions.

A series is cut where a scan (`harness.gate.scans`) says that it is not level, and its pieces again, until all seem
level: binary segmentation (Vostrikova, Soviet Mathematics Doklady 24, 1981), as E-divisive means does it (Matteson and
James, JASA 109, 2014), which MongoDB uses for its performance tests (Daly et al., ICPE 2020). Permutations cannot tell
a step from a slow drift or from a machine that stays in a mood for a while, because these make neighbours alike, too.
So each cut must then explain its surroundings better than two descriptions without a step do: a straight line, and
values that follow their predecessors (exponential smoothing, whose weight is fitted). Cuts that do not are dropped,
weakest first. How much better was set by simulation: tests/nightly/steps.py measures what comes of it, and where steps
and drift cannot be told apart (docs/history.md has the rates).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.gate.scans import LEAST, step, stretch

ALPHA = 0.015
"""A level series is cut with at most this chance (of which `STEP_SHARE` goes to the scan for one step)."""
STEP_SHARE = 2 / 3
ENOUGH = 11
"""Fewer values cannot show a step at this level: even five and five in perfect order are by chance in 1 case of 126."""
DEPENDENT = 2.33
"""Standard errors of the lag-one correlation of what is left, beyond which values depend on their neighbours: one
series in a hundred that does not would seem to."""
CLEAR = 8.0
"""Nats by which a step must then explain more than no step."""
WEIGHTS = np.linspace(0.05, 1, 20)
"""Of exponential smoothing."""
OUTLYING = 2.0
"""Standard deviations from the median of five neighbours; what lies farther off is moved to there before descriptions
are held against each other. (Steps and drift pass a median; single outliers do not.)"""


@dataclass(frozen=True)
class Step:
    """A change of level."""

    index: int
    """Of the first value of the new level."""
    before: float
    """Median of the level before, as `after`."""
    after: float
    p: float
    """How often noise alone would show such a step anywhere in the series; 0 for series without noise."""


@dataclass(frozen=True)
class Levels:
    """What a series was found to be."""

    starts: tuple[int, ...]
    """Index of each level's first value; the first is 0."""
    medians: tuple[float, ...]
    """Of each level."""
    steps: tuple[Step, ...]
    """One fewer than levels."""
    drifts: bool = False
    """The series is not level, but no step explains it."""
    enough: bool = True
    """Whether there are enough values to find a step among noise."""


def find_steps(values: Sequence[float] | np.ndarray, groups: Sequence[int] | None = None) -> Levels:
    """The levels of a noisy series, in the order in which the code came about.

    `groups` are numbers that are equal for values of one commit, which lie side by side: levels change between
    groups only. Always the same for the same values. Raises ValueError for none, or for values that are not finite.
    """
    series = np.asarray(values, float)
    if len(series) == 0 or not np.isfinite(series).all():
        raise ValueError(f"{len(series)} values, all of which must be finite")
    n = len(series)
    if n < ENOUGH:
        return _levels(series, [], [], enough=False)
    places = np.arange(1, n) if groups is None else np.flatnonzero(np.diff(np.asarray(groups))) + 1
    candidates = _cut(series, places, 0, 0.0)
    cuts = _supported(series, places, [cut for cut, _ in candidates], needed(n))
    if cuts and _dependence(series, cuts) > DEPENDENT:
        cuts = _supported(series, places, cuts, CLEAR)
    # Cuts keep their order, so that each remaining one has the p of the nearest candidate.
    p = [min(candidates, key=lambda one: abs(one[0] - cut))[1] for cut in cuts]
    return _levels(series, cuts, p, drifts=bool(candidates) and not cuts)


def exact_steps(values: Sequence[float], groups: Sequence[int], tolerance: float = 0.0) -> Levels | None:
    """The levels of a series without noise: whatever differs by more than `tolerance`, relative, is a step.

    None where values of one group differ: there is noise after all. Raises ValueError for no values.
    """
    if len(values) == 0:
        raise ValueError("no values")
    cuts = []
    for i in range(1, len(values)):
        if not math.isclose(values[i], values[i - 1], rel_tol=tolerance, abs_tol=0.0):
            if groups[i] == groups[i - 1]:
                return None
            cuts.append(i)
    return _levels(np.asarray(values, float), cuts, [0.0] * len(cuts))


def needed(n: int) -> float:
    """Nats by which a step must explain more than no step, in a series of n values: 0.7 for 20, 3.9 for 100.

    The longer a series, the more places it has where drift happens to look like a step.
    """
    return max(0.0, 2 * math.log(n / 14))


def _levels(series: np.ndarray, cuts: list[int], p: list[float], *, drifts: bool = False, enough: bool = True
            ) -> Levels:
    starts = (0, *cuts)
    medians = [float(np.median(piece)) for piece in np.split(series, cuts)]
    steps = [Step(cut, medians[i], medians[i + 1], p[i]) for i, cut in enumerate(cuts)]
    return Levels(starts, tuple(medians), tuple(steps), drifts, enough)


def _cut(series: np.ndarray, places: np.ndarray, start: int, outer: float) -> list[tuple[int, float]]:
    """Where a piece that begins at `start` is not level, with p (at least that of the cuts that made the piece)."""
    if len(series) < 2 * LEAST:
        return []
    ranks = ranked(series)
    p, cuts = step(ranks, places)
    p /= STEP_SHARE
    if p > ALPHA:
        p, cuts = stretch(ranks, places)
        p /= 1 - STEP_SHARE
    if p > ALPHA:
        return []
    p = max(p, outer)
    found = []
    ends = [0, *cuts, len(series)]
    for a, b in pairwise(ends):
        inside = places[(places > a) & (places < b)] - a
        found += _cut(series[a:b], inside, start + a, p)
        if b < len(series):
            found.append((start + b, p))
    return found


def _supported(series: np.ndarray, places: np.ndarray, cuts: list[int], needed: float) -> list[int]:
    """The cuts whose surroundings, up to the next cut on either side, a step explains best, by `needed` nats."""
    cuts = _settled(series, places, cuts)
    while cuts:
        ends = [0, *cuts, len(series)]
        evidence = [_evidence(series[a:c], b - a) for a, b, c in zip(ends, ends[1:], ends[2:], strict=False)]
        weakest = int(np.argmin(evidence))
        if evidence[weakest] >= needed:
            break
        cuts = _settled(series, places, cuts[:weakest] + cuts[weakest + 1:])
    return cuts


def _settled(series: np.ndarray, places: np.ndarray, cuts: list[int]) -> list[int]:
    """Each cut moved to the best place between its neighbours, until none moves."""
    cuts = list(cuts)
    for _ in range(10):  # they settle in two or three rounds; two that swap for ever would not
        before = list(cuts)
        for i in range(len(cuts)):
            a = cuts[i - 1] if i else 0
            b = cuts[i + 1] if i + 1 < len(cuts) else len(series)
            at = places[(places >= a + LEAST) & (places <= b - LEAST)] - a
            if len(at):
                cuts[i] = a + int(at[_explained(ranked(series[a:b]), at).argmax()])
        if cuts == before:
            break
    return cuts


def _explained(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The sum of squares that two levels explain, for each place where the second may begin."""
    n, sums = len(values), np.cumsum(values)
    return (sums[at - 1] - sums[-1] * at / n) ** 2 * n / (at * (n - at))


def _evidence(series: np.ndarray, at: int) -> float:
    """Logarithm of the likelihood of a step at `at` over that of the better description without one, in nats.

    Each as normal noise of the size that is left, so n / 2 times the logarithm of the ratio of mean squares.
    """
    values = _without_outliers(series)
    n = len(values)
    around = values - values.mean()
    total = float(around @ around)
    left = total - float(_explained(around, np.array([at]))[0])
    time = np.arange(n) - (n - 1) / 2
    line = total - float(time @ around) ** 2 / float(time @ time)
    least = 1e-9 * total or 1.0  # a perfect description
    return n / 2 * math.log(max(min(line, _smoothed(values)), least) / max(left, least))


def _without_outliers(series: np.ndarray) -> np.ndarray:
    noise = float(np.abs(np.diff(series)).mean()) * math.sqrt(math.pi) / 2  # of normal noise, its standard deviation
    around = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(series, 2, mode="reflect"), 5), axis=1)
    return np.clip(series, around - OUTLYING * noise, around + OUTLYING * noise)


def _smoothed(values: np.ndarray) -> float:
    """The sum of squared errors where each value is predicted from those before it, under the best weight."""
    level, errors = np.full(len(WEIGHTS), values[0]), np.zeros(len(WEIGHTS))
    for value in values[1:]:
        error = value - level
        errors += error * error
        level += WEIGHTS * error
    return float(errors.min()) * len(values) / (len(values) - 1)


def _dependence(series: np.ndarray, cuts: list[int]) -> float:
    """The lag-one correlation of the ranks around their levels, in standard errors, its bias removed.

    Without dependence it is about -1/n for one mean and a further -2/n for every cut that was fitted, with a standard
    error of n^(-1/2).
    """
    n = len(series)
    left = np.concatenate([piece - piece.mean() for piece in np.split(ranked(series), cuts)])
    total = float(left @ left)
    if total == 0:
        return 0.0
    return (float(left[1:] @ left[:-1]) / total + (1 + 2 * len(cuts)) / n) * math.sqrt(n)


def ranked(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, ties sharing their mean."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, "left") + 1 + np.searchsorted(ordered, values, "right")) / 2
