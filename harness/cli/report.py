"""`harness report`."""

from __future__ import annotations

import typer

NAME = "report"
EXAMPLE = "harness report table_s2 --profile demo"


def command(
    table: str = typer.Argument(help="a table's name; `harness list tables` shows them"),
    profile: str = typer.Option("demo", help="the profile whose records to show"),
    results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="folder where runs were left"),
    json_output: bool = typer.Option(False, "--json", help="print the table as JSON instead"),
) -> None:
    """Print a table from the newest records. Runs nothing."""
    from pathlib import Path

    from harness.report import show_report

    damaged = show_report(table, profile, Path(results), json_output)
    for line in damaged:
        typer.echo(f"harness: error: {line}", err=True)
    if damaged:
        raise typer.Exit(1)
