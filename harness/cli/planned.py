"""The plan as text: what would run, what is done, how long it may take."""

from __future__ import annotations

import typer

from harness.plan import Plan
from harness.run import state_of


def show(plan: Plan) -> None:
    """Print a plan (`--dry-run`)."""
    profile = plan.profile
    typer.echo(f"{plan.table['title']}\nprofile {profile['name']}: {' '.join(profile['description'].split())}\n"
               f"results in {plan.results}/")
    minutes, memory = 0.0, 0.0
    for row in plan.rows:
        job = plan.jobs.get(row["id"])
        if job is None:
            typer.echo(f"  {row['id']:<18} cited    {row['cited']}")
            continue
        state = state_of(plan.results, job)
        expected = job.expected
        todo = state.name not in ("done", "stale")
        if todo:
            minutes += expected.get("minutes", 0)
            memory = max(memory, expected.get("memory_gib", 0))
        verb = {"new": "to run", "failed": "to run again", "damaged": "damaged"}.get(state.name, state.name)
        train = "evaluation only" if job.weights else f"train on {job.train.title if job.train else '-'}"
        typer.echo(f"  {row['id']:<18} {verb:<8} {job.status}: {job.model} on {job.device}, {train}, "
                   f"evaluate on {job.evaluate.title}, key {job.key[:12]}, about {_time(expected)}")
        if state.name in ("failed", "damaged"):
            typer.echo(f"  {'':<18} {state.detail}")
        for note in job.notes:
            typer.echo(f"  {'':<18} - {note}")
    typer.echo(f"to do: about {_duration(minutes)}, peak memory about {memory:g} GiB\n"
               f"hardware it is meant for: {profile['expected']['hardware']}")


def _time(expected: dict) -> str:
    return f"{_duration(expected.get('minutes', 0))}, {expected.get('memory_gib', 0):g} GiB"


def _duration(minutes: float) -> str:
    if minutes >= 48 * 60:
        return f"{minutes / 1440:.0f} days"
    return f"{minutes / 60:.1f} hours" if minutes >= 120 else f"{minutes:.2g} minutes"
