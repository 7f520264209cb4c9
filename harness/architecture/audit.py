"""What is printed, held against what was measured: a finding for every printed value that the network does not have.

Pure functions of records and facts. Where all agrees nothing is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.architecture.printed import prints_as
from harness.published import Fact

Record = Mapping[str, Any]

MEASURED, PRINTED, NEITHER, UNDECIDED = "measured", "printed", "neither", "undecided"
"""Which of the two values the evidence speaks for."""

SETTINGS = ("channels", "heads", "reduction", "expansion", "blocks")
"""Printed of a stage and measured as they are; `divisor` and `depths` are held against grids and blocks below."""


@dataclass(frozen=True)
class Finding:
    """A printed value that does not hold."""

    systems: tuple[str, ...]
    where: str
    """What is printed, for example "stage 2, blocks"."""
    printed: str
    source: str
    measured: str
    evidence: tuple[str, ...]
    speaks_for: str
    """One of MEASURED, PRINTED, NEITHER, UNDECIDED."""

    @property
    def named(self) -> str:
        """The systems in words."""
        *first, last = self.systems
        return f"{', '.join(first)} and {last}" if first else last

    @property
    def text(self) -> str:
        """The finding in one line."""
        outcome = {MEASURED: "the evidence is for the measured value", PRINTED: "the evidence is for the printed value",
                   NEITHER: "the evidence is for neither", UNDECIDED: "nothing here decides which is right"}
        evidence = "; ".join(self.evidence) or "no further evidence"
        return (f"{self.where}: {self.printed} printed ({self.source}), {self.measured} measured; "
                f"{outcome[self.speaks_for]}: {evidence}.")


def audit(rows: Iterable[tuple[str, Record, Sequence[Fact]]], convention: str) -> tuple[Finding, ...]:
    """All findings of a table, equal ones of several systems as one.

    `rows` has title, record and published facts of each measured system; `convention` is how published GMACs were
    counted.
    """
    rows = list(rows)
    agreement = _agreement(rows)
    found = [finding for title, record, facts in rows for finding in _row(title, record, facts, convention, agreement)]
    return tuple(_merged(found))


def stages_of(record: Record) -> list[dict[str, Any]]:
    """The stages at the first input."""
    return list(next(iter(record["architecture"]["stages"].values())))


def divisors(record: Record, stage: int) -> tuple[float, float] | None:
    """What the sides of an image are divided by to give a stage's grid (index from 0), if the same at every input."""
    found = set()
    for at, stages in record["architecture"]["stages"].items():
        height, width = map(int, at.split("x"))
        rows, columns = stages[stage]["grid"]
        found.add((height / rows, width / columns))
    return found.pop() if len(found) == 1 else None


def grid_words(divided: Sequence[float] | None) -> str:
    """A grid as the paper prints it."""
    return f"H/{divided[0]:g}×W/{divided[1]:g}" if divided else "no fixed part of H × W"


def _row(title: str, record: Record, facts: Sequence[Fact], convention: str, agreement: tuple[int, int]
         ) -> Iterator[Finding]:
    for fact in facts:
        for name in SETTINGS:
            for i, printed in enumerate(fact.stages.get(name, ())):
                measured = stages_of(record)[i][name]
                if printed != measured:
                    yield _setting(title, record, facts, fact, name, i, agreement)
        for i, printed in enumerate(fact.stages.get("depths", ())):
            depth = _depth(stages_of(record)[i])
            if printed != depth:
                yield Finding((title,), f"stage {i + 1}, blocks with the CTM's", str(printed), fact.source.short,
                              str(depth), (), UNDECIDED)
        for i, printed in enumerate(fact.stages.get("divisor", ())):
            if _tokens_differ(record, i, printed):
                yield _grid(title, record, facts, fact, i, convention)
        yield from _sizes(title, record, fact, convention)


def _depth(stage: Mapping[str, Any]) -> int:
    return int(stage["blocks"] + stage["merging_blocks"])


def _setting(title: str, record: Record, facts: Sequence[Fact], fact: Fact, name: str, i: int,
             agreement: tuple[int, int]) -> Finding:
    stage, printed = stages_of(record)[i], fact.stages[name][i]
    finding = Finding((title,), f"stage {i + 1}, {name}", f"{printed:g}", fact.source.short, f"{stage[name]:g}", (),
                      UNDECIDED)
    if name != "blocks":
        return finding
    evidence, votes = [], []
    trial = next((t for t in record["architecture"]["trials"]
                  if t["what"] == "blocks" and t["stage"] == i + 1 and t["printed"] == printed), None)
    built = _network(record, "classifier")["parameters"]
    for other in facts:
        wanted = other.values.get("parameters_m")
        if wanted is not None and trial is not None:
            tried = trial["parameters"]
            votes.append(_vote(prints_as(built / 1e6, wanted), prints_as(tried / 1e6, wanted)))
            evidence.append(f"{tried:,} parameters with {printed} blocks, {built:,} with {stage[name]}, "
                            f"{wanted:g}M in the {other.source.short}")
    for other in facts:
        if "depths" in other.stages:
            depth = other.stages["depths"][i]
            votes.append(_vote(depth == _depth(stage), depth == printed + stage["merging_blocks"]))
            evidence.append(f"{depth} blocks with the CTM's in the {other.source.short}, "
                            f"{depth - stage['merging_blocks']} without it")
    same, all_printed = agreement
    if same > all_printed / 2:  # of no use where the printed blocks are counted in another way altogether
        evidence.append(f"{same} of the {all_printed} printed numbers of blocks are the measured ones")
    return replace(finding, evidence=tuple(evidence), speaks_for=_outcome(votes))


