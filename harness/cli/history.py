"""`harness history`."""

from __future__ import annotations

import typer

NAME = "history"
EXAMPLE = "harness history tcformer_small --metric time --figure history.svg"
HELP = """Show how a row's figures went from commit to commit, and name the commit where a level changed.

ROW is a row of a table (hrnet_w48, or table_s2/demo/hrnet_w48), a network (tcformer_small), a row of a gate, or a
benchmark. Everything that lies in the results folders and among the baselines counts; what may not be compared
(another machine, protocol or data) is a series of its own.
"""


def command(
    context: typer.Context,
    row: str = typer.Argument(help="row of a table, network, row of a gate, or benchmark"),
    metric: str = typer.Option("parts.wholebody.AP", help="parts.PART.FIGURE, time, memory, multiply-adds, parameters"),
    results: list[str] = typer.Option([], "--results", help="results folder; may be given several times  [default: "
                                      "$HARNESS_RESULTS, or runs]"),
    store: str = typer.Option("results/baselines", "--baselines", envvar="HARNESS_BASELINES",
                              help="folder where baselines are kept"),
    since: str | None = typer.Option(None, help="leave out what is older: a date (2026-01-31) or a revision"),
    repository: str | None = typer.Option(None, help="git checkout of the commits; this program's own by default"),
    json_output: bool = typer.Option(False, "--json", help="print as JSON"),
    out: str | None = typer.Option(None, help="write the JSON into this file"),
    figure: str | None = typer.Option(None, help="draw it: FILE.png, .svg or .pdf"),
) -> None:
    """See HELP."""
    import json
    import os
    from pathlib import Path

    from harness.cli.given import given
    from harness.errors import UserError
    from harness.files import check_replaceable, check_writable, is_json_with, write_json
    from harness.gate.history.build import history
    from harness.gate.history.commits import Repository
    from harness.gate.history.figure import write_figure
    from harness.gate.history.present import as_json, render
    from harness.profiling.figures import check_figure
    from harness.profiling.revision import ROOT
    from harness.report.plain import print_whole

    if figure:
        check_figure(Path(figure))
    if out:
        check_writable(Path(out), "--out")
        check_replaceable(Path(out), "--out", "output of `harness history`",
                          lambda path: is_json_with(path, "schema", "row", "series"))
    for folder in results:
        if not Path(folder).is_dir():
            raise UserError(f"--results {folder}: no such folder")
    if any(parameter.name == "store" for parameter in given(context)) and not Path(store).is_dir():
        raise UserError(f"--baselines {store}: no such folder")
    if repository is not None and not Path(repository).is_dir():
        raise UserError(f"--repository {repository}: no such folder")
    folders = [Path(folder) for folder in results or [os.environ.get("HARNESS_RESULTS") or "runs"]]
    found = history(row, metric, folders, Path(store), Repository(Path(repository) if repository else ROOT), since)
    if out:
        write_json(Path(out), as_json(found))
    if figure:
        write_figure(Path(figure), found)
    if json_output:
        typer.echo(json.dumps(as_json(found), indent=2, allow_nan=False))
    else:
        print_whole(render(found))
