"""The plan as text: what would run, what is done, how long it may take."""

from __future__ import annotations

from typing import Any

import typer

from harness.plan import Job, Plan
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
    new = [job for job in todo if (job.train_key or job.key) not in counted]
    new = list({job.train_key or job.key: job for job in new}.values())
    counted |= {job.train_key or job.key for job in new}
    what = "row(s)" if len(plan.jobs) == len({job.row for job in plan.jobs.values()}) else "training(s)"
    typer.echo(f"\n{len(todo)} {what} to run")
    if todo:
        for name, text in _expected(plan, new).items():
            typer.echo(f"{'expected ' + name + ':':<19} {text}")
    return sum(job.expected.get("minutes", 0.0) for job in new)


def other_data(plan: Plan) -> list[str]:
    """A line for each data set that is evaluated on and not trained on, which one may not have meant."""
    lines = [f"note: rows are trained on {job.train.title}, not on the data that they are evaluated on, "
             f"{job.evaluate.title}" for job in plan.jobs.values()
             if isinstance(job, Job) and job.train and not job.weights and job.train.dataset != job.evaluate.dataset]
    return list(dict.fromkeys(lines))


def _expected(plan: Plan, new: list[Task]) -> dict[str, str]:
    """What running takes, of the rows' own figures where they have some; `new` are those that share no training."""
    from harness.training.room import size_text

    found = {**plan.profile["expected"], **(plan.table.get("expected") or {}).get(plan.profile["name"], {})}
    found = {name: str(found[name]) for name in ("time", "memory", "disk", "hardware")}
    minutes = [float(job.expected["minutes"]) for job in new if "minutes" in job.expected]
    if len(minutes) == len(new):
        found["time"] = (f"about {sum(minutes):g} minutes on two CPU cores, one row after the other" if minutes else
                         "no more: trained for another table")
    checkpoints = sum(room(job) for job in new)
    if checkpoints:
        found["disk"] = f"up to {size_text(checkpoints)} of checkpoints, and {found['disk']}"
    return found


def _show_job(plan: Plan, job: Task, seeds: bool) -> str:
    """Print a job, its seed where the row has several; returns the name of its state."""
    state = state_of(plan.results, job)
    typer.echo(f"  {job.row:<18} {VERBS.get(state.name, state.name):<13} {job.status}: {job.model} on {job.device}, "
               f"{job.work(seeds)}{_cost(job)}; key {job.key[:12]}")
    if state.name in ("failed", "damaged"):
        typer.echo(f"{'':<21}{state.detail}")
    return state.name


def _without_job(row: dict[str, Any]) -> str:
    """Why a row is not run."""
    return f"missing       {row['missing']}" if row.get("missing") else f"cited         {row['cited']}"


def room(job: Task) -> int:
    """Bytes that the checkpoints of a training take at most; 0 where nothing is trained, or nobody counted."""
    from harness.registry import model_spec
    from harness.training.room import training_bytes

    parameters = model_spec(job.model).parameters if job.train_key is not None else None
    train = getattr(job, "protocol", {}).get("train", {})
    return training_bytes(parameters, bool(train.get("ema"))) if parameters else 0


def _cost(job: Task) -> str:
    """What a row is expected to take, as far as it is known."""
    from harness.training.room import size_text

    minutes, memory, checkpoints = job.expected.get("minutes"), job.expected.get("memory_gib"), room(job)
    said = f", about {minutes:g} minutes and {memory:g} GiB" if minutes is not None else ""
    return said + (f", checkpoints {size_text(checkpoints)}" if checkpoints else "")
