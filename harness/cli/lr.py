"""`harness lr`."""

from __future__ import annotations

import typer

NAME = "lr"
EXAMPLE = "harness lr table_s2 tcformer_large --figure lr.png"


def command(
    table: str = typer.Argument(help="a table's name (`harness list tables`)"),
    row: str = typer.Argument(help="the row whose training it is for"),
    profile: str | None = typer.Option(None, help="as `harness run`"),
    data: str | None = typer.Option(None, help="data set to train on, as `harness run`"),
    data_root: str | None = typer.Option(None, help="folder of that data set"),
    device: str = typer.Option("auto", help="auto, cpu or cuda"),
    seed: int = typer.Option(0, help="of initial weights, order and augmentation", min=0),
    low: float = typer.Option(1e-6, help="learning rate of the first step"),
    high: float = typer.Option(1.0, help="learning rate of the last step"),
    steps: int = typer.Option(100, help="how many; it ends earlier where the loss breaks"),
    settings: list[str] = typer.Option([], "--set", help="section.name=value, as `harness run`"),
    results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="where made data is kept"),
    json_output: bool = typer.Option(False, "--json", help="print as JSON"),
    figure: str | None = typer.Option(None, help="draw it: FILE.png, .svg or .pdf"),
) -> None:
    """Find a learning rate: train a row's network with a rate that rises, and see where the loss falls."""
    import json
    from pathlib import Path

    from harness.errors import UserError
    from harness.files import check_writable
    from harness.kinds import kind_of
    from harness.plan import Options, make_plan
    from harness.profiling.figures import check_figure, save
    from harness.registry import spec_data

    if figure:
        check_figure(Path(figure))
        check_writable(Path(figure), "--figure")
    if kind_of(spec_data("tables", table)).learning is None:
        raise UserError(f"table {table}: nothing is trained there, so there is no rate to find")
    plan = make_plan(table, Options(profile=profile, data=data, data_root=data_root, rows=(row,), device=device,
                                    seed=seed, results=results, settings=tuple(settings)))
    kind = kind_of(plan.table)
    if not plan.jobs or kind.learning is None:
        raise UserError(f"row {row} of {table} is not trained in profile {plan.profile['name']}")
    from harness.training import finder
    from harness.training.loop import make_accelerator

    job = plan.jobs_of(row)[0]
    network, lesson = kind.load("learning")(job)
    accelerator = make_accelerator(job.device, getattr(lesson.train, "precision", "fp32"))

    def progress(done: int, total: int, text: str) -> None:
        if done % 20 == 0 or done == total:
            typer.echo(f"step {done}/{total}: {text}", err=True)

    found = finder.find(network.to(accelerator.device), lesson, accelerator, seed, low, high, steps, progress)
    now = float(getattr(lesson.train, "lr"))  # noqa: B009 - not of every course
    if figure:
        save(Path(figure), lambda: finder.draw(found, f"{row} ({job.model})"))
    if json_output:
        typer.echo(json.dumps({"row": row, "model": job.model, "steepest": found.steepest, "lowest": found.lowest,
                               "now": now, "rates": found.rates.tolist(), "losses": found.losses.tolist(),
                               "smooth": found.smooth.tolist()}))
        return
    typer.echo(f"{row} ({job.model}), {len(found.rates)} steps: the loss falls fastest at lr {found.steepest:.2g} and "
               f"is least at {found.lowest:.2g}, beyond which it breaks; the protocol has {now:.2g}.\n"
               f"--set train.lr={found.steepest:.1e} takes the first. One short test: the best rate of a training "
               "may be several times that.")
