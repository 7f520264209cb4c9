"""What of a run's settings is not the profile's own: `--set` was given, or the profile was another then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import UserError
from harness.plan import own_settings
from harness.protocol import make_protocol, merge
from harness.report.comparability import deviations, flat
from harness.report.model import RowResult


def changed_settings(table: Mapping[str, Any], profile: Mapping[str, Any], result: RowResult) -> str:
    """The settings with an effect that are not the profile's for this row, "train.epochs 5 instead of 1"; "" for none,
    and for rows that the table does not list."""
    row = result.row
    if not result.measured or not ("model" in row or "stand_ins" in row):
        return ""
    try:
        layers = own_settings(table, profile, row, str(result.get("data", "eval", "dataset")))
        own = flat(make_protocol(merge(*layers), f"row {row['id']}").model_dump(mode="json"))
    except UserError:  # the profile has changed beyond what a protocol may be now
        return ""
    return ", ".join(deviations(result, own))
