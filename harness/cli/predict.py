"""`harness predict`."""

from __future__ import annotations

import typer

NAME = "predict"
EXAMPLE = "harness predict --weights runs/trainings/<model>-<key>/final.pth --images photos/ --out predictions/"


def command(
    weights: str = typer.Option(..., help="weights file: ours, or with --model one of the TCFormer authors or mmpose"),
    images: str = typer.Option(..., help="folder of .jpg, .jpeg or .png images"),
    out: str = typer.Option("predictions", help="folder for predictions.json, images.json and the pictures"),
    boxes: str | None = typer.Option(None, help="person boxes: x,y,w,h in pixels for every image, or a file of "
                                               "detections or of COCO annotations; by default the whole image is one "
                                               "box"),
    model: str | None = typer.Option(None, help="the network, where the file does not say; `harness list models`"),
    input_size: str | None = typer.Option(None, "--input", help="HxW of the input, where the file does not say"),
    layout: str | None = typer.Option(None, help="key points, where the file does not say (coco-wholebody)"),
    device: str = typer.Option("auto", help="auto, cpu or cuda"),
    min_score: float = typer.Option(0.2, help="draw points with at least this score", min=0, max=1),
    json_output: bool = typer.Option(False, "--json", help="print the results as JSON too"),
) -> None:
    """Predict key points on a folder of images: COCO-WholeBody results and pictures with the points drawn."""
    from pathlib import Path

    from harness.holdings.finding import many
    from harness.predicting import predict_folder

    done = predict_folder(Path(weights), Path(images), Path(out), boxes, model, input_size, layout, device, min_score)
    for line in done.notes:
        typer.echo(line, err=json_output)
    if json_output:
        typer.echo(done.results.read_text())
    else:
        typer.echo(f"{many(done.people, 'person', 'people')} in {many(done.images, 'image')}: {done.results}, pictures "
                   "beside it")
