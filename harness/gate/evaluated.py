"""Given weights evaluated by the code of another revision: a whole run of its own harness."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UserError
from harness.gate.revisions import Tree
from harness.gate.sides import Side, resolve


@dataclass(frozen=True)
class Weights:
    """What is evaluated, and on what; names are those of `harness run`."""

    files: dict[str, str]
    """Row -> file of weights."""
    table: str = "table_s2"
    profile: str = "demo"
    options: tuple[str, ...] = field(default_factory=tuple)
    """Further options, such as ("--data", "lsp", "--data-root", "DIR")."""


def evaluate_tree(tree: Tree, weights: Weights, results: Path, tries: int = 1) -> Side:
    """Run `harness run` of that tree on the weights: what it leaves in the results folder, failed rows among it.

    Rows that fail are tried so many times in all. Raises UserError with the last words of a run that leaves nothing.
    """
    command = [sys.executable, "-m", "harness", "run", weights.table, "--profile", weights.profile,
               "--rows", ",".join(weights.files), "--results", str(results), *weights.options]
    for row, file in weights.files.items():
        command += ["--weights", f"{row}={Path(file).resolve()}"]
    for _ in range(tries):  # what is done is not run again
        done = subprocess.run(command, cwd=tree.folder, env={**os.environ, "PYTHONPATH": str(tree.folder)},
                              capture_output=True, text=True)
        if done.returncode == 0:
            break
    try:
        return resolve(str(results))
    except UserError as error:
        words = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise UserError(f"evaluating {', '.join(weights.files)} with the code of {tree.title} failed: "
                        f"{words.removeprefix('harness: error: ')}") from error
