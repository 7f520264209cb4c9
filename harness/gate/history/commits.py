"""What a git checkout knows of commits: their order, their dates and subjects, and what lies between two of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from harness.errors import UserError
from harness.profiling.revision import git

FULL = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True)
class Commit:
    """A commit that the checkout has."""

    id: str
    date: str
    """Of the commit, ISO 8601, UTC."""
    subject: str


@dataclass(frozen=True)
class Repository:
    """A checkout, which may be shallow, another project's, or none at all."""

    root: Path

    @cached_property
    def exists(self) -> bool:
        """Whether there is one."""
        return git(self.root, "rev-parse", "--git-dir").returncode == 0

    def known(self, commits: Iterable[str]) -> dict[str, Commit]:
        """Those of some commits that the checkout has, parents before children, by date where neither is before."""
        wanted = {commit for commit in commits if FULL.fullmatch(commit)}
        if not wanted or not self.exists:
            return {}
        found = self._log("--ignore-missing", *sorted(wanted))
        return {commit.id: commit for commit in found if commit.id in wanted}

    def between(self, base: str, last: str) -> list[Commit]:
        """The commits that `last` has and `base` has not, `last` included, in order. Both must be known."""
        return self._log(f"{base}..{last}")

    def is_before(self, base: str, last: str) -> bool:
        """Whether `last` builds on `base`. Both must be known."""
        return git(self.root, "merge-base", "--is-ancestor", base, last).returncode == 0

    def before(self, revision: str) -> tuple[str, set[str]] | None:
        """A revision's commit, and all that it builds on; None where it is no revision."""
        if not self.exists or revision.startswith("-") or "\0" in revision:
            return None
        done = git(self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if done.returncode != 0:
            return None
        commit = done.stdout.decode().strip()
        return commit, {one.id for one in self._log(commit)} - {commit}

    def _log(self, *arguments: str) -> list[Commit]:
        done = git(self.root, "log", "--date-order", "--reverse", "--no-show-signature", "--format=%H%x1f%cI%x1f%s",
                   *arguments, "--")
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
            raise UserError(f"git could not list commits in {self.root}: {said[-1]}")
        lines = (line.split("\x1f", 2) for line in done.stdout.decode(errors="replace").split("\n"))
        return [Commit(line[0], _utc(line[1]), line[2]) for line in lines if len(line) == 3]


def _utc(date: str) -> str:
    return datetime.fromisoformat(date).astimezone(UTC).isoformat(timespec="seconds")
