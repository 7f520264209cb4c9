"""What `harness profile --operations` shows and writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from harness.cli.profiled import check_outputs, check_taken, deliver, tell
from harness.profiling.subjects import Settings, Subject

TAKEN = ("models", "inputs", "device", "threads", "images", "rounds", "json_output", "out", "operations", "depth",
         "html", "page")
"""Parameters of `harness profile` that --operations takes."""
CALLS = 5
"""Timed calls of a network, unless --rounds says another number."""


def command(context: typer.Context) -> None:
    """Run `harness profile --operations` with the parameters of that command."""
    from harness.errors import UserError
    from harness.profiling.request import Request, make

    values = context.params
    given = check_taken(context, TAKEN, "--operations")
    if (values["models"] is None) == (values["page"] is None):
        raise UserError("--operations: name networks (`harness list models`), or a --page of published figures")
    check_outputs(values, ("out", "html", "page"))
    if values["page"] is not None:
        write_page(Path(values["page"]))
        return
    calls = values["rounds"] if "rounds" in given else CALLS
    settings, subjects = make(Request(
        models=values["models"], inputs=values["inputs"], mode="eager", device=values["device"],
        threads=values["threads"], images=values["images"], rounds=calls))
    run(subjects, settings, values["json_output"], values["out"], values["html"], values["depth"])


def run(subjects: list[Subject], settings: Settings, json_output: bool, out: str | None, html: str | None,
        depth: int) -> None:
    """Measure, show, and write record and page where asked for."""
    from harness.files import write_text
    from harness.profiling.operations_page import page
    from harness.profiling.operations_report import measure

    record = measure(subjects, settings, tell)
    deliver(record, lambda record: show(record, depth), json_output, Path(out) if out else None,
            Path(html) if html else None, lambda path: write_text(path, page(record)))


def show(record: dict[str, Any], depth: int) -> None:
    """Print a record as tables, with what belongs to them."""
    from harness.profiling import operations_words as words
    from harness.report.plain import plain_table, print_whole

    for network in record["networks"]:
        typer.echo(words.title(network))
        for part in (words.conventions(record, network), words.operators(network), words.modules(network, depth)):
            typer.echo("")
            block = plain_table()
            for heading in part.headings:
                block.add_column(heading, overflow="fold", no_wrap=heading not in part.wrapped,
                                 justify="right" if heading in part.numbers else "left")
            for cells in part.rows:
                block.add_row(*cells)
            print_whole(block)
        typer.echo("")
        for line in words.lines(network):
            typer.echo(line)
        typer.echo("")
    for line in words.machine_lines(record):
        typer.echo(line)


def write_page(path: Path) -> None:
    """Write the page on which convention gives which published number."""
    from harness.files import write_text
    from harness.profiling.operations_published import page

    write_text(path, page(tell))
    typer.echo(f"{path} written", err=True)
