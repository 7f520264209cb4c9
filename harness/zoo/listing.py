"""The known published files as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

from harness.errors import unknown
from harness.published import PublishedRow
from harness.zoo.known import KnownFile, known_files


def chosen(table: str | None) -> list[KnownFile]:
    """The known files, or those of a table's rows. Raises UserError for a table without any."""
    files = list(known_files().values())
    if table is None:
        return files
    of_tables = sorted({place.split("/")[0] for file in files for place in (*file.rows, *file.starts)})
    if table not in of_tables:
        raise unknown("table of known weights", table, of_tables)
    return [file for file in files if any(place.split("/")[0] == table for place in (*file.rows, *file.starts))]


def headline(result: PublishedRow) -> str:
    """What a published result comes to in one figure."""
    whole = result.value("wholebody", "AP")
    return f"whole-body AP {whole:.3f}" if whole is not None else f"top-1 {result.metrics['image']['top1']:.3f}"


def as_text(table: str | None) -> str:
    """A few lines a file."""
    said: list[str] = []
    project = None
    for file in chosen(table):
        if file.project != project:
            project = file.project
            said += ["", f"{project}: {' '.join(file.source.split())}", f"licence: {file.licence}"]
        said.append(f"  {file.name}")
        said.append(f"      {file.model or 'no network here'}"
                    + (f"; evaluated as {', '.join(file.rows)}" if file.rows else "")
                    + (f"; starts {', '.join(file.starts)}" if file.starts else ""))
        said += [f"      should reach {headline(result)} ({result.id})" for result in file.results]
        said += [f"      {file.note}"] if file.note else []
    return "\n".join(said[1:])


def as_json(table: str | None) -> str:
    """Everything known of each file."""
    return json.dumps([{**asdict(file), "sha256": file.sha256} for file in chosen(table)], indent=2)