def _tokens_differ(record: Record, i: int, printed: int) -> bool:
    return any(_printed_tokens(at, printed) != stages[i]["tokens"]
               for at, stages in record["architecture"]["stages"].items())


def _printed_tokens(at: str, divisor: int) -> float:
    height, width = map(int, at.split("x"))
    return (height / divisor) * (width / divisor)


def _grid(title: str, record: Record, facts: Sequence[Fact], fact: Fact, i: int, convention: str) -> Finding:
    printed = fact.stages["divisor"]
    at, stages = next(iter(record["architecture"]["stages"].items()))
    finding = Finding((title,), f"stage {i + 1}, tokens", grid_words((printed[i], printed[i])), fact.source.short,
                      grid_words(divisors(record, i)), (), UNDECIDED)
    evidence, votes = [], []
    if i:
        before, after = stages[i - 1]["tokens"], stages[i]["tokens"]
        claimed = (printed[i - 1] / printed[i]) ** 2
        if claimed != after / before:  # else the printed grid is wrong only because the one before it is
            evidence.append(f"the merge before this stage keeps {after / before:.2f} of the tokens ({before} to "
                            f"{after} at {at}), by the printed grids it would keep {claimed:.2f}"
                            + (" and merge nothing" if claimed == 1 else ""))
    for other in facts:
        if other is not fact and "divisor" in other.stages:
            there = other.stages["divisor"][i]
            votes.append(_vote(not _tokens_differ(record, i, there), there == printed[i]))
            evidence.append(f"{grid_words((there, there))} in the {other.source.short}")
    trial = next((t for t in record["architecture"]["trials"]
                  if t["what"] == "tokens" and t["printed"] == t["tokens"]), None)
    for other in facts:
        wanted = other.values.get("gmacs")
        if wanted is not None and trial is not None:
            built = _network(record, "classifier")["operations"][trial["input"]][convention]
            tried = trial["operations"][convention]
            votes.append(_nearer(built, tried, wanted) if other.verified else UNDECIDED)
            evidence.append(f"{title} takes {tried:.1f} GMACs with the tokens that are printed of all stages, "
                            f"{built:.1f} with those measured, {wanted:g} in the {other.source.short}")
    return replace(finding, evidence=tuple(evidence), speaks_for=_outcome(votes))


def _sizes(title: str, record: Record, fact: Fact, convention: str) -> Iterator[Finding]:
    """Parameters and operations of the classifier, rounded as the source prints them."""
    classifier = _network(record, "classifier")
    at, counts = next(iter(classifier["operations"].items()))
    wanted = fact.values.get("parameters_m")
    if wanted is not None and not prints_as(classifier["parameters"] / 1e6, wanted):
        yield Finding((title,), "parameters of the classifier", f"{wanted:g}M", fact.source.short,
                      f"{classifier['parameters']:,}", (), UNDECIDED)
    wanted = fact.values.get("gmacs")
    if wanted is not None and not prints_as(counts[convention], wanted):
        yield Finding((title,), f"GMACs of the classifier at {at}", f"{wanted:g}", fact.source.short,
                      f"{counts[convention]:.3f}", (f"{counts[convention] / wanted - 1:+.1%} by the convention "
                                                    f"{convention}; {fact.conditions}".rstrip(". "),), UNDECIDED)


def _network(record: Record, name: str) -> dict[str, Any]:
    return next(network for network in record["architecture"]["networks"] if network["name"] == name)


def _vote(measured: bool, printed: bool) -> str:
    if measured == printed:
        return UNDECIDED if measured else NEITHER
    return MEASURED if measured else PRINTED


def _nearer(measured: float, printed: float, wanted: float) -> str:
    """Which count is within a tenth of a published one: counters differ by some percent, wrong grids by far more."""
    return _vote(abs(measured / wanted - 1) < 0.1, abs(printed / wanted - 1) < 0.1)


def _outcome(votes: Sequence[str]) -> str:
    """What all evidence that decides agrees on; evidence against evidence decides nothing."""
    decided = {vote for vote in votes if vote != UNDECIDED}
    return decided.pop() if len(decided) == 1 else UNDECIDED


def _agreement(rows: Sequence[tuple[str, Record, Sequence[Fact]]]) -> tuple[int, int]:
    """Of all printed numbers of blocks, how many are as measured, and how many there are."""
    pairs = [(printed, stages_of(record)[i]["blocks"]) for _, record, facts in rows for fact in facts
             for i, printed in enumerate(fact.stages.get("blocks", ()))]
    return sum(printed == measured for printed, measured in pairs), len(pairs)


def _merged(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Findings that differ in system and evidence alone, as one with the evidence of all."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        key = (finding.where, finding.printed, finding.source, finding.measured)
        groups.setdefault(key, []).append(finding)
    for group in groups.values():
        evidence = dict.fromkeys(line for finding in group for line in finding.evidence)
        yield replace(group[0], systems=tuple(f.systems[0] for f in group), evidence=tuple(evidence),
                      speaks_for=_outcome([f.speaks_for for f in group]))
