"""Writing a comparison where CI looks for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.files import atomic_write, write_json, write_text
from harness.gate.findings import Comparison
from harness.gate.present import words
from harness.gate.present.annotations import commands
from harness.gate.present.junit import junit as junit_xml
from harness.gate.present.markdown import LIMIT, markdown

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Environment variable with the file that GitHub shows as the step's summary; steps append to it."""


def write(comparison: Comparison, *, junit: str | Path | None = None, github: bool = False,
          summary: str | Path | None = None, out: str | Path | None = None, strict: bool = False) -> None:
    """Write what was asked for: JSON, JUnit XML and a Markdown summary, each whole or not at all.

    With `github`, prints annotations and appends the summary to the step's. Raises UserError naming every file that
    could not be written, when all the others are.
    """
    tasks: list[Callable[[], None]] = []
    if out is not None:
        tasks.append(lambda: write_json(Path(out), as_json(comparison)))
    if junit is not None:
        tasks.append(lambda: _write_bytes(Path(junit), junit_xml(comparison, strict)))
    if summary is not None:
        tasks.append(lambda: write_text(Path(summary), markdown(comparison)))
    if github:
        for line in commands(comparison, strict):
            print(line, flush=True)
        step = os.environ.get(STEP_SUMMARY)
        if step:
            tasks.append(lambda: append(Path(step), comparison))
    failed = []
    for task in tasks:
        try:
            task()
        except UserError as error:
            failed.append(str(error))
    if failed:
        raise UserError("; ".join(failed))


def as_json(comparison: Comparison) -> Any:
    """As `Comparison.to_json`, with null where a number is NaN or infinite, which JSON has no word for."""
    return _without_nan(comparison.to_json())


def append(path: Path, comparison: Comparison) -> None:
    """Append the summary to a file that may hold others, within GitHub's limit for all of them."""
    try:
        with path.open("ab") as file:
            written = file.tell()
            text = markdown(comparison, LIMIT - written - 1)
            file.write(("\n" if written else "").encode() + text.encode("utf-8"))
    except OSError as error:
        raise UserError(f"cannot append to {path} ({STEP_SUMMARY}): {error.strerror or error}") from error


def _write_bytes(path: Path, data: bytes) -> None:
    with atomic_write(path) as file:
        file.write(data)


def _without_nan(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_nan(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_without_nan(value) for value in data]
    return words.finite(data) if isinstance(data, float) else data
