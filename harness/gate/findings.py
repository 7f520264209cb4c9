"""What a comparison says: one verdict a metric and row, and what the whole comes to. Data only."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.errors import UserError

SAME = "same"
BETTER = "better"
WORSE = "worse"
CANNOT_TELL = "cannot tell"
NOT_COMPARABLE = "not comparable"
VERDICTS = (SAME, BETTER, WORSE, CANNOT_TELL, NOT_COMPARABLE)
UNDECIDED = (CANNOT_TELL, NOT_COMPARABLE)

SPEED, ACCURACY, MEMORY, OPERATIONS = "speed", "accuracy", "memory", "operations"
KINDS = (ACCURACY, SPEED, MEMORY, OPERATIONS)

SCHEMA = 1
"""Of comparisons as JSON."""


@dataclass(frozen=True)
class Finding:
    """One metric of one row, base beside candidate."""

    row: str
    """What was measured: a row of a table, a network with its input, a benchmark."""
    metric: str
    """For accuracy "<part> AP" or "<part> AR"; "time", "peak memory", "multiply-adds", "parameters"."""
    kind: str
    """One of KINDS."""
    verdict: str
    """One of VERDICTS."""
    reason: str
    """Why, in words; for CANNOT_TELL what it would take, for NOT_COMPARABLE what differs."""
    base: float | None = None
    candidate: float | None = None
    unit: str = ""
    """Of base and candidate: "ms", "bytes", "" for fractions and counts."""
    change: float | None = None
    """Accuracy: candidate - base. Everything else: candidate / base - 1, above 0 where the candidate needs more."""
    low: float | None = None
    """Of the 95 % interval of the change, as `high`; None where there is none."""
    high: float | None = None
    margin: float | None = None
    """Changes up to this size count as the same."""
    p: float | None = None
    """Of the one-sided test in the direction of the change, adjusted for the number of rows."""
    samples: int | None = None
    """Pairs, images or seeds that informed it."""
    of: str = ""
    """What `samples` and `needed` count: pairs, images or seeds."""
    needed: int | None = None
    """So many would tell; None where none would, or where it is told."""

    @property
    def relative(self) -> bool:
        """Whether the change is a share of the base, not a difference."""
        return self.kind != ACCURACY


@dataclass(frozen=True)
class Comparison:
    """Two sides and all that was found."""

    base: dict[str, Any]
    """`name` as the user gave it and `kind` (see `harness.gate.sides`); `commit`, `machine`, `created` where known."""
    candidate: dict[str, Any]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    """What else a reader must know, a sentence each."""
    created: str = ""
    complete: bool = True
    """False where measuring was cut short: interrupted, or a device lost."""
    details: dict[str, Any] = field(default_factory=dict)
    """What the verdicts rest on, such as all pairs of a speed comparison."""

    @property
    def verdict(self) -> str:
        """The worst of the findings; CANNOT_TELL where there are none, or not all, and none of them is worse."""
        found = self.counts
        for name in (WORSE, NOT_COMPARABLE, CANNOT_TELL):
            if found[name]:
                return name
        return (BETTER if found[BETTER] else SAME) if self.findings and self.complete else CANNOT_TELL

    @property
    def counts(self) -> Counter[str]:
        """Findings by verdict."""
        return Counter(finding.verdict for finding in self.findings)

    @property
    def exit_status(self) -> int:
        """0: nothing is worse, and all is decided. 1: something is worse. 2: something cannot be decided."""
        return {WORSE: 1, CANNOT_TELL: 2, NOT_COMPARABLE: 2}.get(self.verdict, 0)

    def to_json(self) -> dict[str, Any]:
        """As JSON-able data."""
        return {"schema": SCHEMA, "kind": "comparison", "created": self.created, "verdict": self.verdict,
                "exit_status": self.exit_status, "complete": self.complete, "base": self.base,
                "candidate": self.candidate, "findings": [asdict(finding) for finding in self.findings],
                "notes": list(self.notes), "details": self.details}

    @classmethod
    def from_json(cls, data: Any, place: str) -> Comparison:
        """The inverse of `to_json`. Raises UserError naming the place for anything else."""
        if not isinstance(data, dict) or data.get("kind") != "comparison":
            raise UserError(f"{place} is no comparison, which `harness compare --out FILE` writes")
        if data.get("schema") != SCHEMA:
            raise UserError(f"{place} is a comparison of schema {data.get('schema')}; this version reads {SCHEMA}")
        try:
            findings = tuple(Finding(**one) for one in data["findings"])
            unknown = [one.verdict for one in findings if one.verdict not in VERDICTS]
            unknown += [one.kind for one in findings if one.kind not in KINDS]
            if unknown:
                raise UserError(f"{place} is a damaged comparison: '{unknown[0]}' is no verdict and no kind of finding")
            return cls(data["base"], data["candidate"], findings, tuple(data["notes"]), data["created"],
                       data["complete"], data["details"])
        except (KeyError, TypeError) as error:
            raise UserError(f"{place} is a damaged comparison: {error}") from error
