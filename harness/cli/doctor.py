"""`harness doctor`."""

from __future__ import annotations

import typer

NAME = "doctor"
EXAMPLE = "harness doctor"


def command(results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="results folder to test"),
            json_output: bool = typer.Option(False, "--json", help="print as JSON")) -> None:
    """Say what is installed, usable and missing, with the fix for each. Exit status 1 if the harness cannot run."""
    import json

    from harness.doctor import examine

    findings = examine(results)
    if json_output:
        typer.echo(json.dumps([vars(f) for f in findings], indent=2))
    else:
        width = max(len(f.subject) for f in findings)
        for f in findings:
            typer.echo(f"{f.state:<8} {f.subject:<{width}}  {f.detail}")
            if f.fix:
                typer.echo(f"{'':<8} {'':<{width}}  fix: {f.fix}")
    if any(f.state == "missing" for f in findings):
        raise typer.Exit(1)
