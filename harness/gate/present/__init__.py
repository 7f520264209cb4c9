"""What a comparison looks like: on a terminal, as Markdown, as GitHub's annotations, as JUnit XML.

All but `write` and `show` are pure functions of a `harness.gate.findings.Comparison`.
"""

from harness.gate.present.outputs import as_json, write
from harness.gate.present.screen import render, show

__all__ = ["as_json", "render", "show", "write"]
