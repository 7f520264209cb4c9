"""`harness results`: promote."""

from __future__ import annotations

import typer

NAME = "results"
EXAMPLE = "harness results promote runs/photographs --to results/photographs"

app = typer.Typer(help="Results to publish: records with what judging them needs, to be kept with the code.",
                  no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def group() -> None:
    """A group, however many commands it has."""


@app.command(epilog=f"Example: {EXAMPLE}")
def promote(
    source: str = typer.Argument("runs", envvar="HARNESS_RESULTS", help="a results folder, a part of it, or a row's "
                                 "folder"),
    to: str = typer.Option(..., "--to", help="folder to copy to; `harness report TABLE --results FOLDER` reads it"),
    force: bool = typer.Option(False, "--force", help="also what was measured with uncommitted changes, and over files "
                                                      "that differ"),
    predictions: bool | None = typer.Option(None, "--predictions/--no-predictions", help="stored predictions, whatever "
                                            "their size, or none; those up to 16 MiB a row by default"),
) -> None:
    """Copy records, predictions and tables to a folder that is kept with the code. Checkpoints and images stay where
    they are, and paths of this machine are left out."""
    from pathlib import Path

    from harness.promoting import promote
    from harness.report import words

    done = promote(Path(source), Path(to), force=force, predictions=predictions)
    same = f", {done.same} there already" if done.same else ""
    typer.echo(f"promoted {len(done.records)} record(s) to {to}: {done.files} files, "
               f"{words.size_in_bytes(done.size)}{same}")
