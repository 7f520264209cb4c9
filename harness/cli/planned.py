"""The plan as text: what would run, what is done, how long it may take."""

from __future__ import annotations

from typing import Any

import typer

from harness.plan import Plan
from harness.run import state_of
from harness.task import Task

VERBS = {"new": "to run", "failed": "to run again", "damaged": "damaged"}
"""What a row's state means for the run; other states are their own word."""


def show(plan: Plan, counted: set[str] | None = None) -> float:
    """Print a plan (`--dry-run`); returns the minutes that its rows are expected to take.

    Rows share trainings of the same content: those of `counted` take no time here, and this plan's are added to it.
    """
    counted = set() if counted is None else counted
    profile = plan.profile
    typer.echo(f"{plan.table['title']}\nprofile {profile['name']}: {' '.join(profile['description'].split())}\n"
               f"results in {plan.results}/\n")
    todo: list[Task] = []
    for row in plan.rows:
        jobs = plan.jobs_of(row["id"])
        if not jobs:
            typer.echo(f"  {row['id']:<18} {_without_job(row)}")
        for job in jobs:
            if _show_job(plan, job, seeds=len(jobs) > 1) not in ("done", "stale", "damaged"):
                todo.append(job)
        for note in jobs[0].notes if jobs else ():
            typer.echo(f"{'':<21}- {note}")
    others = [row["id"] for row in plan.table["rows"] if row.get("alternative_to") and row not in plan.rows]
    if others:
        typer.echo(f"\nother readings, only when named (--rows): {', '.join(others)}")
    minutes = 0.0
    for job in todo:
        if job.train_key is None or job.train_key not in counted:
            minutes += job.expected.get("minutes", 0)
            counted.add(job.train_key or job.key)
    what = "row(s)" if len(plan.jobs) == len({job.row for job in plan.jobs.values()}) else "training(s)"
    typer.echo(f"\n{len(todo)} {what} to run" + (f", about {minutes:g} minutes" if minutes else ""))
    expected = {**profile["expected"], **(plan.table.get("expected") or {}).get(profile["name"], {})}
    for key in ("time", "memory", "disk", "hardware"):
        typer.echo(f"{'expected ' + key + ':':<19} {expected[key]}")
    return minutes


def _show_job(plan: Plan, job: Task, seeds: bool) -> str:
    """Print a job, its seed where the row has several; returns the name of its state."""
    state = state_of(plan.results, job)
    typer.echo(f"  {job.row:<18} {VERBS.get(state.name, state.name):<13} {job.status}: {job.model} on {job.device}, "
               f"{job.work(seeds)}{_cost(job.expected)}{_room(job)}; key {job.key[:12]}")
    if state.name in ("failed", "damaged"):
        typer.echo(f"{'':<21}{state.detail}")
    return state.name


def _without_job(row: dict[str, Any]) -> str:
    """Why a row is not run."""
    return f"missing       {row['missing']}" if row.get("missing") else f"cited         {row['cited']}"


def _room(job: Task) -> str:
    """What the checkpoints of a training take, where the network's size is known."""
    from harness.registry import model_spec
    from harness.training.room import size_text, training_bytes

    parameters = model_spec(job.model).parameters if job.train_key is not None else None
    train = getattr(job, "protocol", {}).get("train", {})
    return f", checkpoints {size_text(training_bytes(parameters, bool(train.get('ema'))))}" if parameters else ""


def _cost(expected: dict[str, Any]) -> str:
    if "minutes" not in expected:
        return ""
    return f", about {expected['minutes']:g} minutes and {expected['memory_gib']:g} GiB"
