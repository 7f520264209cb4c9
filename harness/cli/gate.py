"""`harness gate`: `harness compare` for CI."""

from __future__ import annotations

from harness.cli import compare

NAME = "gate"
EXAMPLE = "harness gate HEAD~1 --junit gate.xml --github"
HELP = """Stop a change that makes something worse: compare the working tree with the commit before it.

The same as `harness compare`, with BASE the last commit (the one before it where nothing has changed since) and
CANDIDATE the working tree.

Exit status: 0 same or better, or cannot tell without --strict, 1 worse, 2 cannot tell or not comparable with --strict,
3 a mistake in what was asked for.
"""

command = compare.command
