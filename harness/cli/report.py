"""`harness report`."""

from __future__ import annotations

import typer

NAME = "report"
EXAMPLE = "harness report table_s2 --profile demo --format latex"


def command(
    table: str = typer.Argument(help="a table's name; `harness list tables` shows them"),
    profile: str | None = typer.Option(None, help="the profile whose records to show; demo for most tables"),
    results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="folder where runs were left"),
    output: str = typer.Option("text", "--format", help="text, md, latex (a whole document), csv or json"),
    json_output: bool = typer.Option(False, "--json", help="the same as --format json"),
) -> None:
    """Print a table from the newest records. Runs nothing."""
    from pathlib import Path

    from harness.report import show_report

    damaged = show_report(table, profile, Path(results), "json" if json_output else output)
    for line in damaged:
        typer.echo(f"harness: error: {line}", err=True)
    if damaged:
        raise typer.Exit(1)
