"""A report as files, each whole or not there at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.files import write_json, write_text
from harness.report.forms import SYSTEMS, Form

PROMOTED = "PROMOTED.md"
"""Lies beside tables that were published on purpose (`harness results promote`)."""


def write_report(report: Any, folder: Path, form: Form = SYSTEMS) -> dict[str, Path]:
    """Write `NAME.md`, `.tex`, `.csv` and `.json` into a folder (made if need be); returns their paths by ending.

    Raises UserError where a file cannot be written, and for a folder of promoted results, which stays as it is.
    """
    if (folder / PROMOTED).is_file():
        raise UserError(f"{folder} has promoted results, which stay as they are")
    paths = {ending: folder / f"{report.name}.{ending}" for ending in ("md", "tex", "csv", "json")}
    write_text(paths["md"], form.markdown(report))
    write_text(paths["tex"], form.latex(report))
    write_text(paths["csv"], form.csv(report))
    write_json(paths["json"], form.data(report))
    return paths
