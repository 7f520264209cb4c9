"""Ratios of commits that were measured in turn, laid end to end: a series of times without the machine's moods.

Each ratio is told by its own pairs, as the gate tells it, all ratios of a row adjusted for their number. A level is the
product of the ratios since the chain's first commit. The product is shown and not tested: its error grows from link to
link, so that a test for steps would find them in nothing but that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from harness.gate.findings import BETTER, WORSE
from harness.gate.findings import CANNOT_TELL as UNDECIDED
from harness.gate.history.commits import Commit, Repository
from harness.gate.history.levels import CANNOT_TELL, LEVEL, STEPS, Change, Series, between
from harness.gate.history.measurements import Link, Measurement
from harness.gate.history.timeline import Point, in_order
from harness.gate.paired import Decision, decide, why
from harness.statistics import LEVEL as CONFIDENCE

QUANTILE = 1.96
"""Standard errors of half a 95 % interval (of `harness.statistics.LEVEL`) of the product."""
assert CONFIDENCE == 0.95

Ends = tuple[str, str]
"""Commits of base and candidate."""


def chain_series(title: str, differing: dict[str, str], links: Sequence[Link], known: Mapping[str, Commit],
                 repository: Repository) -> list[Series]:
    """A series for each chain; links of the same two commits are one, of all their pairs."""
    merged: dict[Ends, list[Link]] = {}
    for link in sorted(links, key=lambda link: (link.created, link.source)):
        merged.setdefault((link.base, link.candidate), []).append(link)
    decisions = _decide(merged)
    order = {commit: place for place, commit in enumerate(known)}
    ends = sorted(merged, key=lambda pair: (order.get(pair[1], len(order)), merged[pair][0].created))
    return [_series(title, differing, chain, {pair: merged[pair] for pair in ends if pair[0] in chain}, decisions,
                    known, repository) for chain in chains(ends, decisions)]


def _decide(merged: Mapping[Ends, Sequence[Link]]) -> dict[Ends, Decision]:
    """As the gate decides its rows, with the links as rows."""
    names = {f"{base} {candidate}": (base, candidate) for base, candidate in merged}
    found = decide({name: [value for link in merged[pair] for value in link.log_ratios]
                    for name, pair in names.items()},
                   {name: max(link.band for link in merged[pair]) for name, pair in names.items()})
    return {pair: found[name] for name, pair in names.items()}


def chains(ends: Sequence[Ends], decisions: Mapping[Ends, Decision]) -> Iterator[dict[str, tuple[float, float]]]:
    """Commits that links connect, each with the logarithm of its time over the first one's, and its variance.

    A commit that two ways lead to is reached by the earlier links.
    """
    left = list(ends)
    while left:
        chain = {left[0][0]: (0.0, 0.0)}
        grown = True
        while grown:
            grown = False
            for base, candidate in left:
                if (base in chain) == (candidate in chain):
                    continue
                one = decisions[base, candidate].estimate
                near, far, sign = (base, candidate, 1) if base in chain else (candidate, base, -1)
                level, variance = chain[near]
                chain[far] = level + sign * math.log1p(one.change), variance + one.error**2
                grown = True
        yield chain
        left = [pair for pair in left if pair[0] not in chain]


def _series(title: str, differing: dict[str, str], chain: Mapping[str, tuple[float, float]],
            links: Mapping[Ends, Sequence[Link]], decisions: Mapping[Ends, Decision], known: Mapping[str, Commit],
            repository: Repository) -> Series:
    some = next(iter(links.values()))[0]
    points = in_order([_measurement(some, commit, level, variance, links)
                       for commit, (level, variance) in chain.items()], known)
    by_commit = {str(point.measured.commit): point for point in points}
    changes, undecided = [], []
    for base, candidate in links:
        decision = decisions[base, candidate]
        one = decision.estimate
        if decision.verdict in (BETTER, WORSE):
            last, first = by_commit[base], by_commit[candidate]
            changes.append(Change(last, first, *between(last, first, repository), 1.0, 1 + one.change, one.change,
                                  one.low, one.high, exact=False, p=decision.p))
        elif decision.verdict == UNDECIDED:
            undecided.append((f"{base[:7]} to {candidate[:7]} cannot tell: {why(decision)}", decision.needed))
    changes.sort(key=lambda change: change.first.group)
    verdict = STEPS if changes else CANNOT_TELL if undecided else LEVEL
    needed = max((number for _, number in undecided if number), default=None)
    levels = (None,) * len(points) if verdict == CANNOT_TELL else _levels(points, changes)
    return Series(title, differing, dict(some.conditions), tuple(points), levels, tuple(changes),
                  verdict, needed if verdict == CANNOT_TELL else None, "pairs", next(iter(chain)),
                  tuple(text for text, _ in undecided))


def _measurement(some: Link, commit: str, level: float, variance: float, links: Mapping[Ends, Sequence[Link]]
                 ) -> Measurement:
    reach = QUANTILE * math.sqrt(variance)
    low, high = (math.exp(level - reach), math.exp(level + reach)) if 0 < reach < math.inf else (None, None)
    first = min((of[0] for pair, of in links.items() if commit in pair), key=lambda link: link.created)
    return Measurement(some.title, some.names, some.conditions, math.exp(level), commit, False, first.created,
                       first.source, low, high)


def _levels(points: Sequence[Point], changes: Sequence[Change]) -> tuple[float, ...]:
    """From one step to the next the mean of the products, in logarithms."""
    starts = {change.first.group for change in changes}
    runs: list[list[Point]] = [[]]
    for point in points:
        if point.group in starts and runs[-1]:
            runs.append([])
        runs[-1].append(point)
    means = [math.exp(sum(math.log(point.measured.value) for point in run) / len(run)) for run in runs]
    return tuple(mean for run, mean in zip(runs, means, strict=True) for _ in run)
