"""Two sides that lie on disk, compared in all that both have."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import UserError
from harness.gate.accuracy import accuracy_findings
from harness.gate.benchmarks import benchmark_findings
from harness.gate.exact import memory_of_profiles, memory_of_rows, operation_findings
from harness.gate.findings import ACCURACY, KINDS, Comparison, Finding
from harness.gate.paired import BAND
from harness.gate.profiles import match_profiles
from harness.gate.rows import WHOLE, match_rows
from harness.gate.sessions import times_of_profiles, times_of_rows
from harness.gate.sides import RECORD, Side
from harness.record import now
from harness.report.verdicts import MARGIN

Found = tuple[list[Finding], list[str]]
"""Findings and notes."""


def compare_stored(base: Side, candidate: Side, margin: float = MARGIN, band: float = BAND,
                   kinds: Sequence[str] = KINDS) -> Comparison:
    """Compare rows with rows, profiles with profiles and benchmarks with benchmarks.

    Args:
        base: what was.
        candidate: what is.
        margin: changes of AP and AR up to this size count as the same.
        band: changes of a benchmark's time up to this share count as the same.
        kinds: of findings (`findings.KINDS`) that are wanted; that a row is missing or failed is said in any case.

    Raises UserError where a side is to be measured, where the two have nothing of one kind, and for records that do
    not state what it takes to compare them; ValueError for a margin or band below 0.
    """
    if margin < 0 or band < 0:
        raise ValueError(f"margin {margin} or band {band} is below 0")
    check(base, candidate)
    parts = [_rows(base, candidate, margin, kinds)]
    if RECORD not in (base.kind, candidate.kind):
        parts += [_profiles(base, candidate), benchmark_findings(base.benchmarks, candidate.benchmarks, band)]
    findings = [finding for of_part, _ in parts for finding in of_part]
    notes = [note for _, of_part in parts for note in of_part]
    notes += [f"the {role} is of {len(side.commits)} commits: {', '.join(commit[:7] for commit in side.commits)}"
              for role, side in (("base", base), ("candidate", candidate)) if len(side.commits) > 1]
    wanted = [finding for finding in findings if finding.kind in kinds or finding.metric == WHOLE]
    return Comparison(base.describe(), candidate.describe(), tuple(wanted), tuple(notes), now())


def check(base: Side, candidate: Side) -> None:
    """Raise UserError, with what to do, where two sides have nothing that could be held against each other."""
    for side, other in ((base, candidate), (candidate, base)):
        if not side.stored:
            raise UserError(f"{side.name} is a {side.kind}, which is measured, and {other.name} "
                            f"{'one, too' if not other.stored else f'a {other.kind} on disk'}: name two revisions "
                            "to measure both, or two results to compare them as they are")
    if not any(getattr(base, part) and getattr(candidate, part) for part in ("rows", "profiles", "benchmarks")):
        raise UserError(f"{base.name} ({base.kind}) and {candidate.name} ({candidate.kind}) have nothing in common: "
                        "name two of one kind, such as two results folders, two records of `harness profile`, or two "
                        "files of pytest-benchmark")


def _rows(base: Side, candidate: Side, margin: float, kinds: Sequence[str]) -> Found:
    pairs, findings, notes = match_rows(base, candidate)
    if ACCURACY in kinds:  # the others take no time
        findings += accuracy_findings(pairs, margin)
    return [*findings, *times_of_rows(pairs), *memory_of_rows(pairs), *operation_findings(pairs)], notes


def _profiles(base: Side, candidate: Side) -> Found:
    pairs, findings, notes = match_profiles(base.profiles, candidate.profiles)
    return [*findings, *times_of_profiles(pairs), *memory_of_profiles(pairs)], notes
