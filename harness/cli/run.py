"""`harness run`."""

from __future__ import annotations

import typer

NAME = "run"
EXAMPLE = "harness run table_s2 --profile smoke --rows hrnet_w48,tcformer_large"


def command(
    context: typer.Context,
    table: str = typer.Argument(help="a table's name (`harness list tables`), or all: tables, figures and page"),
    profile: str | None = typer.Option(None, help="what to run and at which size (most tables: demo); "
                                                  "`harness list profiles`"),
    data: str | None = typer.Option(None, help="data set to train and evaluate on, instead of the profile's"),
    data_root: str | None = typer.Option(None, help="folder of that data set"),
    rows: str | None = typer.Option(None, help="only these rows, comma-separated; openmmlab:<config> adds one"),
    boxes: str | None = typer.Option(None, help="person boxes: gt, detector, or a file of detections"),
    weights: list[str] = typer.Option([], help="ROW=FILE: evaluate these weights, train nothing"),
    init: list[str] = typer.Option([], help="ROW=FILE: start the training from these weights"),
    weights_dir: str | None = typer.Option(None, help="folder of published weights (`harness weights list`): evaluate "
                                                      "the rows whose files are there, train nothing"),
    eval_data: str | None = typer.Option(None, help="evaluate on another data set of the same layout"),
    eval_data_root: str | None = typer.Option(None, help="folder of the evaluation data set"),
    eval_split: str | None = typer.Option(None, help="NAME, FIRST:LAST or NAME[FIRST:LAST] of the images"),
    device: str = typer.Option("auto", help="auto, cpu or cuda"),
    seed: int | None = typer.Option(None, help="seed of initial weights, order and augmentation; the table's own where "
                                    "it is not given, mostly 0", min=0),
    results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="folder for all that a run leaves"),
    settings: list[str] = typer.Option([], "--set", help="section.name=value: change one setting of the protocol"),
    dry_run: bool = typer.Option(False, "--dry-run", help="print the plan and run nothing"),
    fresh: bool = typer.Option(False, "--fresh", help="run again what is done; old records are set aside"),
    stale: bool = typer.Option(False, "--stale", help="run again the rows whose code has changed"),
    force: bool = typer.Option(False, "--force", help="continue a training that was begun with other code"),
    json_output: bool = typer.Option(False, "--json", help="print the table as JSON instead"),
) -> None:
    """Make a table: run every row that has no record yet, then print published and measured side by side."""
    from harness.cli import everything, planned
    from harness.plan import Options, make_plan, parse_assignments
    from harness.signals import interruptible

    if table == everything.NAME:
        everything.check_given(context)
        with interruptible():
            everything.run(Options(profile=profile, device=device, seed=seed, results=results), dry_run, fresh, stale)
        return
    plan = make_plan(table, Options(
        profile=profile, data=data, data_root=data_root, rows=_split(rows), boxes=boxes,
        weights=parse_assignments(weights, "--weights"), init=parse_assignments(init, "--init"),
        weights_dir=weights_dir, eval_data=eval_data, eval_data_root=eval_data_root, eval_split=eval_split,
        device=device, seed=seed, results=results, settings=tuple(settings),
    ))
    if dry_run:
        planned.show(plan)
        return
    from harness.cli.progress import RunDisplay
    from harness.report import show_plan_report
    from harness.run import run_plan

    with interruptible(), RunDisplay(plan) as display:
        outcome = run_plan(plan, fresh, stale, display, force)
    report = show_plan_report(plan, "json" if json_output else "text")
    if plan.found:
        from harness.zoo.verdicts import lines

        typer.echo("\n".join(lines(plan, report)), err=json_output)
    bad = [row for row, result in outcome.items() if result in ("failed", "damaged")]
    if bad:
        typer.echo(f"harness: error: {len(bad)} row(s) failed: {', '.join(bad)}", err=True)
        raise typer.Exit(1)


def _split(rows: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in rows.split(",") if name.strip()) if rows else ()
