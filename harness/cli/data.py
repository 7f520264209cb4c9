"""`harness data`: describe, prepare, verify."""

from __future__ import annotations

import typer

NAME = "data"
EXAMPLE = "harness data verify coco-wholebody --data-root DATA"

app = typer.Typer(help="Data sets on your disk: what goes where, whether it is whole, and an index that opens at once.",
                  no_args_is_help=True, rich_markup_mode=None)

NAMED = typer.Argument(help="a data set; `harness list datasets`")
ROOT = typer.Option(None, "--data-root", help="the data set's folder; data that is made lies in the results folder")
SPLITS = typer.Option([], "--split", help="only this split; may be given several times")
OPTIONS = typer.Option([], "--set", help="an option of made data, as train=600; may be given several times")
RESULTS = typer.Option("runs", envvar="HARNESS_RESULTS", help="where made data is kept")
QUICK = typer.Option(False, "--quick", help="do not read the images: only that they are there, their size and time")
AS_JSON = typer.Option(False, "--json", help="print as JSON")


@app.command("describe", epilog="Example: harness data describe coco-wholebody")
def describe(name: str = NAMED, data_root: str | None = ROOT, json_output: bool = AS_JSON) -> None:
    """Say which files a data set consists of, where they come from, and where each goes; with --data-root, which of
    them are there and whether the others would fit."""
    import json
    from pathlib import Path

    from harness.holdings.describe import as_data, as_text
    from harness.holdings.specs import spec_of

    spec, root = spec_of(name), Path(data_root) if data_root else None
    typer.echo(json.dumps(as_data(spec, root), indent=2) if json_output else as_text(spec, root))


@app.command("verify", epilog=f"Example: {EXAMPLE}")
def verify(name: str = NAMED, data_root: str | None = ROOT, split: list[str] = SPLITS, quick: bool = QUICK,
           option: list[str] = OPTIONS, results: str = RESULTS, json_output: bool = AS_JSON) -> None:
    """Check a data set: its places, counts and content; that every image is there, can be decoded, has the annotated
    size, and is what it was when it was prepared; and that no image is in two splits. Exit status 1 where something
    is wrong."""
    _run(False, name, data_root, split, quick, option, results, json_output)


@app.command("prepare", epilog="Example: harness data prepare coco-wholebody --data-root DATA")
def prepare(name: str = NAMED, data_root: str | None = ROOT, split: list[str] = SPLITS, quick: bool = QUICK,
            option: list[str] = OPTIONS, results: str = RESULTS, json_output: bool = AS_JSON) -> None:
    """Write the index that all later processes share, look at every image, and remember what is there, so that
    `verify` can say what changed. Made data is made. Written to DATA/.harness-index, or to your cache where that
    cannot be written. Exit status 1 where something is wrong with the data."""
    _run(True, name, data_root, split, quick, option, results, json_output)


def _run(remember: bool, name: str, data_root: str | None, split: list[str], quick: bool, option: list[str],
         results: str, json_output: bool) -> None:
    import json
    from dataclasses import asdict
    from pathlib import Path

    from harness.cli.told import ImagesTold
    from harness.holdings import specs
    from harness.roots import root_of

    spec = specs.spec_of(name, specs.options_of(name, option))
    root = root_of(spec, data_root, Path(results))
    specs.check_root(spec, root)
    splits = specs.splits_of(spec, split)
    from harness.holdings import verify as looking
    from harness.holdings.finding import failed

    found = []
    with ImagesTold() as told:
        for finding in (looking.prepare if remember else looking.verify)(spec, root, splits, quick, told):
            found.append(finding)
            if not json_output:
                told.line(finding.line())
    if json_output:
        typer.echo(json.dumps({"dataset": name, "root": str(root), "quick": quick, "faults": failed(found),
                               "findings": [asdict(finding) for finding in found]}, indent=2))
    elif failed(found):
        typer.echo(f"{name} in {root}: {failed(found)} fault(s)")
    else:
        typer.echo(f"{name} in {root}: nothing wrong" + (" (images were not read)" if quick else ""))
    if failed(found):
        raise typer.Exit(1)
