"""The source trees that are compared: a commit of this repository, or the working tree as it is."""

from __future__ import annotations

import contextlib
import os
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.checkout import PACKAGES as ALL_PACKAGES
from harness.checkout import git_says, is_changed
from harness.errors import UserError
from harness.profiling.revision import ROOT, git, resolve
from harness.profiling.worker import PACKAGES

HERE = "."
"""How a user names the working tree."""


@dataclass(frozen=True)
class Tree:
    """A side's source, in a folder of its own that nobody else changes."""

    name: str
    """As the user gave it."""
    folder: Path
    commit: str | None
    """None outside a git repository."""
    dirty: bool = False
    """Whether it has changes that are in no commit."""

    def has(self, package: str) -> bool:
        """Whether it has that package of networks."""
        return (self.folder / package / "__init__.py").is_file()

    @property
    def title(self) -> str:
        """For people: the name, and the commit where that says more."""
        short = (self.commit or "")[:7]
        changes = " with changes" if self.dirty else ""
        return f"{self.name} ({short}{changes})" if short and not self.name.startswith(short) else self.name + changes

    def describe(self) -> dict[str, object]:
        """As a comparison's side."""
        return {"name": self.name, "kind": "worktree" if self.name == HERE else "revision", "commit": self.commit,
                "dirty": self.dirty}


def check_here(root: Path = ROOT) -> None:
    """Raise UserError where the user stands in another checkout than the one that is measured, or in none.

    An installed program belongs to the checkout that it was installed from; its verdict must not pass for another's.
    """
    here = git_says(Path.cwd(), "rev-parse", "--show-toplevel")
    if (root / ".git").exists() and (here is None or Path(here).resolve() != root.resolve()):
        raise UserError(f"this program measures the checkout that it was installed from, {root}, and you are in "
                        f"{here or Path.cwd()}: go there, or install the checkout that you mean (python -m pip install "
                        "-e .), or call python -m harness in it")


def alike(base: Tree, candidate: Tree) -> list[str]:
    """A sentence where the two have the same code, or the same networks: what then differs is chance. Else nothing."""
    if all(_code(base, package) == _code(candidate, package) for package in ALL_PACKAGES):
        return ["both sides are the same code: whatever differs is chance"]
    if all(_code(base, package) == _code(candidate, package) for package in PACKAGES):
        return [f"both sides have the same networks ({', '.join(PACKAGES)}): what differs in their speed, memory and "
                "operations is chance"]
    return []


def _code(tree: Tree, package: str) -> dict[str, bytes]:
    """A package's files by name, with their content."""
    folder = tree.folder / package
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*")
            if file.is_file() and "__pycache__" not in file.parts}


@contextlib.contextmanager
def checked_out(name: str, folder: Path, root: Path = ROOT) -> Iterator[Tree]:
    """A tree in `folder`, which must not be there yet; it is removed at the end.

    Raises UserError for an unknown revision, one without any package of networks, and one that needs packages which
    are not installed here.
    """
    _need_repository(root)
    try:
        if name == HERE:
            tree = _copied(folder, root)
        else:
            commit = resolve(name, root, option="")
            done = git(root, "worktree", "add", "--detach", "--force", str(folder), commit)
            if done.returncode != 0:
                raise UserError(f"{name}: git could not check it out: {_last_line(done.stderr)}")
            tree = Tree(name, folder, commit)
        check(tree)
        yield tree
    finally:
        if name != HERE:
            git(root, "worktree", "remove", "--force", str(folder))
        shutil.rmtree(folder, ignore_errors=True)
        git(root, "worktree", "prune")


def _copied(folder: Path, root: Path) -> Tree:
    """The working tree's files, those that git ignores left out: what is edited meanwhile must not reach a block."""
    listed = git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in os.fsdecode(listed.stdout).split("\0"):
        source = root / name
        if name and source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    head = git(root, "rev-parse", "HEAD")
    return Tree(HERE, folder, head.stdout.decode().strip() or None, dirty=bool(is_changed(root)))


def check(tree: Tree) -> None:
    """Raise UserError where the tree has no networks at all, or needs what is not installed here."""
    if not any(tree.has(package) for package in PACKAGES):
        raise UserError(f"{tree.title} has no package {' or '.join(PACKAGES)}: it cannot be measured")
    lacking = unmet(tree.folder / "pyproject.toml")
    if lacking:
        raise UserError(f"{tree.title} does not run in this environment, which both sides share: it needs "
                        f"{', '.join(lacking)}")


def unmet(pyproject: Path) -> list[str]:
    """The dependencies that the environment does not have, each with what it has instead."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        stated = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("project", {}).get("dependencies", [])
        requirements = [Requirement(text) for text in stated]
    except OSError:
        return []
    except (tomllib.TOMLDecodeError, InvalidRequirement) as error:
        raise UserError(f"{pyproject.name} of that revision cannot be read: {error}") from error
    lacking = []
    for requirement in requirements:
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            lacking.append(f"{requirement.name}{requirement.specifier} (not installed)")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            lacking.append(f"{requirement.name}{requirement.specifier} (installed: {installed})")
    return lacking


def _need_repository(root: Path) -> None:
    if not (root / ".git").exists():
        raise UserError(f"{root} is not a git checkout, so there are no revisions to measure; compare records instead")


def _last_line(said: bytes) -> str:
    return (said.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
