"""What `harness profile --end-to-end` shows and writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from harness.cli.profiled import check_outputs, check_taken, deliver, tell

TAKEN = ("models", "inputs", "batch", "precision", "device", "threads", "rounds", "json_output", "out", "end_to_end",
         "boxes", "weights", "changes", "figure")
"""Parameters of `harness profile` that --end-to-end takes."""


def command(context: typer.Context) -> None:
    """Run `harness profile --end-to-end` with the parameters of that command."""
    from harness.errors import UserError
    from harness.profiling.end_to_end_request import make

    values = context.params
    names = check_taken(context, TAKEN, "--end-to-end")
    check_outputs(values, ("out", "figure"))
    if values["models"] is None:
        raise UserError("--end-to-end: name a network (`harness list models`)")
    asked = make(values["models"], values["end_to_end"], values["device"], values["threads"],
                 values["inputs"] if "inputs" in names else None, values["batch"], values["precision"], values["boxes"],
                 values["weights"], values["changes"], values["rounds"] if "rounds" in names else None)
    figure = Path(values["figure"]) if values["figure"] else None
    run(asked, values["json_output"], Path(values["out"]) if values["out"] else None, figure)


def run(asked: Any, json_output: bool, out: Path | None, figure: Path | None) -> None:
    """Measure, show, and write record and figure where asked for."""
    from harness.profiling.end_to_end_figure import write_figure
    from harness.profiling.figures import check_figure

    if figure is not None:
        check_figure(figure)
    from harness.profiling.end_to_end import measure

    record = measure(asked, tell)
    deliver(record, show, json_output, out, figure, lambda path: write_figure(path, record))


def show(record: dict[str, Any]) -> None:
    """Print the stages as a table, with what belongs to them."""
    from harness.profiling.end_to_end_words import HEADINGS, NUMBERS, lines, table, title
    from harness.report.plain import plain_table, print_whole

    typer.echo(title(record["end_to_end"]))
    block = plain_table()
    for heading in HEADINGS:
        block.add_column(heading, overflow="fold", no_wrap=heading != "Stage",
                         justify="right" if heading in NUMBERS else "left")
    for cells in table(record["end_to_end"]):
        block.add_row(*cells)
    print_whole(block)
    typer.echo("")
    for line in lines(record):
        typer.echo(line)
