"""The plan as text: what would run, what is done, how long it may take."""

from __future__ import annotations

from typing import Any

import typer

from harness.plan import Plan
from harness.run import state_of
from harness.task import Task

VERBS = {"new": "to run", "failed": "to run again", "damaged": "damaged"}
"""What a row's state means for the run; other states are their own word."""


def show(plan: Plan) -> None:
    """Print a plan (`--dry-run`)."""
    profile = plan.profile
    typer.echo(f"{plan.table['title']}\nprofile {profile['name']}: {' '.join(profile['description'].split())}\n"
               f"results in {plan.results}/\n")
    todo: list[Task] = []
    for row in plan.rows:
        job = plan.jobs.get(row["id"])
        if job is None:
            typer.echo(f"  {row['id']:<18} cited         {row['cited']}")
            continue
        state = state_of(plan.results, job)
        if state.name not in ("done", "stale", "damaged"):
            todo.append(job)
        verb = VERBS.get(state.name, state.name)
        typer.echo(f"  {row['id']:<18} {verb:<13} {job.status}: {job.model} on {job.device}, {job.work}"
                   f"{_cost(job.expected)}; key {job.key[:12]}")
        if state.name in ("failed", "damaged"):
            typer.echo(f"{'':<21}{state.detail}")
        for note in job.notes:
            typer.echo(f"{'':<21}- {note}")
    minutes = sum(job.expected.get("minutes", 0) for job in todo)
    typer.echo(f"\n{len(todo)} row(s) to run" + (f", about {minutes:g} minutes" if minutes else ""))
    for key in ("time", "memory", "disk", "hardware"):
        typer.echo(f"{'expected ' + key + ':':<19} {profile['expected'][key]}")


def _cost(expected: dict[str, Any]) -> str:
    if "minutes" not in expected:
        return ""
    return f", about {expected['minutes']:g} minutes and {expected['memory_gib']:g} GiB"
