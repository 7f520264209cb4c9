"""`harness weights`: list, import, export."""

from __future__ import annotations

import typer

NAME = "weights"
EXAMPLE = "harness weights import hrnet_w48-8ef0771d.pth --model hrnet_w48"

app = typer.Typer(help="Weights in and out: known published files, files of other projects, a row's to give away.",
                  no_args_is_help=True, rich_markup_mode=None)


@app.command("list", epilog="Example: harness weights list --table table_s2")
def list_known(table: str | None = typer.Option(None, help="only files that are evaluated as, or start, its rows"),
               json_output: bool = typer.Option(False, "--json", help="print as JSON, with all fields")) -> None:
    """List the published files that are known by name: what they are, and what they should reach. None is here, and
    none is ever downloaded; `harness run TABLE --profile paper --weights-dir DIR` looks for them in a folder."""
    from harness.zoo import listing

    typer.echo(listing.as_json(table) if json_output else listing.as_text(table))


@app.command("import", epilog=f"Example: {EXAMPLE}")
def import_file(
    file: str = typer.Argument(help="weights of the TCFormer authors, mmpose 0.x or 1.x, timm or torchvision, or of "
                                    "this project"),
    model: str | None = typer.Option(None, help="the network that they are for (`harness list models`); not needed for "
                                                "files of this project and known ones"),
    out: str | None = typer.Option(None, help="file to write; by default FILE's name with .safetensors, here, or for a "
                                              "training of this project MODEL_HASH.safetensors"),
    force: bool = typer.Option(False, "--force", help="write over a file that is there"),
) -> None:
    """Say what a file of weights is, what of it a network uses and what not, and write it in this project's form:
    safetensors with its origin, for --weights and --init. No code in the file is run."""
    from pathlib import Path

    from harness.registry import model_spec
    from harness.zoo.places import new_file

    if model is not None:
        model_spec(model)
    target = new_file(Path(out), force) if out else None
    from harness.zoo import importing, words

    found = importing.read(Path(file), model)
    target = target or new_file(Path(importing.file_name(found)), force)
    importing.write(found, target)
    for line in words.lines(found, target):
        typer.echo(line)


@app.command("export", epilog="Example: harness weights export hrnet_w48 --out hrnet")
def export(
    row: str = typer.Argument(help="a row that was run (hrnet_w48 or table_s2/hrnet_w48), its folder or record.json"),
    results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="results folder where rows are looked for"),
    out: str = typer.Option(..., help="folder for ROW.safetensors and README.md"),
    force: bool = typer.Option(False, "--force", help="write over files that are there"),
) -> None:
    """Write a row's weights to give away: safetensors with the record in its metadata, and a model card."""
    from pathlib import Path

    from harness.zoo import exporting

    found = exporting.prepare(row, Path(results), Path(out), force)
    exporting.write(found)
    typer.echo(f"written: {found.file}, {found.card}")
