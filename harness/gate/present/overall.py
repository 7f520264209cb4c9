"""What a comparison comes to: its findings with the worst first, and all of it in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.gate.findings import (
    BETTER,
    CANNOT_TELL,
    KINDS,
    NOT_COMPARABLE,
    SAME,
    WORSE,
    Comparison,
    Finding,
)
from harness.gate.present import words

WORST_FIRST = (WORSE, NOT_COMPARABLE, CANNOT_TELL, BETTER, SAME)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By verdict, then kind, then size of the change; otherwise in the order that they came in."""
    return sorted(findings, key=lambda finding: (WORST_FIRST.index(finding.verdict), KINDS.index(finding.kind),
                                                 -abs(words.finite(finding.change) or 0.0)))


def by_kind(findings: Iterable[Finding]) -> list[tuple[str, list[Finding]]]:
    """The findings of each kind, worst first; the kind with the worst finding first."""
    found: dict[str, list[Finding]] = {}
    for finding in worst_first(findings):
        found.setdefault(finding.kind, []).append(finding)
    return list(found.items())


def tally(comparison: Comparison) -> str:
    """How many findings have each verdict: 1 worse, 2 cannot tell, 41 same."""
    counts = comparison.counts
    return ", ".join(f"{words.count(counts[verdict])} {verdict}" for verdict in WORST_FIRST if counts[verdict])


def sentence(comparison: Comparison) -> str:
    """The overall verdict, the counts, and what it would take to tell what cannot be told."""
    if not comparison.findings:
        text = f"{comparison.verdict}: nothing was compared"
    else:
        text = f"{comparison.verdict}: {tally(comparison)}"
        missing = to_tell(comparison.findings)
        text += f"; {missing}" if missing else ""
    return text if comparison.complete else f"{text} (cut short: not everything was measured)"


def to_tell(findings: Sequence[Finding]) -> str:
    """What it would take to decide all that cannot be told; "" where nothing is open."""
    open_ones = [finding for finding in findings if finding.verdict == CANNOT_TELL]
    needed: dict[str, int] = {}
    for finding in open_ones:
        if finding.needed is not None:
            thing = words.plain(finding.of, 20) or "samples"
            needed[thing] = max(needed.get(thing, 0), finding.needed)
    parts = []
    if needed:
        listed = " and ".join(words.counted(number, thing) for thing, number in needed.items())
        if any(finding.samples for finding in open_ones):
            most = " most" if any(finding.needed is None for finding in open_ones) else ""
            parts.append(f"{listed} would tell{most}")
        else:  # nothing was measured that an estimate could rest on
            parts.append(f"{listed} are the least that tell")
    hopeless = sum(finding.needed is None for finding in open_ones)
    if hopeless:
        parts.append(f"for {words.count(hopeless)} no number of samples is known that would tell")
    return "; ".join(parts)


def in_words(finding: Finding) -> str:
    """All of a finding but its row, metric and verdict: both values, the change, what it rests on, and why."""
    parts = []
    if words.finite(finding.base) is not None or words.finite(finding.candidate) is not None:
        parts.append(f"{words.amount(finding.base, finding)} -> {words.amount(finding.candidate, finding)}")
    if words.finite(finding.change) is not None:
        parts.append(words.change(finding))
    parts += [text for text in (words.evidence(finding), words.plain(finding.reason)) if text]
    return "; ".join(parts)


def name(finding: Finding) -> str:
    """What was measured of which row."""
    return f"{words.plain(finding.row, 120) or '?'}: {words.plain(finding.metric, 60) or '?'}"

