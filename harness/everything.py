"""All that a profile can make: every table, then figures of their rows. What there is stands in `specs/all.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import UserError, unknown
from harness.files import read_yaml, specs_dir
from harness.kinds import kind_of, profile_of
from harness.plan import Options, Plan, make_plan
from harness.record import RowFolder
from harness.registry import names, spec_data

NAME = "all"
"""What stands in place of a table's name."""


@dataclass(frozen=True)
class Figure:
    """One figure of rows that were run."""

    name: str
    title: str
    rows: tuple[str, ...]
    """Each as table/row."""
    words: tuple[str, ...]
    """Of `harness figure`: the sub-command and its options, but for --row, --results and --out."""

    def folders(self, plans: Mapping[str, Plan]) -> list[RowFolder] | None:
        """Where its rows lie; None where one of them has no record."""
        found = []
        for place in self.rows:
            table, row = place.split("/")
            plan = plans.get(table)
            if plan is None or row not in plan.jobs:
                return None
            folder = RowFolder.of(plan.results, plan.jobs[row])
            if not folder.record.is_file():
                return None
            found.append(folder)
        return found

    def file(self, results: Path) -> Path:
        """Where it is drawn."""
        return results / "figures" / f"{self.name}.png"

    def is_current(self, results: Path, folders: Sequence[RowFolder]) -> bool:
        """Whether it is there and no record of its rows is newer."""
        file = self.file(results)
        return file.is_file() and all(one.record.stat().st_mtime <= file.stat().st_mtime for one in folders)

    def command(self, results: Path, folders: Sequence[RowFolder], device: str) -> list[str]:
        """The words that draw it, after `harness`."""
        first, *rest = self.words
        return ["figure", first, "--row", ",".join(str(one.path) for one in folders), *rest,
                "--results", str(results), "--out", str(self.file(results)), "--device", device]


def tables() -> list[str]:
    """The names of the tables in the order in which they are made; users' own come last."""
    given = read_yaml(specs_dir() / "all.yaml")
    known = [*given["tables"], *given["left_out"]]
    return [*given["tables"], *(name for name in names("tables") if name not in known)]


def figures() -> list[Figure]:
    """The figures, in order."""
    return [Figure(one["name"], one["title"], tuple(one["rows"]), tuple(one["words"]))
            for one in read_yaml(specs_dir() / "all.yaml")["figures"]]


def plans(options: Options) -> Iterator[tuple[str, Plan | UserError]]:
    """The plan of every table, or why there is none, such as data that are missing.

    Tables whose kind does not have the profile are made in the one that they have by default. Raises UserError for a
    profile that there is not at all.
    """
    if options.profile is not None and options.profile not in names("profiles"):
        raise unknown("profile", options.profile, names("profiles"))
    for name in tables():
        try:
            yield name, make_plan(name, replace(options, profile=_profile(name, options.profile)))
        except UserError as error:
            yield name, error


def _profile(table: str, asked: str | None) -> str:
    data = spec_data("tables", table)
    try:
        return str(profile_of(data, asked)["name"])
    except UserError:
        return kind_of(data).profile
