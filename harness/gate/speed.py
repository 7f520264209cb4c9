"""Speed: pairs measured in turn until they tell, and a verdict for every row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from harness.errors import UserError
from harness.gate import calibration
from harness.gate.faults import blame
from harness.gate.findings import CANNOT_TELL, NOT_COMPARABLE, SPEED, WORSE, Finding
from harness.gate.paired import LEAST_PAIRS, Decision, decide, estimate, why
from harness.gate.pairs import MeasurePair, Pair, failures, in_turn, log_ratios

Tell = Callable[[str], None]
Keep = Callable[[str, Pair], None]
"""Called with "A/A" or "A/B" and each pair that is done."""


@dataclass(frozen=True)
class Machine:
    """Where it is measured, and what is known of its noise."""

    facts: Mapping[str, Any]
    fingerprint: str
    file: Path | None
    """Of calibrations; None to go by this run's own scatter."""


@dataclass
class Timing:
    """What was measured of the speed of two sides; grows pair by pair, so that what is done is never lost."""

    rows: tuple[str, ...]
    pairs: list[Pair] = field(default_factory=list)
    calibrated: dict[str, calibration.Row] = field(default_factory=dict)
    retried: dict[str, Pair] = field(default_factory=dict)
    """By row that failed on the candidate's side alone: one more try of both sides."""
    complete: bool = False
    notes: list[str] = field(default_factory=list)

    def bands(self) -> dict[str, float]:
        """What counts as the same, for every row with pairs."""
        found = {}
        for row, values in log_ratios(self.pairs).items():
            if row in self.calibrated:
                found[row] = self.calibrated[row].band(len(values))
            else:
                one = estimate(values)
                found[row] = calibration.Row("", one.pairs, one.change, one.error).band(one.pairs)
        return found

    def decisions(self) -> dict[str, Decision]:
        """The verdicts of the rows with pairs."""
        return decide(log_ratios(self.pairs), self.bands())

    def findings(self) -> list[Finding]:
        """One for every row."""
        decided, lost = self.decisions(), failures(self.pairs)
        return [self._finding(row, decided.get(row), lost.get(row)) for row in self.rows]

    def _finding(self, row: str, found: Decision | None, lost: tuple[str, str] | None) -> Finding:
        broken = self._broken(row, *lost) if lost else None
        if found is None:
            verdict, reason = broken or (CANNOT_TELL, "no pair was measured")
            return Finding(row, "time", SPEED, verdict, reason, of="pairs", samples=0,
                           needed=None if broken else LEAST_PAIRS)
        one = found.estimate
        verdict, reason = broken or (found.verdict, why(found))
        if broken:
            reason = f"after {one.pairs} pair(s) it {reason}"
        both = [pair for pair in self.pairs if row in pair.base.times and row in pair.candidate.times]
        return Finding(row, "time", SPEED, verdict, reason,
                       base=median(pair.base.times[row] for pair in both),
                       candidate=median(pair.candidate.times[row] for pair in both), unit="ms",
                       change=one.change, low=_finite(one.low), high=_finite(one.high),
                       margin=_finite(found.band), p=found.p, samples=one.pairs, of="pairs", needed=found.needed)

    def _broken(self, row: str, side: str, reason: str) -> tuple[str, str]:
        """Verdict and reason for a row that failed."""
        again = self.retried.get(row)
        if side == "base" or again is None:
            return NOT_COMPARABLE, f"failed on the {side}'s side: {reason}"
        return blame(reason, again.base.failed.get(row), again.candidate.failed.get(row))

    def to_json(self) -> dict[str, Any]:
        """What the verdicts rest on."""
        return {"pairs": [pair.to_json() for pair in self.pairs],
                **({"retried": {row: pair.to_json() for row, pair in self.retried.items()}} if self.retried else {}),
                "calibration": {row: vars(known) | {"band": known.band(len(self.pairs))}
                                for row, known in self.calibrated.items()}}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) and value > -1 else None


