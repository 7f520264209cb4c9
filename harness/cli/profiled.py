"""What `harness profile` shows and writes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from harness.cli.given import given
from harness.errors import UserError
from harness.profiling.subjects import Settings, Subject


def run(subjects: list[Subject], settings: Settings, json_output: bool, out: Path | None,
        figure: Path | None = None) -> None:
    """Measure, show, and write record and figure where asked for."""
    from harness.profiling.figures import check_figure

    if figure is not None:
        check_figure(figure)
    from harness.profiling.session import measure

    def draw(path: Path) -> None:
        from harness.profiling.throughput_figure import write_figure

        write_figure(path, record)

    record = measure(subjects, settings, tell)
    deliver(record, show, json_output, out, figure, draw)
    end(record)


def deliver(record: dict[str, Any], show: Callable[[dict[str, Any]], None], json_output: bool, out: Path | None,
            other: Path | None = None, write: Callable[[Path], None] = lambda path: None) -> None:
    """Show a record, then write it and what else was asked for: a file that cannot be written costs nothing shown."""
    from harness.files import write_json

    tell("")
    if json_output:
        typer.echo(json.dumps(record, indent=2, allow_nan=False))
    else:
        show(record)
    if out is not None:
        write_json(out, record)
    if other is not None:
        write(other)


def check_taken(context: typer.Context, taken: Collection[str], switch: str) -> set[str]:
    """The parameters of `harness profile` that were given. Raises UserError for one that does not go with `switch`."""
    named = given(context)
    for parameter in named:
        if parameter.name not in taken:
            raise UserError(f"{parameter.opts[0]}: {switch} does not take it")
    return {str(parameter.name) for parameter in named}


def check_outputs(values: Mapping[str, Any], names: Collection[str]) -> None:
    """Raises UserError for an output, of the parameters of `harness profile`, that could not be written."""
    from harness.files import check_replaceable, check_writable, is_json_with

    for name in names:
        if values[name] is not None:
            check_writable(Path(values[name]), f"--{name}")
    if "out" in names and values["out"] is not None:
        check_replaceable(Path(values["out"]), "--out", "record of `harness profile`",
                          lambda path: is_json_with(path, "cut_short"))


def end(record: dict[str, Any]) -> None:
    """Exit status of a measurement that was cut short, after what was measured is shown and written."""
    if record["cut_short"] is None:
        return
    if record["cut_short"].startswith("interrupted"):
        typer.echo(f"harness: {record['cut_short']}; what was measured is kept", err=True)
        raise typer.Exit(130)
    raise UserError(f"cut short {record['cut_short']}; what was measured is kept")


def run_fit(settings: Settings, subjects: list[Subject], limit: int | None, json_output: bool,
            out: Path | None) -> None:
    """Search for the largest batches, show them, and write the record where asked for."""
    from harness.profiling.fit import measure
    from harness.profiling.fit_words import HEADINGS, NUMBERS, lines, table

    def show_fit(record: dict[str, Any]) -> None:
        _print(HEADINGS, table(record), NUMBERS)
        for line in lines(record):
            typer.echo(line)

    record = measure(subjects, settings, limit, tell)
    deliver(record, show_fit, json_output, out)
    end(record)


def _print(headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> None:
    """A table, after what was told; its first column wraps."""
    from harness.report.plain import plain_table, print_whole

    tell("")
    block = plain_table()
    for i, heading in enumerate(headings):
        block.add_column(heading, overflow="fold", no_wrap=i > 0, justify="right" if heading in numbers else "left")
    for cells in rows:
        block.add_row(*cells)
    print_whole(block)
    typer.echo("")


def run_suite(name: str, only: str | None, device: str, threads: int | None, rounds: int, images: str | None,
              folder: Path, json_output: bool) -> None:
    """Measure the groups of a suite that this machine can, each written down when it is done."""
    from harness.profiling.suite import load_suite, record_of, run_group, save_group, usable_groups

    suite = load_suite(name)
    path = record_of(folder, threads)
    failed = []
    for group, lacking in usable_groups(suite, only, device):
        if lacking:
            typer.echo(f"{group.id}: not measured: {lacking}", err=True)
            continue
        typer.echo(f"{group.id}: {group.title}", err=True)
        try:
            record = run_group(group, threads, rounds, images, tell)
        except UserError as error:
            typer.echo(f"{group.id}: failed: {error}", err=True)
            failed.append(group.id)
            continue
        save_group(path, suite, group, record)
        if json_output:
            typer.echo(json.dumps({group.id: record}, allow_nan=False))
        else:
            show(record)
    if failed:
        raise UserError(f"{len(failed)} group(s) of suite {name} failed: {', '.join(failed)}; the others are in {path}")


def write_page(name: str, folder: Path, page: Path) -> None:
    """Write the page of a suite from all its records in a folder."""
    from harness.files import write_text
    from harness.profiling.page import page_text
    from harness.profiling.suite import load_suite, read_records

    write_text(page, page_text(load_suite(name), read_records(folder)))
    typer.echo(f"{page} written", err=True)


def show(record: dict[str, Any]) -> None:
    """Print a record as a table, with what belongs to it."""
    from harness.profiling.words import HEADINGS, NUMBERS, RATIO, WRAPPED, lines, table
    from harness.report.plain import plain_table, print_whole

    tell("")
    block = plain_table()
    for heading in HEADINGS:
        block.add_column(heading, overflow="fold", no_wrap=heading not in WRAPPED,
                         min_width=13 if heading == RATIO else None,
                         justify="right" if heading in NUMBERS else "left")
    for cells in table(record):
        block.add_row(*cells)
    print_whole(block)
    typer.echo("")
    show_memory(record)
    for line in lines(record):
        typer.echo(line)


def show_memory(record: dict[str, Any]) -> None:
    """Print where the memory of each row's call goes, where that is known."""
    from harness.profiling.memory_words import headings, memory_lines, table

    cells = table(record)
    if not cells:
        return
    names = headings(record["rows"])
    _print(names, cells, names[1:])
    for line in memory_lines(record):
        typer.echo(line)
    typer.echo("")


def tell(text: str) -> None:
    """What is being done, on one line of a terminal that is written over; nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="\r", file=sys.stderr, flush=True)
