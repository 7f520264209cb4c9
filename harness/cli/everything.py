"""`harness run all`: every table that a profile can make, the figures of their rows, and the page to read them on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from harness.cli.given import given
from harness.errors import UserError
from harness.everything import NAME, Figure, figures, plans
from harness.launch.launch import HERE, Launch
from harness.plan import Options, Plan

TAKEN = ("table", "profile", "device", "seed", "results", "dry_run", "fresh", "stale", "force", "jobs", "gpus",
         "processes")
"""Parameters of `harness run` that it takes; the others are a single table's."""


def check_given(context: typer.Context) -> None:
    """Raises UserError for an option that is a single table's."""
    for parameter in given(context):
        if parameter.name not in TAKEN:
            raise UserError(f"{parameter.opts[0]} is for one table; `harness run {NAME}` makes all of them")


def run(options: Options, dry_run: bool, fresh: bool, stale: bool, launch: Launch = HERE) -> None:
    """Make everything, rows as `launch` says. What fails is said, and the rest goes on; the status is then 1.

    Raises UserError for an unknown profile.
    """
    planned = list(plans(options))
    if dry_run:
        _show(planned)
        return
    said: dict[str, str] = {}
    done: dict[str, Plan] = {}
    for name, plan in planned:
        if isinstance(plan, UserError):
            said[name] = f"not made: {plan}"
        else:
            done[name] = plan
            said[name] = _table(name, plan, fresh, stale, launch)
    results = Path(options.results)
    for figure in figures():
        said[figure.name + ".png"] = _figure(figure, done, results, options.device)
    said["report.html"] = _page(results)
    typer.echo("")
    for name, text in said.items():
        typer.echo(f"{name:<14} {text}")
    if any(text.startswith(("not made", "failed")) for text in said.values()):
        raise typer.Exit(1)


def _show(planned: list[tuple[str, Plan | UserError]]) -> None:
    from harness.cli import planned as words

    minutes, counted = 0.0, set[str]()
    for name, plan in planned:
        typer.echo(f"# {name}")
        if isinstance(plan, UserError):
            typer.echo(f"not made: {plan}\n")
        else:
            minutes += words.show(plan, counted)
            typer.echo("")
    typer.echo("# figures")
    for figure in figures():
        typer.echo(f"{figure.name:<14} {figure.title}")
    typer.echo(f"\nabout {minutes:g} minutes for the rows of all tables together, each shared training once")


def _table(name: str, plan: Plan, fresh: bool, stale: bool, launch: Launch) -> str:
    """Run and show a table; what came of it, in words."""
    from harness.cli.progress import RunDisplay
    from harness.report import show_plan_report
    from harness.run import run_plan

    typer.echo(f"\n# {name}\n")
    with RunDisplay(plan) as display:
        outcome = run_plan(plan, fresh, stale, display, launch)
    show_plan_report(plan)
    bad = [row for row, result in outcome.items() if result in ("failed", "damaged")]
    if bad:
        return f"failed: {', '.join(bad)}"
    ran = sum(result == "ran" for result in outcome.values())
    return f"made: {ran} of {len(outcome)} run now" if ran else "made before"


def _page(results: Path) -> str:
    """Write the page of all that the results folder has; what came of it, in words."""
    from harness.page.write import write_page

    try:
        path, damaged = write_page(results)
    except UserError as error:
        return f"failed: {error}"
    return "; ".join([f"made: {path}", *damaged])


def _figure(figure: Figure, done: Mapping[str, Plan], results: Path, device: str) -> str:
    """Draw a figure in a process of its own; what came of it, in words."""
    folders = figure.folders(done)
    if folders is None:
        return f"left out: not all of {', '.join(figure.rows)} have a record"
    if figure.is_current(results, folders):
        return "made before"
    figure.file(results).parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "harness", *figure.command(results, folders, device)]
    print(f"drawing {figure.name}", file=sys.stderr, flush=True)
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ended.returncode != 0:
        words = (ended.stderr.strip() or "without a word").splitlines()[-1].removeprefix("harness: error: ")
        return f"failed: {words}"
    return f"made: {figure.file(results)}"
