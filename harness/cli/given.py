"""Which options a user gave, as against those that stand at their default."""

from __future__ import annotations

from typing import Any

import typer


def given(context: typer.Context) -> list[Any]:
    """The parameters of a command that were given, on the command line or by an environment variable."""
    return [parameter for parameter in context.command.params if _source(context, parameter) != "DEFAULT"]


def typed(context: typer.Context) -> list[Any]:
    """Those of them that were given on the command line."""
    return [parameter for parameter in context.command.params if _source(context, parameter) == "COMMANDLINE"]


def _source(context: typer.Context, parameter: Any) -> str:
    source = context.get_parameter_source(str(parameter.name))
    return source.name if source is not None else "DEFAULT"
