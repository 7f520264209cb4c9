"""The state of the git checkout that this program's code lies in."""

from __future__ import annotations

import subprocess
from pathlib import Path

PACKAGES = ("harness", "tcformer", "baselines")
"""Those of this project: an untracked file in one of them is code, and anywhere else it is not (notes, records)."""


def git_says(root: Path, *arguments: str) -> str | None:
    """What a git command prints, without the line's end; None where it fails, or where there is no git."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def is_changed(root: Path) -> bool | None:
    """Whether the code differs from its commit: a tracked file has changes, or a package a new file.

    None outside of a checkout.
    """
    status = git_says(root, "status", "--porcelain", "--untracked-files=all")
    if status is None:
        return None
    return any(not line.startswith("??") or line[3:].startswith(tuple(f"{name}/" for name in PACKAGES))
               for line in status.splitlines())
