"""Accuracy of rows that both sides have: a verdict for AP and AR of every part.

worse: lower than chance explains, after adjusting for all cells that are looked at (Benjamini-Hochberg), and the
estimate lies beyond the margin. better: the same in the other direction. same: the whole 95 % interval of the change
lies within the margin. Otherwise nobody can tell. What chance there is, depends on the evidence (see
`harness.gate.evidence`): other images, or other training seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.gate.changes import Change, over_images, over_seeds
from harness.gate.conditions import score_differences
from harness.gate.evidence import METRICS, SLACK, Images, Nothing, Seeds, evidence_of, trained_apart
from harness.gate.findings import ACCURACY, BETTER, CANNOT_TELL, NOT_COMPARABLE, SAME, WORSE, Finding
from harness.gate.paired import ALPHA, benjamini_hochberg
from harness.gate.rows import WHOLE, RowPair
from harness.report.verdicts import MARGIN

__all__ = ["MARGIN", "accuracy_findings"]


@dataclass(frozen=True)
class Cell:
    """AP or AR of one part of a row on both sides."""

    row: str
    metric: str
    base: float | None
    candidate: float | None
    change: Change | None
    basis: str
    """What the change rests on; where there is none, why."""


def accuracy_findings(pairs: Sequence[RowPair], margin: float = MARGIN) -> list[Finding]:
    """A finding for every row, part and metric; one for a whole row whose sides may not be compared.

    Raises UserError for a record that does not state its settings.
    """
    cells: list[Cell] = []
    refused: list[Finding] = []
    for pair in pairs:
        reasons = score_differences(pair.base.record, pair.candidate.record)
        if reasons:
            refused.append(Finding(pair.name, WHOLE, ACCURACY, NOT_COMPARABLE, "; ".join(reasons)))
        else:
            cells += cells_of(pair, margin)
    return [*refused, *judge(cells, margin)]


def cells_of(pair: RowPair, margin: float) -> Iterator[Cell]:
    """The cells of a row; those that neither side has a score for are left out."""
    evidence = evidence_of(pair)
    before, after = (row.record["metrics"]["parts"] for row in (pair.base, pair.candidate))
    for part in dict.fromkeys([*before, *after]):
        for metric in METRICS:
            base, candidate = (side.get(part, {}).get(metric) for side in (before, after))
            if base is None and candidate is None:
                continue
            if base is None or candidate is None:
                yield Cell(pair.name, f"{part} {metric}", base, candidate, None, "only one side has a score")
            else:
                yield _cell(pair, part, metric, base, candidate, evidence, margin)


def _cell(pair: RowPair, part: str, metric: str, base: float, candidate: float, evidence: Images | Seeds | Nothing,
          margin: float) -> Cell:
    name = f"{part} {metric}"
    if isinstance(evidence, Nothing):
        return Cell(pair.name, name, base, candidate, None, evidence.reason)
    if isinstance(evidence, Seeds):
        before, after = ([record["metrics"]["parts"][part][metric] for record in side]
                         for side in (evidence.base, evidence.candidate))
        return Cell(pair.name, name, fmean(before), fmean(after), over_seeds(before, after, margin),
                    f"means of {len(before)} and {len(after)} training seeds")
    first, second = (side.samples.get(part, {}).get(metric) for side in (evidence.base, evidence.candidate))
    change = None
    if first is not None and second is not None:
        change = over_images(base, candidate, first, second, evidence.base.images.get(part, 0), margin)
    if change is None:
        return Cell(pair.name, name, base, candidate, None, "too few images have this part")
    return Cell(pair.name, name, base, candidate, change, _basis(pair, evidence))


def _basis(pair: RowPair, evidence: Images) -> str:
    text = f"paired over images, {evidence.base.draws[1]} resamples"
    if trained_apart(pair):
        text += ("; each side trained a network of its own, once: this is about these two networks, and another seed "
                 "could move either as far")
    return text


def judge(cells: Sequence[Cell], margin: float) -> list[Finding]:
    """The verdicts of all cells that are looked at together."""
    known = [cell.change for cell in cells if cell.change is not None]
    worse, better = (iter(benjamini_hochberg([getattr(change, side) for change in known]))
                     for side in ("p_worse", "p_better"))
    findings = []
    for cell in cells:
        if cell.change is None:
            change = None if cell.base is None or cell.candidate is None else cell.candidate - cell.base
            findings.append(Finding(cell.row, cell.metric, ACCURACY, NOT_COMPARABLE if change is None else CANNOT_TELL,
                                    cell.basis, cell.base, cell.candidate, change=change, margin=margin))
        else:
            p = {True: next(worse), False: next(better)}[cell.change.value < 0]
            findings.append(_judged(cell, cell.change, p, margin))
    return findings


def _judged(cell: Cell, change: Change, p: float, margin: float) -> Finding:
    verdict = CANNOT_TELL
    if p <= ALPHA and abs(change.value) > margin:
        verdict = WORSE if change.value < 0 else BETTER
    elif -margin - SLACK <= change.low and change.high <= margin + SLACK:
        verdict = SAME
    return Finding(cell.row, cell.metric, ACCURACY, verdict, f"{_why(verdict, change, p, margin)} ({cell.basis})",
                   cell.base, cell.candidate, change=change.value, low=change.low, high=change.high, margin=margin, p=p,
                   samples=change.samples, of=change.of, needed=change.needed if verdict == CANNOT_TELL else None)


def _why(verdict: str, change: Change, p: float, margin: float) -> str:
    if verdict in (WORSE, BETTER):
        return f"{'lower' if verdict == WORSE else 'higher'} by more than {margin:g} and more than chance explains"
    if verdict == SAME:
        equal = change.value == change.low == change.high == 0
        return "equal in every resample" if equal else f"the whole interval lies within ±{margin:g}"
    if p > ALPHA:
        return f"chance could explain the change, and the interval reaches beyond ±{margin:g}"
    return f"a change of less than {margin:g}, but its interval reaches beyond"
