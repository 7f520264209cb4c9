"""What became of the published weights of a folder, in words: a verdict for each file against what it should reach."""

from __future__ import annotations

from pathlib import Path

from harness.plan import Plan
from harness.report import words
from harness.report.model import FAILED, RowReport, TableReport
from harness.zoo.container import SUFFIX
from harness.zoo.found import Found
from harness.zoo.known import hash_in_name


def lines(plan: Plan, report: TableReport) -> list[str]:
    """Each row that was looked for: its file and verdicts, or why it was not evaluated."""
    rows = {str(row.result.row["id"]): row for row in report.rows}
    said = ["published weights, evaluated only:"]
    for name, found in plan.found.items():
        if found.missing:
            said.append(f"  {name}: missing: {found.missing}")
            continue
        path = found.paths[0]
        said.append(f"  {name}: {path.name} ({_checked(path)})")
        said += [f"    {line}" for line in _judged(rows[name], found)]
        said += [f"    also there: {other.name} (--weights {name}={other} evaluates it)" for other in found.paths[1:]]
    return said


def _checked(path: Path) -> str:
    if path.suffix == SUFFIX:
        return "imported"
    digits = hash_in_name(path.name)
    return f"SHA-256 {digits} as in its name" if digits else "its name has no hash"


def _judged(row: RowReport, found: Found) -> list[str]:
    if row.result.status == FAILED:
        return ["failed, see above"]
    assert found.file is not None
    said = []
    for source in found.file.expected:
        cell = row.headline(source)
        if cell is None or cell.verdict is None or cell.source is None:
            continue
        column = f"{words.part_title(cell.part)} {cell.metric}"
        text = f"{column} {words.fraction(cell.published)} in {cell.source.source.short} ({source})"
        said.append(f"{text}, {words.fraction(cell.measured)} here: {cell.verdict.verdict} ({cell.verdict.reason})")
    return said
