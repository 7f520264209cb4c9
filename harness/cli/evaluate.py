"""`harness evaluate`."""

from __future__ import annotations

import typer

NAME = "evaluate"
EXAMPLE = "harness evaluate --gt coco_wholebody_val_v1.0.json --pred results.json --bootstrap 1000"


def command(
    gt: str = typer.Option(..., help="annotation file in COCO-WholeBody's form"),
    pred: str = typer.Option(..., help="predictions: a result file (JSON), a row's folder or its record.json, or a "
                                       "predictions.npz of ours"),
    layout: str | None = typer.Option(None, help="key points; by default those the files have, else coco-wholebody"),
    score_key: str = typer.Option("auto", help="what ranks a part: auto (its own scores where there are any), person "
                                               "or part"),
    mode: str = typer.Option("strict", help="strict: as xtcocotools 1.14.3; corrected: its quirks mended (--quirks)"),
    bootstrap: int = typer.Option(0, help="resamples of the images for 95 % intervals; 1000 is a good number", min=0),
    against: str | None = typer.Option(None, help="other predictions, for paired differences on the same images"),
    seed: int = typer.Option(0, help="seed of the resampling", min=0),
    evaluator: str = typer.Option("ours", help="ours, or xtcocotools where it is installed"),
    quirks: bool = typer.Option(False, "--quirks", help="list the reference's quirks and what each costs here"),
    curves: bool = typer.Option(False, "--curves", help="add precision-recall arrays to the JSON"),
    json_output: bool = typer.Option(False, "--json", help="print as JSON, key points included"),
    out: str | None = typer.Option(None, help="write the JSON into this file too"),
) -> None:
    """AP and AR of every body part of a file of predictions, with what informs them and what was left out."""
    import json
    from pathlib import Path
    from typing import cast

    from harness.cli.evaluated import show
    from harness.evaluating import Request, evaluate_files
    from harness.files import check_replaceable, check_writable, is_json_with, write_json
    from harness.scoring.quirks import Mode
    from harness.scoring.scored import ScoreKey

    if out is not None:
        check_writable(Path(out), "--out")
        check_replaceable(Path(out), "--out", "output of `harness evaluate`",
                          lambda path: is_json_with(path, "truth", "predictions", "evaluator"))
    result = evaluate_files(Request(
        truth=Path(gt), predictions=Path(pred), layout=layout, score_key=cast(ScoreKey, score_key),
        mode=cast(Mode, mode), resamples=bootstrap, against=Path(against) if against else None, seed=seed,
        curves=curves, quirks=quirks, evaluator=evaluator))
    if out is not None:
        write_json(Path(out), result)
    if json_output:
        typer.echo(json.dumps(result, indent=2, allow_nan=False))
    else:
        for line in show(result):
            typer.echo(line)
