"""Which options a user gave, as against those that stand at their default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from harness.errors import UserError


def given(context: typer.Context) -> list[Any]:
    """The parameters of a command that were given, on the command line or by an environment variable."""
    return [parameter for parameter in context.command.params if _source(context, parameter) != "DEFAULT"]


def typed(context: typer.Context) -> list[Any]:
    """Those of them that were given on the command line."""
    return [parameter for parameter in context.command.params if _source(context, parameter) == "COMMANDLINE"]


def results_folder(context: typer.Context, results: str) -> Path:
    """The results folder, which need not be there where it is the default one. Raises UserError for one that was named
    and is not there."""
    if not Path(results).is_dir() and any(parameter.name == "results" for parameter in given(context)):
        raise UserError(f"--results {results}: no such folder; `harness run {context.params.get('table') or 'TABLE'}` "
                        "makes it")
    return Path(results)


def check_results(results: str) -> None:
    """Raises UserError for a results folder that cannot be made, for a file in its place or above it."""
    there = next((path for path in (Path(results), *Path(results).parents) if path.exists()), None)
    if there is not None and not there.is_dir():
        raise UserError(f"--results {results}: {there} is a file, not a folder")


def _source(context: typer.Context, parameter: Any) -> str:
    source = context.get_parameter_source(str(parameter.name))
    return source.name if source is not None else "DEFAULT"
