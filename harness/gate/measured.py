"""Two revisions measured and compared: speed in pairs, memory, operations, accuracy of given weights, benchmarks."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.checkout import is_changed
from harness.errors import UserError
from harness.files import write_json
from harness.gate import calibration, speed
from harness.gate.blocks import network_pairs
from harness.gate.costs import Costs, counted, measure_costs
from harness.gate.evaluated import Weights, evaluate_tree
from harness.gate.exact import memory_finding, operations_findings
from harness.gate.faults import blame
from harness.gate.findings import ACCURACY, KINDS, MEMORY, NOT_COMPARABLE, OPERATIONS, SPEED, WORSE, Comparison, Finding
from harness.gate.pairs import MeasurePair, Pair
from harness.gate.revisions import ROOT, Tree, alike, checked_out
from harness.gate.sides import Side
from harness.gate.speed import Machine, Timing
from harness.profiling.subjects import Settings, Subject
from harness.record import now, provenance
from harness.report.verdicts import MARGIN

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What is measured, and how."""

    base: str
    """A revision, or `HERE`."""
    candidate: str
    subjects: tuple[Subject, ...]
    settings: Settings
    kinds: tuple[str, ...] = KINDS
    pairs: int = 12
    calibration: Path | None = None
    """File of A/A runs; None to go by the scatter of this run."""
    weights: Weights | None = None
    """What is evaluated on both sides; None for no accuracy."""
    margin: float | None = None
    """Of accuracy; None for the default."""
    benchmarks: tuple[str, ...] = ()
    """Files of pytest-benchmark that are run on both sides."""


@dataclass
class State:
    """What has been measured so far, and the file that it is kept in as it grows."""

    file: Path
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    timings: dict[str, Timing] = field(default_factory=dict)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By network and input what was counted on either side."""
    sides: dict[str, dict[str, Any]] = field(default_factory=dict)
    complete: bool = False

    def comparison(self) -> Comparison:
        """All of it."""
        timed = [finding for timing in self.timings.values() for finding in timing.findings()]
        notes = [note for timing in self.timings.values() for note in timing.notes]
        details: dict[str, Any] = {name: timing.to_json() for name, timing in self.timings.items()}
        if self.operations:
            details["operations"] = self.operations
        return Comparison(self.sides.get("base", {}), self.sides.get("candidate", {}), (*timed, *self.findings),
                          (*self.notes, *notes), now(), self.complete, details)

    def keep(self) -> None:
        """Write it down; where that fails, say so once and go on: what is measured is worth more than its file."""
        try:
            write_json(self.file, self.comparison().to_json())
        except UserError as error:
            note = f"not kept on the disk: {error}"
            if note not in self.notes:
                self.notes.append(note)


def state_file(results: Path, request: Request) -> Path:
    """Where a comparison is kept while it grows."""
    names = "-".join(re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "worktree"
                     for name in (request.base, request.candidate))
    return results / "gate" / f"{now()[:19].replace(':', '')}-{names}.json"


def measure(request: Request, state: State, tell: Tell = lambda text: None) -> None:
    """Measure everything that was asked for into `state`.

    Raises UserError, or KeyboardInterrupt, with `state` holding what was done until then.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="harness-gate-")))
        base, candidate, again = stack.enter_context(_trees(request, folder, state))
        state.notes += alike(base, candidate)
        rows = {subject.title: subject for subject in request.subjects}
        if ACCURACY in request.kinds and request.weights is not None:
            _accuracy(request, request.weights, base, candidate, folder, state, tell)
        if OPERATIONS in request.kinds or MEMORY in request.kinds:
            _costs(request, rows, base, candidate, folder, state, tell)
        state.keep()
        if SPEED in request.kinds and rows:
            changed, equal = (network_pairs(base, other, rows, request.settings, folder)
                              for other in (candidate, again))
            _speed("networks", request, tuple(rows), changed, equal, state, tell)
        if SPEED in request.kinds and request.benchmarks:
            from harness.gate.bench_runs import find_benchmarks

            changed, equal, names = find_benchmarks(base, candidate, again, request.benchmarks, folder)
            _speed("benchmarks", request, names, changed, equal, state, tell)
        state.complete = True
        state.keep()


@contextlib.contextmanager
def _trees(request: Request, folder: Path, state: State) -> Iterator[tuple[Tree, Tree, Tree]]:
    with contextlib.ExitStack() as stack:
        trees = []
        for side, name in (("base", request.base), ("candidate", request.candidate), ("again", request.base)):
            # Names of one length: the length of a path must not be what two sides differ by.
            tree = stack.enter_context(checked_out(name, folder / f"tree-{side[0]}"))
            trees.append(tree)
            if side != "again":
                state.sides[side] = {**tree.describe(), "machine": machine_facts(request.settings)}
        yield trees[0], trees[1], trees[2]


