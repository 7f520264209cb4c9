"""`harness report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from harness.cli.given import results_folder

if TYPE_CHECKING:
    from pathlib import Path

NAME = "report"
EXAMPLE = "harness report table_s2 --profile demo --format latex"


def command(
    context: typer.Context,
    table: str | None = typer.Argument(None, help="a table's name; `harness list tables` shows them; without: --html"),
    profile: str | None = typer.Option(None, help="the profile whose records to show; demo for most tables"),
    results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="folder where runs were left"),
    output: str = typer.Option("text", "--format", help="text, md, latex (a whole document), csv or json"),
    json_output: bool = typer.Option(False, "--json", help="the same as --format json"),
    html: bool = typer.Option(False, "--html", help="write one page with all tables that the folder has records of (or "
                              "the one named, or of one --profile), records, charts and figures: RESULTS/report.html "
                              "(report_TABLE.html)"),
    out: str | None = typer.Option(None, help="with --html: the page's file"),
) -> None:
    """Print a table from the newest records, or write the page of all. Runs nothing."""
    from pathlib import Path

    from harness.errors import UserError

    if html:
        if json_output or output != "text":
            raise UserError("--html: a page, so neither --format nor --json")
        tell_damaged(write_html(Path(results), Path(out) if out else None, table, profile))
        return
    if out is not None:
        raise UserError(f"--out {out}: of --html alone; a table is printed, and its files lie beside the records")
    if table is None:
        from harness.registry import names

        raise UserError(f"which table? (choices: {', '.join(names('tables'))}; --html makes one page of all)")
    if not results_folder(context, results).is_dir():
        typer.echo(f"note: nothing was run yet (no folder {results}): published numbers alone; `harness run {table}` "
                   "measures", err=True)
    from harness.kinds import profile_of
    from harness.record import recorded_profiles
    from harness.registry import spec_data
    from harness.report import show_report

    shown = str(profile_of(spec_data("tables", table), profile)["name"])
    others = recorded_profiles(Path(results), table)
    if others and shown not in others:
        typer.echo(f"note: {results} has no record of profile {shown}, but of {', '.join(others)} (--profile)",
                   err=True)
    tell_damaged(show_report(table, profile, Path(results), "json" if json_output else output))


def tell_damaged(lines: list[str]) -> None:
    """Name the records that could not be read, and end with exit status 1 where there are any."""
    for line in lines:
        typer.echo(f"harness: error: {line}", err=True)
    if lines:
        raise typer.Exit(1)


def write_html(results: Path, out: Path | None, table: str | None, profile: str | None) -> list[str]:
    """Write the page and say where it lies; a line for each damaged record."""
    from harness.files import check_replaceable, check_writable
    from harness.page.html import is_page
    from harness.page.write import write_page

    if out is not None:
        check_writable(out, "--out")
        check_replaceable(out, "--out", "page of this program", is_page)
    path, damaged = write_page(results, out, table, profile)
    typer.echo(f"written: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    return damaged
