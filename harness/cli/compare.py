"""`harness compare`, and `harness gate`, which is the same with a default for each side and for CI."""

from __future__ import annotations

import typer

from harness.cli.given import given, typed

NAME = "compare"
EXAMPLE = "harness compare HEAD~1 . --models tcformer_small"
HELP = """Say of every metric whether CANDIDATE is the same as BASE, better, worse, or whether nobody can tell.

Both are records, results folders, records of `harness profile`, files of pytest-benchmark or names of baselines: then
nothing is run. Or both are commits of this repository, or . for the working tree: then both are measured, in turn.

Exit status: 0 same or better, 1 worse, 2 cannot tell or not comparable, 3 a mistake in what was asked for.
"""


def command(
    context: typer.Context,
    base: str | None = typer.Argument(None, help="what to hold the candidate against"),
    candidate: str | None = typer.Argument(None, help="what may have become better or worse"),
    models: str | None = typer.Option(None, help="networks to measure, comma-separated; by default the suite `gate` "
                                                  "of small ones"),
    inputs: str = typer.Option("256x192", "--input", help="HxW[,HxW] of these networks' input, pixels"),
    batch: str = typer.Option("1", help="images in a batch: 1,16"),
    precision: str = typer.Option("fp32", help="fp32, tf32, bf16, fp16; several separated by commas"),
    mode: str | None = typer.Option(None, help="of these networks, as of `harness profile`"),
    train: bool = typer.Option(False, "--train", help="time a training step of them instead of inference"),
    only: str | None = typer.Option(None, help="of accuracy,speed,memory,operations, only these"),
    pairs: int = typer.Option(12, help="pairs of fresh processes, A B B A; with fewer than 12 nothing is told", min=1),
    weights: list[str] = typer.Option([], help="ROW=FILE: weights to evaluate with the code of both sides"),
    table: str = typer.Option("table_s2", help="table of these rows"),
    profile: str = typer.Option("demo", help="profile to evaluate them in"),
    data: str | None = typer.Option(None, help="data set to evaluate them on, instead of the profile's"),
    data_root: str | None = typer.Option(None, help="folder of that data set"),
    eval_split: str | None = typer.Option(None, help="NAME, FIRST:LAST or NAME[FIRST:LAST] of its images"),
    settings: list[str] = typer.Option([], "--set", help="section.name=value: one setting of their protocol"),
    margin: float | None = typer.Option(None, help="how far AP and AR may move and count as the same", min=0),
    benchmarks: str | None = typer.Option(None, help="files of pytest-benchmark to run on both sides, comma-separated"),
    device: str = typer.Option("auto", help="auto, cpu or cuda"),
    threads: int | None = typer.Option(None, help="CPU threads; one by default, as several are far noisier", min=1),
    images: str | None = typer.Option(None, help="folder of images to run on; people are drawn without one"),
    calibration: str | None = typer.Option(None, help="file of this machine's A/A runs; in the user's cache by "
                                                      "default"),
    no_calibration: bool = typer.Option(False, "--no-calibration", help="make and use no A/A run: the band goes by "
                                                                        "this run's own scatter"),
    strict: bool = typer.Option(False, "--strict", help="what cannot be told or compared counts as a failure"),
    junit: str | None = typer.Option(None, help="write JUnit XML into this file"),
    github: bool = typer.Option(False, "--github", help="print GitHub annotations; fill the step's summary"),
    summary: str | None = typer.Option(None, help="write a Markdown summary into this file"),
    json_output: bool = typer.Option(False, "--json", help="print as JSON"),
    out: str | None = typer.Option(None, help="write the JSON into this file"),
    every: bool = typer.Option(False, "--all", help="show the metrics that are the same one by one, too"),
    results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="folder where a measured comparison is kept"),
) -> None:
    """See HELP, and that of `harness.cli.gate`."""
    from harness.cli import compared

    check_given(context, models is not None, bool(weights))
    gate = context.info_name == "gate"
    compared.run(compared.Asked(
        base=base, candidate=candidate, gate=gate, models=models, inputs=inputs, batch=batch, precision=precision,
        mode=mode, what="training" if train else "inference", only=only, pairs=pairs, weights=tuple(weights),
        table=table, profile=profile, data=data, data_root=data_root, eval_split=eval_split,
        settings=tuple(settings), margin=margin, benchmarks=benchmarks, device=device, threads=threads,
        images=images, calibration=calibration, calibrate=not no_calibration, strict=strict, junit=junit,
        github=github, summary=summary, json=json_output, out=out, every=every, results=results),
        lambda: check_stored(context))


OF_FILES = ("base", "candidate", "only", "margin", "strict", "junit", "github", "summary", "json_output", "out",
            "every")
"""Parameters that mean something where both sides lie on the disk and nothing is run."""
OF_MODELS = ("inputs", "batch", "precision", "mode", "train")
"""Parameters that say how the networks of --models are measured."""
OF_WEIGHTS = ("table", "profile", "data", "data_root", "eval_split", "settings")
"""Parameters that say how --weights are evaluated."""


def check_stored(context: typer.Context) -> None:
    """Raises UserError for an option that would have no effect as nothing is run."""
    from harness.errors import UserError

    for parameter in typed(context):
        if parameter.name not in OF_FILES:
            raise UserError(f"{parameter.opts[0]} is for commits, which are run; both sides lie on the disk")


def check_given(context: typer.Context, models: bool, weights: bool) -> None:
    """Raises UserError for an option that would have no effect without --models, or without --weights."""
    from harness.errors import UserError

    for parameter in given(context):
        if parameter.name in OF_MODELS and not models:
            raise UserError(f"{parameter.opts[0]} is for the networks of --models; without them a suite is measured")
        if parameter.name in OF_WEIGHTS and not weights:
            raise UserError(f"{parameter.opts[0]} is for --weights ROW=FILE, which are evaluated with both sides' code")