def measure(timing: Timing, changed: MeasurePair, equal: MeasurePair, machine: Machine, pairs: int,
            tell: Tell = lambda text: None, keep: Keep = lambda which, pair: None) -> None:
    """Fill `timing`: calibrate what is not calibrated, measure all pairs, and the suspicious rows once more.

    `changed` measures base and candidate, `equal` the base and the base's code in another folder, for the A/A run. On
    KeyboardInterrupt and UserError, `timing` holds what was done, `complete` is False, and the exception goes on.
    """
    if machine.file is None:
        timing.notes.append("not calibrated: the band goes by this run's own scatter, not by an A/A run's")
    elif pairs < LEAST_PAIRS:
        timing.notes.append(f"not calibrated: fewer than {LEAST_PAIRS} pairs tell nothing, with or without")
    else:
        _calibrate(timing, equal, machine, machine.file, pairs, tell, keep)
    _run(timing, changed, timing.rows, pairs, "", tell, keep)
    doubtful = suspicious(timing.decisions()) if len(timing.pairs) >= LEAST_PAIRS else []
    doubtful = [row for row in doubtful if row not in failures(timing.pairs)]
    if doubtful:
        timing.notes.append(f"measured once more, and decided on all pairs: {', '.join(doubtful)}")
        _run(timing, changed, doubtful, pairs, "again: ", tell, keep)
    timing.complete = True


def _run(timing: Timing, changed: MeasurePair, rows: Sequence[str], count: int, prefix: str, tell: Tell, keep: Keep
         ) -> None:
    for pair in _told(in_turn(changed, rows, count, len(timing.pairs)), count, prefix, tell):
        timing.pairs.append(pair)
        keep("A/B", pair)
        alone = [row for row in pair.candidate.failed if row not in pair.base.failed and row not in timing.retried]
        if alone:
            tell(f"failed on the candidate's side, tried again on both: {', '.join(alone)}")
            again = changed(alone, True)
            timing.retried |= dict.fromkeys(alone, again)
            keep("A/B", again)


def _told(pairs: Iterable[Pair], count: int, prefix: str, tell: Tell) -> Iterator[Pair]:
    """The pairs, each announced before it is measured, with the time that is left as soon as one pair is done."""
    began = monotonic()
    tell(f"{prefix}pair 1 of {count}")
    for number, pair in enumerate(pairs, start=1):
        yield pair
        if number < count:
            left = (monotonic() - began) / number * (count - number)
            tell(f"{prefix}pair {number + 1} of {count}, about {in_minutes(left)} left of them")


def in_minutes(seconds: float) -> str:
    """A time to wait, in words: 40 s, 3 min."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def suspicious(decisions: Mapping[str, Decision]) -> list[str]:
    """Rows that seem slower than the band allows, whether that is told already or not."""
    return [row for row, found in decisions.items()
            if found.verdict in (WORSE, CANNOT_TELL) and found.estimate.change > found.band]


def _calibrate(timing: Timing, equal: MeasurePair, machine: Machine, file: Path, pairs: int, tell: Tell, keep: Keep
               ) -> None:
    known = calibration.load(file, machine.fingerprint)
    wanted = calibration.missing(timing.rows, known)
    if wanted:
        prefix = f"calibrating {len(wanted)} line(s) on equal code: "
        done = []
        for pair in _told(in_turn(equal, wanted, pairs), pairs, prefix, tell):
            done.append(pair)
            keep("A/A", pair)
        made = calibration.of_pairs(log_ratios(done))
        known |= made
        if made:
            try:
                calibration.save(file, machine.fingerprint, machine.facts, made)
            except UserError as error:
                timing.notes.append(f"the calibration could not be kept: {error}")
            else:
                timing.notes.append(f"calibrated by an A/A run of {len(done)} pairs: {', '.join(made)}")
    timing.calibrated = {row: known[row] for row in timing.rows if row in known}
