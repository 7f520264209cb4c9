"""`harness list`."""

from __future__ import annotations

import typer

NAME = "list"
EXAMPLE = "harness list tables"


def command(kind: str = typer.Argument(help="tables, profiles, models or datasets"),
            json_output: bool = typer.Option(False, "--json", help="print as JSON")) -> None:
    """List what can be named, with a line on each. A broken plug-in is shown as broken."""
    import json

    from harness.registry import names

    rows = [(name, _line(kind, name)) for name in names(kind)]
    if json_output:
        typer.echo(json.dumps([{"name": name, "title": title} for name, title in rows], indent=2))
        return
    width = max((len(name) for name, _ in rows), default=0)
    for name, title in rows:
        typer.echo(f"{name:<{width}}  {title}")
    if kind == "models":
        typer.echo("openmmlab:<config>  any top-down heat-map configuration of mmpose, when it is installed")


def _line(kind: str, name: str) -> str:
    from harness.errors import UserError
    from harness.registry import model_spec, spec_data

    try:
        return model_spec(name).title if kind == "models" else str(spec_data(kind, name).get("title", ""))
    except UserError as error:
        return f"BROKEN: {error}"