def machine_facts(settings: Settings) -> dict[str, Any]:
    """What it is measured on."""
    from harness.hardware import machine

    return {**machine(), "device": settings.device, "threads": settings.threads}


def _speed(name: str, request: Request, rows: tuple[str, ...], changed: MeasurePair, equal: MeasurePair, state: State,
           tell: Tell) -> None:
    timing = state.timings[name] = Timing(rows)
    facts = machine_facts(request.settings)
    machine = Machine(facts, calibration.fingerprint(facts, request.settings.device, request.settings.threads,
                                                     provenance()["packages"]), request.calibration)

    def keep(which: str, pair: Pair) -> None:
        if which == "A/B":
            state.keep()

    speed.measure(timing, changed, equal, machine, request.pairs,
                  lambda text: tell(f"{name}: {text}"), keep)


def _costs(request: Request, rows: Mapping[str, Subject], base: Tree, candidate: Tree, folder: Path, state: State,
           tell: Tell) -> None:
    memory, operations = MEMORY in request.kinds, OPERATIONS in request.kinds

    def both(subjects: Mapping[str, Subject], again: str = "") -> list[Costs]:
        found = []
        for tree in (base, candidate):
            tell(f"memory and operations of {tree.title}{again}")
            found.append(measure_costs(tree, subjects, request.settings, folder, memory=memory, operations=operations))
        return found

    one, other = both(rows)
    alone = {row: subject for row, subject in rows.items()
             if any(name in other.failed and name not in one.failed for name in (row, counted(subject)))}
    again = both(alone, ", once more: the candidate failed") if alone else [Costs(), Costs()]
    if operations:
        for name in dict.fromkeys(counted(subject) for subject in rows.values()):
            lost = _lost(name, OPERATIONS, "multiply-adds", one, other, again)
            if not lost:
                state.operations[name] = {"base": one.operations[name], "candidate": other.operations[name]}
            state.findings += [lost] if lost else operations_findings(name, one.operations[name],
                                                                      other.operations[name])
    if memory:
        for row, subject in rows.items():
            if subject.what == "clustering":
                continue
            lost = _lost(row, MEMORY, "peak memory", one, other, again)
            state.findings.append(lost or memory_finding(row, one.peak_bytes[row], other.peak_bytes[row],
                                                         request.settings.device))


def _lost(row: str, kind: str, metric: str, base: Costs, candidate: Costs, again: Sequence[Costs]) -> Finding | None:
    """What to say where a side failed; `again` is one more try of both sides where the candidate failed alone."""
    if row in base.failed:
        return Finding(row, metric, kind, NOT_COMPARABLE, f"failed on the base's side: {base.failed[row]}")
    if row in candidate.failed:
        verdict, reason = blame(candidate.failed[row], *(side.failed.get(row) for side in again))
        return Finding(row, metric, kind, verdict, reason)
    return None


def _accuracy(request: Request, weights: Weights, base: Tree, candidate: Tree, folder: Path, state: State, tell: Tell
              ) -> None:
    from harness.gate.rows import WHOLE
    from harness.gate.stored import compare_stored

    def evaluated(side: str, tree: Tree, tries: int) -> Side:
        tell(f"evaluating {', '.join(weights.files)} with the code of {tree.title}")
        return evaluate_tree(tree, weights, folder / f"evaluated-{side}", tries)

    base_side = evaluated("base", base, 1)
    try:
        candidate_side = evaluated("candidate", candidate, 2)
    except UserError as error:
        state.findings += [Finding(row, WHOLE, ACCURACY, WORSE, f"twice, where the base was evaluated: {error}")
                           for row in weights.files]
        state.keep()
        return
    found = compare_stored(base_side, candidate_side, margin=MARGIN if request.margin is None else request.margin,
                           kinds=(ACCURACY,))
    state.findings += found.findings
    state.notes += found.notes
    state.keep()


def default_base(root: Path = ROOT) -> str:
    """What a working tree is held against: the last commit where it has changes, else the commit before.

    Of files that git does not track only those of this project's packages count: not notes, nor kept baselines.
    """
    changed = is_changed(root)
    if changed is None:
        raise UserError(f"{root} is not a git checkout, so it has no commit before; name BASE and CANDIDATE")
    return "HEAD" if changed else "HEAD~1"
