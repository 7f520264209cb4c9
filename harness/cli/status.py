"""`harness status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from harness.cli.given import results_folder

if TYPE_CHECKING:
    from harness.launch.status import RowStatus

NAME = "status"
EXAMPLE = "harness status --watch"
HELP = """Show where every row of a results folder stands: running (phase, steps, loss, time left, process and host),
waiting, done, failed (with the reason), stopped (its training is saved), or gone: ended without a word.

Reads files alone, so it works from any machine that sees the folder, whoever started the rows.
"""


def command(
    context: typer.Context,
    table: str | None = typer.Argument(None, help="only this table's rows"),
    results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="folder where runs are left"),
    state: str | None = typer.Option(None, help="only rows in these states, comma-separated: running,failed"),
    watch: bool = typer.Option(False, "--watch", help="show it again every two seconds, until no row runs or waits"),
    json_output: bool = typer.Option(False, "--json", help="print as JSON"),
) -> None:
    """See HELP."""
    import json
    import time

    from rich.console import Console

    from harness.errors import UserError, unknown
    from harness.launch.queue import ask_queue
    from harness.launch.status import STATES, statuses
    from harness.registry import names
    from harness.signals import interruptible

    wanted = [one.strip() for one in state.split(",")] if state else list(STATES)
    for one in wanted:
        if one not in STATES:
            raise unknown("state", one, STATES, "in --state")
    if watch and json_output:
        raise UserError("--watch shows a screen; --json is for programs, which can ask as often as they like")

    folder = results_folder(context, results)
    if table is not None and table not in names("tables"):
        known = {row.table for row in statuses(folder)} if folder.is_dir() else set()  # of plug-ins that are not here
        if table not in known:
            raise unknown("table", table, [*sorted(known), *names("tables")])

    def look() -> list[RowStatus]:
        if not folder.is_dir():
            return []
        found = statuses(folder, table)
        numbers = [row.slurm_job for row in found if row.slurm_job and row.state not in ("done", "failed", "damaged")]
        if numbers:
            found = statuses(folder, table, ask_queue(numbers))
        return [row for row in found if row.state in wanted]

    of = (f" of {table}" if table else "") + (f" that are {' or '.join(wanted)}" if state else "")
    rows = look()
    if json_output:
        typer.echo(json.dumps([row.to_json() for row in rows], indent=2))
        return
    with interruptible():
        while True:
            if watch:
                Console().clear()
            typer.echo("\n".join(lines(rows)) or f"no rows{of} in {results}")
            if not watch or not any(row.state in ("running", "waiting") for row in rows):
                return
            time.sleep(2)
            rows = look()


def lines(rows: list[RowStatus]) -> list[str]:
    """The rows as text, under the name of their table and profile; ends with how many are in each state."""
    from collections import Counter

    shown: list[str] = []
    names = [row.row + (f", seed {row.seed}" if row.seed else "") for row in rows]
    width = max(map(len, names), default=0)
    place = ""
    for name, row in zip(names, rows, strict=True):
        if place != f"{row.table}/{row.profile}":
            place = f"{row.table}/{row.profile}"
            shown.append(place)
        shown.append(f"  {name:<{width}}  {row.state:<8} {what(row)}".rstrip())
        if row.state not in ("done", "waiting") and row.log:
            shown.append(f"  {'':<{width}}  {'':<8} {row.log}")
    counted = Counter(row.state for row in rows)
    if rows:
        shown.append(", ".join(f"{number} {state}" for state, number in counted.items()))
    return shown


def what(row: RowStatus) -> str:
    """Of a row, what there is to say besides its state."""
    from harness.launch.words import duration

    job = [f"SLURM job {row.slurm_job}"] if row.slurm_job else []
    if row.state != "running":
        said = [row.since[:19].replace("T", " ")] if row.state == "done" and row.since else []
        return ", ".join([*said, row.text, *job] if row.text else [*said, *job])
    steps = f" {row.done}/{row.total}" if row.total and row.total > 1 else ""
    knows = row.text.endswith(" left")  # a training says it itself, and knows it better
    left = [f"{duration(row.left_s)} left"] if row.left_s is not None and not knows else []
    facts = [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
             for name, value in row.facts.items()]
    text = [row.text] if row.text else []
    place = f"process {row.pid} on {row.host}"
    return ", ".join([f"{row.phase or 'starting'}{steps}", *text, *facts, *left, place, *job])
