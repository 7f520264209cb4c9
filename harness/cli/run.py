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
    launcher: str = typer.Option("local", help="local: on this machine; slurm: a job a row (docs/cluster.md)"),
    jobs: int | None = typer.Option(None, help="rows at once, here each with its share of cores or GPUs  [default: 1; "
                                    "of a cluster: all]", min=1),
    gpus: int | None = typer.Option(None, help="GPUs of a training, one process each; as many are used as can share "
                                    "the protocol's batches evenly  [default: all]", min=1),
    processes: int | None = typer.Option(None, help="the same on a CPU  [default: 1]", min=1),
    partition: str | None = typer.Option(None, help="slurm: where to submit"),
    time: str | None = typer.Option(None, help="slurm: limit of a job, D-HH:MM:SS; then it is requeued, and goes on "
                                    "where it was  [default: 1-00:00:00]"),
    cpus: int | None = typer.Option(None, help="slurm: cores of a job", min=1),
    memory: str | None = typer.Option(None, help="slurm: memory of a job, 64G for example"),
    account: str | None = typer.Option(None, help="slurm: whom to charge"),
    qos: str | None = typer.Option(None, help="slurm: quality of service"),
    sbatch: list[str] = typer.Option([], help="slurm: any other option of sbatch, as NAME=VALUE"),
    no_wait: bool = typer.Option(False, "--no-wait", help="slurm: submit and return; harness status shows the rows"),
    json_output: bool = typer.Option(False, "--json", help="print the table as JSON instead"),
) -> None:
    """Make a table: run every row that has no record yet, then print published and measured side by side."""
    from harness.cli import everything, planned
    from harness.cli.given import check_results
    from harness.cli.launched import Cluster, launch_of, show_launch
    from harness.launch import team
    from harness.plan import Options, make_plan, parse_assignments
    from harness.signals import interruptible

    if team.rank() > 0:
        with interruptible():
            raise typer.Exit(0 if dry_run else team.follow())
    context.with_resource(team.leading())
    check_results(results)
    if table == everything.NAME:
        everything.check_given(context)
    cluster = Cluster(partition, time, cpus, memory, account, qos, tuple(sbatch), no_wait)
    launch = launch_of(launcher, device, gpus, processes, jobs, force, cluster)
    if table == everything.NAME:
        with interruptible():
            everything.run(Options(profile=profile, device=launch.device, seed=seed, results=results), dry_run, fresh,
                           stale, launch)
        return
    plan = make_plan(table, Options(
        profile=profile, data=data, data_root=data_root, rows=_split(table, rows), boxes=boxes,
        weights=parse_assignments(weights, "--weights"), init=parse_assignments(init, "--init"),
        weights_dir=weights_dir, eval_data=eval_data, eval_data_root=eval_data_root, eval_split=eval_split,
        device=launch.device, elsewhere=launch.elsewhere, seed=seed, results=results, settings=tuple(settings),
    ))
    if dry_run or (launch.elsewhere and not json_output):
        planned.show(plan)
        show_launch(plan, launch)
    for line in planned.other_data(plan):
        typer.echo(line, err=True)
    if dry_run:
        return
    from harness.cli.progress import RunDisplay
    from harness.report import show_plan_report
    from harness.run import run_plan

    with interruptible(), RunDisplay(plan) as display:
        outcome = run_plan(plan, fresh, stale, display, launch)
    if "submitted" in outcome.values():
        return
    report = show_plan_report(plan, "json" if json_output else "text")
    if plan.found:
        from harness.zoo.verdicts import lines

        typer.echo("\n".join(lines(plan, report)), err=json_output)
    bad = [row for row, result in outcome.items() if result in ("failed", "damaged")]
    stopped = [row for row, result in outcome.items() if result == "stopped"]
    if bad:
        typer.echo(f"harness: error: {len(bad)} row(s) failed: {', '.join(bad)}", err=True)
    if stopped:
        typer.echo(f"harness: error: {len(stopped)} row(s) stopped: {', '.join(stopped)}; the same command continues",
                   err=True)
    if bad or stopped:
        raise typer.Exit(1)


def _split(table: str, rows: str | None) -> tuple[str, ...]:
    """The rows that `--rows` names; () where it is not given."""
    from harness.errors import UserError
    from harness.registry import spec_data

    names = tuple(name.strip() for name in (rows or "").split(",") if name.strip())
    if rows is not None and not names:
        choices = ", ".join(row["id"] for row in spec_data("tables", table)["rows"])
        raise UserError(f"--rows '{rows}' names no row (choices: {choices})")
    return names
