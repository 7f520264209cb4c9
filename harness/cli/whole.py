"""What `harness profile --end-to-end` shows and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from harness.cli.profiled import tell

TAKEN = ("models", "inputs", "batch", "precision", "device", "threads", "rounds", "json_output", "out", "end_to_end",
         "boxes", "weights", "changes", "figure")
"""Parameters of `harness profile` that --end-to-end takes."""


def command(context: typer.Context) -> None:
    """Run `harness profile --end-to-end` with the parameters of that command."""
    from harness.errors import UserError
    from harness.profiling.end_to_end_request import make

    values = context.params
    given = [parameter for parameter in context.command.params
             if context.get_parameter_source(str(parameter.name)).name != "DEFAULT"]  # type: ignore[union-attr]
    for parameter in given:
        if parameter.name not in TAKEN:
            raise UserError(f"{parameter.opts[0]}: --end-to-end does not take it")
    if values["models"] is None:
        raise UserError("--end-to-end: name a network (`harness list models`)")
    names = {parameter.name for parameter in given}
    asked = make(values["models"], values["end_to_end"], values["device"], values["threads"],
                 values["inputs"] if "inputs" in names else None, values["batch"], values["precision"], values["boxes"],
                 values["weights"], values["changes"], values["rounds"] if "rounds" in names else None)
    figure = Path(values["figure"]) if values["figure"] else None
    run(asked, values["json_output"], Path(values["out"]) if values["out"] else None, figure)


def run(asked: Any, json_output: bool, out: Path | None, figure: Path | None) -> None:
    """Measure, show, and write record and figure where asked for."""
    from harness.files import write_json
    from harness.profiling.end_to_end_figure import write_figure
    from harness.profiling.figures import check_format

    if figure is not None:
        check_format(figure)
    from harness.profiling.end_to_end import measure

    record = measure(asked, tell)
    if out is not None:
        write_json(out, record)
    if figure is not None:
        write_figure(figure, record)
    if json_output:
        typer.echo(json.dumps(record, indent=2, allow_nan=False))
    else:
        show(record)


def show(record: dict[str, Any]) -> None:
    """Print the stages as a table, with what belongs to them."""
    from harness.profiling.end_to_end_words import HEADINGS, NUMBERS, lines, table, title
    from harness.report.plain import plain_table, print_whole

    tell("")
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
