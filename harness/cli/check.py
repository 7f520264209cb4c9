"""`harness check`."""

from __future__ import annotations

import typer

NAME = "check"
EXAMPLE = "harness check hrnet_small"


def command(name: str = typer.Argument(help="a model, data set or table; a plug-in's or ours"),
            data_root: str | None = typer.Option(None, help="folder of the data set"),
            results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="where made data is kept")) -> None:
    """Check that a model, data set or table keeps the harness's contracts. Exit status 1 where one is broken."""
    from pathlib import Path

    from harness.conformance import check

    findings = check(name, data_root, Path(results))
    for ok, text in findings:
        typer.echo(f"{'ok' if ok else 'FAILED':<7} {text}")
    if not all(ok for ok, _ in findings):
        raise typer.Exit(1)
