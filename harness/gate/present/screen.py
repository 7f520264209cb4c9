"""A comparison on a terminal of 80 columns, whole in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.gate.findings import BETTER, CANNOT_TELL, NOT_COMPARABLE, SAME, WORSE, Comparison, Finding
from harness.gate.present import words
from harness.gate.present.overall import by_kind, sentence, worst_first
from harness.report.plain import plain_table, print_whole

STYLES = {WORSE: "bold red", BETTER: "green", CANNOT_TELL: "yellow", NOT_COMPARABLE: "magenta", SAME: ""}

VERDICT = len(CANNOT_TELL)
"""Width of the column of verdicts: the one longer one takes two lines, so that a row's name fits beside intervals."""


def show(comparison: Comparison, every: bool = False) -> None:
    """Print a comparison; `every` shows what is the same one by one, too."""
    print_whole(render(comparison, every))


def render(comparison: Comparison, all_rows: bool = False) -> Group:
    """A table for each kind, a line a reason, the notes, and one line that says it all.

    What is the same takes one line for each row, unless `all_rows` is set.
    """
    blocks: list[RenderableType] = [Text(f"base       {words.side(comparison.base)}"),
                                    Text(f"candidate  {words.side(comparison.candidate)}"), Text("")]
    for kind, findings in by_kind(comparison.findings):
        blocks += [_table(kind, findings, all_rows), Text("")]
    reasons = list(_reasons(comparison.findings))
    blocks += [*reasons, Text("")] if reasons else []
    blocks += [Text(words.plain(note), style="dim") for note in comparison.notes]
    blocks.append(Text(sentence(comparison), style=STYLES[comparison.verdict] or "bold"))
    return Group(*blocks)


def _table(kind: str, findings: list[Finding], all_rows: bool) -> Table:
    table = plain_table(kind, "what", "metric", "base", "candidate", "change")
    table.columns[0].max_width = max(len(kind), VERDICT)
    for column in (3, 4, 5):  # texts wrap, numbers do not
        table.columns[column].no_wrap = True
    for column in (3, 4):
        table.columns[column].justify = "right"
    for finding in findings:
        if all_rows or finding.verdict != SAME:
            _add(table, finding.verdict, finding.row, finding.metric, *_figures(finding))
    if not all_rows:
        for same in _rows_of(finding for finding in findings if finding.verdict == SAME):
            first = same[0]  # the largest change: they come worst first
            if len(same) == 1:
                _add(table, SAME, first.row, first.metric, *_figures(first))
            else:
                _add(table, SAME, first.row, f"{words.count(len(same))} metrics", "", "", _at_most(first))
    return table


def _add(table: Table, verdict: str, *cells: str) -> None:
    # As Text: brackets in a plain string would be taken for markup.
    table.add_row(Text(verdict, style=STYLES[verdict]), *(Text(words.plain(cell)) for cell in cells))


def _figures(finding: Finding) -> tuple[str, str, str]:
    return words.amount(finding.base, finding), words.amount(finding.candidate, finding), words.change(finding)


def _at_most(finding: Finding) -> str:
    change = words.finite(finding.change)
    return "" if change is None else f"at most {words.size(change, finding.relative)}"


def _rows_of(findings: Iterable[Finding]) -> list[list[Finding]]:
    rows: dict[str, list[Finding]] = {}
    for finding in findings:
        rows.setdefault(finding.row, []).append(finding)
    return list(rows.values())


def _reasons(findings: Iterable[Finding]) -> Iterator[Text]:
    """Why, for all that is not the same; findings that share a reason share its line."""
    shared: dict[tuple[str, str], dict[str, list[str]]] = {}
    for finding in worst_first(findings):
        if finding.verdict != SAME:
            metrics = shared.setdefault((finding.verdict, words.plain(finding.reason)), {})
            metrics.setdefault(words.plain(finding.row, 120), []).append(words.plain(finding.metric, 60))
    for (verdict, reason), rows in shared.items():
        names = "; ".join(f"{row}: {', '.join(metrics)}" for row, metrics in rows.items())
        yield Text.assemble((verdict, STYLES[verdict]), f"  {words.plain(names)}: ", reason or "no reason given")
