"""What the rows of a table may be, from `specs/kinds.yaml`: how they are planned, run and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from harness.errors import UserError, unknown
from harness.files import read_yaml, specs_dir
from harness.registry import load_attribute, names, spec_data

SYSTEMS = "systems"
"""The kind of tables and profiles, and of records, that name none."""


@dataclass(frozen=True)
class Kind:
    """One kind; the fields are explained in `specs/kinds.yaml`."""

    name: str
    title: str
    profile: str
    plan: str
    job: str
    run: str
    report: str
    check: str
    learning: str | None
    code: tuple[str, ...]

    def load(self, field: str) -> Any:
        """What one of plan, job, run, report, check and learning names. Raises UserError where it cannot be loaded."""
        return load_attribute(getattr(self, field))


@cache
def _kinds() -> dict[str, Kind]:
    return {name: Kind(name, **{**given, "code": tuple(given["code"])})
            for name, given in read_yaml(specs_dir() / "kinds.yaml").items()}


def kind_of(data: Mapping[str, Any], place: str = "") -> Kind:
    """The kind of a table, profile, job or record. Raises UserError for one that is not there."""
    name = str(data.get("kind", SYSTEMS))
    if name not in _kinds():
        raise unknown("kind", name, _kinds(), f"of {place or data.get('name', 'it')}")
    return _kinds()[name]


def profile_of(table: Mapping[str, Any], asked: str | None) -> dict[str, Any]:
    """The profile that was asked for, or the table's own default, or its kind's; as it is for this kind.

    A profile is there for its own `kind`, and for those that it has a section of under `kinds`; where it names
    `tables`, for these only. Raises UserError for an unknown one, and for one that does not fit with those that do.
    """
    kind = kind_of(table)
    profile = spec_data("profiles", asked or table.get("default_profile") or kind.profile)
    if not _is_for_table(profile, table):
        raise UserError(f"profile {profile['name']} is for {', '.join(profile['tables'])}, not for {table['name']} "
                        f"(choices: {', '.join(_fitting(table, kind))})")
    if kind.name in profile.get("kinds", {}):
        return {"name": profile["name"], "kind": kind.name, **profile["kinds"][kind.name]}
    if kind_of(profile) != kind:
        fitting = _fitting(table, kind)
        raise UserError(f"profile {profile['name']} is to {kind_of(profile).title}, but the rows of {table['name']} "
                        f"are there to {kind.title} (choices: {', '.join(fitting)})")
    return profile


def _fitting(table: Mapping[str, Any], kind: Kind) -> list[str]:
    """The profiles that a table may be run in."""
    found = ((name, spec_data("profiles", name)) for name in names("profiles"))
    return [name for name, profile in found if _is_for(profile, kind) and _is_for_table(profile, table)]


def _is_for_table(profile: Mapping[str, Any], table: Mapping[str, Any]) -> bool:
    return table["name"] in profile.get("tables", [table["name"]])


def _is_for(profile: Mapping[str, Any], kind: Kind) -> bool:
    return kind_of(profile) == kind or kind.name in profile.get("kinds", {})
