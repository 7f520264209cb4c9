"""The TCFormer package of another commit of this repository, taken out of git into a temporary folder."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from harness.errors import UserError

ROOT = Path(__file__).parents[2]
PACKAGE = "tcformer"


def resolve(revision: str, root: Path = ROOT, option: str = "--against ") -> str:
    """The full commit of a revision. Raises UserError outside of a git checkout, or for an unknown revision.

    `option` is what a user gave the revision to, for the messages.
    """
    if not (root / ".git").exists():
        raise UserError(f"{option}{revision}: {root} is not a git checkout, so it has no other revision")
    done = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if done.returncode != 0:
        raise UserError(f"{option}{revision}: no such commit in {root}; name a commit, branch or tag")
    return done.stdout.decode().strip()


def extract(commit: str, folder: Path, root: Path = ROOT) -> None:
    """Write that commit's package into a folder. Raises UserError where the commit has none."""
    done = git(root, "archive", "--format=tar", commit, PACKAGE)
    if done.returncode != 0:
        raise UserError(f"--against {commit[:7]}: that commit has no folder {PACKAGE}/")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a checkout. Raises UserError where there is no git, or where it takes minutes."""
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"other revisions need git: {error}") from error
