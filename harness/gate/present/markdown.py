"""A comparison as Markdown: what GitHub shows as the summary of a step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.gate.findings import ACCURACY, MEMORY, OPERATIONS, SAME, SPEED, Comparison, Finding
from harness.gate.present import words
from harness.gate.present.overall import name, sentence, worst_first

LIMIT = 2**20
"""Bytes that GitHub takes as the summaries of one step (its documentation, "Adding a job summary"); more is refused."""
LEFT_OUT = 200
"""Bytes kept free for the sentence on what was left out."""

SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>#~&!$"} | {"|": "&#124;"})
HOW = {
    SPEED: "speed by a one-sided test on the ratios of pairs that were timed in turn",
    ACCURACY: "accuracy by intervals over the same images, or over training seeds",
    MEMORY: "memory by a stated tolerance",
    OPERATIONS: "operations exactly",
}
RULE = ("`worse` and `better` are changes beyond the margin that are significant with all rows taken together "
        "(Benjamini-Hochberg); `same` lies within the margin with its whole interval; `cannot tell` is neither.")


def markdown(comparison: Comparison, limit: int = LIMIT) -> str:
    """The whole comparison in at most `limit` bytes: the verdict, what is not the same, the rest folded away.

    Where it would be longer, the least interesting lines are left out, and it says how many. "" where not even the
    verdict fits.
    """
    head = [f"## {escape(sentence(comparison))}", "", *_sides(comparison), ""]
    foot = _how(comparison)
    left = limit - _size([*head, *foot])
    if left < 0:
        head = head[:1]
        foot, left = [], limit - _size(head)
    if left < 0:
        return ""
    ordered = worst_first(comparison.findings)
    lines = list(head)
    for title, header, rows in (("", _HEADER, [_row(f) for f in ordered if f.verdict != SAME]),
                                ("", (), [f"- {escape(note)}" for note in comparison.notes]),
                                (_folded_title(comparison), _HEADER, [_row(f) for f in ordered if f.verdict == SAME])):
        block, left = _block(title, header, rows, left)
        lines += block
    return "\n".join([*lines, *foot]).rstrip("\n") + "\n"


def escape(text: object) -> str:
    """A text from outside that Markdown shows as it is: no emphasis, cell borders, tags, links, lists or headings."""
    escaped = words.plain(text).translate(SPECIAL)
    # At the start of a list's item, these would open another list, a rule or a heading.
    escaped = re.sub(r"^([-+=])(?=[-+= ]|$)", r"\\\1", escaped)
    return re.sub(r"^(\d+)([.)])(?= |$)", r"\1\\\2", escaped)


_HEADER = ("| Verdict | Of | Base | Candidate | Change | Why |", "|---|---|---:|---:|---:|---|")


def _row(finding: Finding) -> str:
    figures = (words.amount(finding.base, finding), words.amount(finding.candidate, finding), words.change(finding))
    why = "; ".join(text for text in (words.plain(finding.reason), words.evidence(finding)) if text)
    cells = [f"**{finding.verdict}**" if finding.verdict != SAME else SAME, escape(name(finding)),
             # Spaces that do not break: the column is as wide as its numbers, and the reason takes what is left.
             *(escape(figure).replace(" ", "&nbsp;") for figure in figures), escape(why)]
    return f"| {' | '.join(cells)} |"


def _sides(comparison: Comparison) -> list[str]:
    lines = [f"Candidate **{escape(words.side(comparison.candidate))}** against base "
             f"**{escape(words.side(comparison.base))}**."]
    machines = [words.machine(side.get("machine")) for side in (comparison.base, comparison.candidate)]
    if machines[0] == machines[1]:
        return lines + ([f"Both on {escape(machines[0])}."] if machines[0] else [])
    return lines + [f"{name} on {escape(machine)}." for name, machine in zip(("Base", "Candidate"), machines,
                                                                            strict=True) if machine]


def _how(comparison: Comparison) -> list[str]:
    kinds = {finding.kind for finding in comparison.findings}
    how = "; ".join(text for kind, text in HOW.items() if kind in kinds)
    return [f"How it was decided: {how}. {RULE}"] if how else []


def _folded_title(comparison: Comparison) -> str:
    return f"{words.count(comparison.counts[SAME])} same"


def _block(title: str, header: Sequence[str], rows: Sequence[str], left: int) -> tuple[list[str], int]:
    """The lines of a table or list, folded away under `title` where there is one, and the bytes left after it.

    Rows that do not fit are left out, with a sentence that counts them.
    """
    if not rows:
        return [], left
    before = [f"<details><summary>{title}</summary>", ""] if title else []
    after = ["", "</details>", ""] if title else [""]
    room = left - _size([*before, *header, *after]) - LEFT_OUT
    kept = _that_fit(rows, room)
    lines = [*before, *header, *kept, *after] if kept else []
    if len(kept) < len(rows):
        lines += [f"{words.counted(len(rows) - len(kept), 'lines')} more did not fit here; `--out FILE` has them "
                  "all.", ""]
    used = _size(lines)
    return (lines, left - used) if used <= left else ([], left)


def _that_fit(rows: Sequence[str], room: int) -> list[str]:
    kept = []
    for row in rows:
        room -= _size([row])
        if room < 0:
            break
        kept.append(row)
    return kept


def _size(lines: Iterable[str]) -> int:
    """Bytes of lines with their ends."""
    return sum(len(line.encode("utf-8")) + 1 for line in lines)
