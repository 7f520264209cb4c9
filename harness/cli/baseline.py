"""`harness baseline`: save, list, show, rm."""

from __future__ import annotations

import typer

NAME = "baseline"
EXAMPLE = "harness baseline save release-1 runs && harness compare release-1 runs"

app = typer.Typer(help="Keep results under a name, to compare with later.", no_args_is_help=True, rich_markup_mode=None)

STORE = typer.Option("results/baselines", "--store", envvar="HARNESS_BASELINES", help="folder where baselines are kept")


@app.command(epilog="Example: harness baseline save release-1 runs/table_s2")
def save(
    name: str = typer.Argument(help="letters, digits, '.', '_' and '-'"),
    source: str = typer.Argument("runs", envvar="HARNESS_RESULTS", help="a results folder, a row's folder, a profile, "
                                 "a file of pytest-benchmark, or a comparison"),
    store: str = STORE,
    force: bool = typer.Option(False, "--force", help="where the name stands for other content: add a version, the "
                                                      "old ones stay as NAME@1, NAME@2, ..."),
    predictions: bool | None = typer.Option(None, "--predictions/--no-predictions", help="stored predictions, whatever "
                                            "their size, or none; those up to 16 MiB a row by default"),
) -> None:
    """Keep records, resampled figures and predictions; checkpoints and images stay where they are."""
    from pathlib import Path

    from harness.gate import baselines
    from harness.report import words

    found, new = baselines.save(name, Path(source), Path(store), force=force, predictions=predictions)
    manifest = found.manifest
    if not new:
        typer.echo(f"{found.title} has just these files already; nothing to do")
        return
    typer.echo(f"saved {found.title} (version {found.version}): {len(manifest['contents'])} record(s), "
               f"{len(manifest['files'])} files, {words.size_in_bytes(found.size)}, of {manifest['source']}")
    for line in left_out(manifest):
        typer.echo(line)


@app.command("list", epilog="Example: harness baseline list")
def list_baselines(store: str = STORE,
                   json_output: bool = typer.Option(False, "--json", help="print as JSON")) -> None:
    """List the baselines: when and of what they were saved. A damaged one is shown as damaged."""
    import json
    from pathlib import Path

    from harness.errors import UserError
    from harness.gate import baselines
    from harness.report import words
    from harness.report.plain import plain_table, print_whole

    found, damaged = [], []
    for name in baselines.names(Path(store)):
        try:
            found.append(baselines.load(name, Path(store)))
        except UserError as error:
            damaged.append(str(error))
    if json_output:
        typer.echo(json.dumps([{"name": one.name, "versions": one.versions, "bytes": one.size,
                                "created": one.manifest["created"], "source": one.manifest["source"],
                                "records": len(one.manifest["contents"]), "commits": commits(one.manifest)}
                               for one in found], indent=2))
    elif found:
        table = plain_table("Baseline", "Versions", "Saved", "Records", "Size", "Commits", "From")
        for one in found:
            table.add_row(one.name, str(one.versions), one.manifest["created"][:10], str(len(one.manifest["contents"])),
                          words.size_in_bytes(one.size), ", ".join(commits(one.manifest)), one.manifest["source"])
        print_whole(table)
    else:
        typer.echo(f"no baselines in {store}; `harness baseline save NAME` makes one")
    for line in damaged:
        typer.echo(f"harness: error: {line}", err=True)
    if damaged:
        raise typer.Exit(1)


@app.command(epilog="Example: harness baseline show release-1@1")
def show(name: str = typer.Argument(help="a baseline, or NAME@N for its Nth version"), store: str = STORE,
         json_output: bool = typer.Option(False, "--json", help="print as JSON")) -> None:
    """Say what a baseline holds, where that was measured and of which commit; check every file against its hash."""
    import json
    from pathlib import Path

    from harness.gate import baselines
    from harness.report import words
    from harness.report.plain import plain_table, print_whole

    found = baselines.load(name, Path(store))
    manifest = found.manifest
    for file in manifest["files"]:
        found.read(file["path"])
    if json_output:
        typer.echo(json.dumps({"name": found.name, "version": found.version, "versions": found.versions, **manifest},
                              indent=2))
        return
    saved = manifest["created"][:16].replace("T", " ")
    typer.echo(f"{found.title}, version {found.version} of {found.versions}: {manifest['source_kind']} "
               f"{manifest['source']}, saved {saved} UTC; {len(manifest['files'])} files, "
               f"{words.size_in_bytes(found.size)}, all as they were stored")
    table = plain_table("What", "Of", "Measured", "Commit", "Machine")
    for one in manifest["contents"]:
        table.add_row(one["kind"], one["title"], one["created"][:10], commit(one), one["machine"])
    print_whole(table)
    for line in left_out(manifest):
        typer.echo(line)


@app.command(epilog="Example: harness baseline rm release-1")
def rm(name: str = typer.Argument(help="a baseline; all its versions go with it"), store: str = STORE) -> None:
    """Remove a baseline, and what it alone needed from the disk."""
    from pathlib import Path

    from harness.gate import baselines
    from harness.report import words

    count, size = baselines.remove(name, Path(store))
    typer.echo(f"removed {name}: {count} object(s) that nothing else needs, {words.size_in_bytes(size)}")


def commit(one: dict) -> str:
    """A record's commit as people write it."""
    return f"{one['commit'][:7]}{' with changes' if one['dirty'] else ''}" if one["commit"] else "none"


def commits(manifest: dict) -> list[str]:
    """The commits of a manifest's records, each once."""
    return list(dict.fromkeys(commit(one) for one in manifest["contents"]))


def left_out(manifest: dict) -> list[str]:
    """A line for each file that was not stored."""
    from harness.report import words

    return [f"left out: {file['path']}" + (f", {words.size_in_bytes(file['bytes'])}" if file["bytes"] else "")
            + f" ({file['why']})" for file in manifest["left_out"]]
