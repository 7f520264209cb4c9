"""A comparison as annotations of GitHub: workflow commands, which a step prints and the page of a change shows.

The commands and what is escaped in them are those of GitHub's toolkit (`@actions/core`, command.ts) and of the runner
that reads them (ActionCommand.cs).
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.gate.findings import BETTER, UNDECIDED, WORSE, Comparison, Finding
from harness.gate.present import words
from harness.gate.present.overall import in_words, name, sentence, worst_first

ERROR, WARNING, NOTICE = "error", "warning", "notice"
SHOWN = 10
"""Annotations of one level that GitHub shows for a step (limits of its runner); what comes after them is dropped."""


def commands(comparison: Comparison, strict: bool = False) -> list[str]:
    """The commands, one a line, worst first: an error for what is worse, a warning for what is undecided (an error
    with `strict`), a notice for what is better; nothing for what is the same.
    """
    ordered = worst_first(comparison.findings)
    undecided = [finding for finding in ordered if finding.verdict in UNDECIDED]
    worse = [finding for finding in ordered if finding.verdict == WORSE]
    levels = {ERROR: worse + undecided if strict else worse, WARNING: [] if strict else undecided,
              NOTICE: [finding for finding in ordered if finding.verdict == BETTER]}
    # What holds of the whole comparison, before any row.
    general = [] if comparison.findings and comparison.complete else [
        command(ERROR if strict else WARNING, "the comparison is not complete", sentence(comparison))]
    lines = []
    for level, findings in levels.items():
        own = [line for line in general if line.startswith(f"::{level} ")]
        lines += own + _at_most(level, findings, SHOWN - len(own))
    return lines


def _at_most(level: str, findings: Sequence[Finding], most: int) -> list[str]:
    if len(findings) <= most:
        return [_of(level, finding) for finding in findings]
    shown, rest = findings[: most - 1], findings[most - 1:]
    names = "; ".join(f"{finding.verdict}: {name(finding)}" for finding in rest)
    return [*(_of(level, finding) for finding in shown),
            command(level, f"and {words.count(len(rest))} more", words.plain(names))]


def _of(level: str, finding: Finding) -> str:
    return command(level, f"{finding.verdict}: {name(finding)}", in_words(finding))


def command(level: str, title: str, message: str) -> str:
    """One workflow command, which is one line whatever the texts are."""
    return f"::{level} title={escape_property(title)}::{escape_data(message)}"


def escape_data(text: str) -> str:
    """A command's message: per cent, carriage return and line feed are escaped."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """A command's property: colon and comma, which end it, are escaped as well."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")
