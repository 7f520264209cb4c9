"""`harness figure`: poses, tokens."""

from __future__ import annotations

import typer

NAME = "figure"
EXAMPLE = "harness figure poses --row tcformer_large --out poses.pdf"

app = typer.Typer(help="Draw what networks see: key points over images (S2).", no_args_is_help=True,
                  rich_markup_mode=None)

RESULTS = typer.Option("runs", envvar="HARNESS_RESULTS", help="results folder where rows are looked for")
WEIGHTS = typer.Option(None, help="weights file, in place of the row's own")
IMAGE = typer.Option(None, "--image", help="an image file, or the number of an image of the row's evaluation data; "
                                           "may be repeated")
BOXES = typer.Option(None, help="person boxes of image files, as of `harness predict`: x,y,w,h in pixels, or a file of "
                                "detections or of COCO annotations; by default the whole image is one box")
DATA_ROOT = typer.Option(None, help="where the evaluation data of the row lie now")
DEVICE = typer.Option("auto", help="auto, cpu or cuda")


@app.command(epilog="Example: harness figure poses --row tcformer_large --image photo.jpg --out poses.pdf")
def poses(
    row: str = typer.Option(..., help="a row of the results folder, a row's folder, or a network of `harness list "
                                      "models`"),
    image: list[str] | None = IMAGE,
    weights: str | None = WEIGHTS,
    results: str = RESULTS,
    boxes: str | None = BOXES,
    out: str = typer.Option("poses.png", help="FILE.png, .svg or .pdf"),
    data_root: str | None = DATA_ROOT,
    device: str = DEVICE,
) -> None:
    """Draw key points and links over images, coloured by part, opaque by confidence.

    Without --image, of a row that was run: the best, median and worst images by OKS, and one of every kind of mistake.
    """
    from pathlib import Path

    from harness.errors import UserError
    from harness.figures import photos
    from harness.figures import poses as drawing
    from harness.figures.rows import open_row
    from harness.hardware import resolve_device
    from harness.profiling.figures import check_format, save

    target = Path(out)
    check_format(target, "--out")
    opened = open_row(row, Path(results), Path(weights) if weights else None)
    title = f"{opened.title}: {opened.said}"
    if image:
        shown = photos.of_images(image, opened, boxes, data_root)
        posed, notes = drawing.predicted(opened, shown, resolve_device(device))
        notes = shown.notes + notes
        save(target, lambda: drawing.image_figure(posed, title), "--out")
    else:
        if weights or boxes:
            raise UserError(f"{'--weights' if weights else '--boxes'} needs --image: without it the stored predictions "
                            "of the row are drawn")
        posed, notes = drawing.stored(opened, data_root)
        save(target, lambda: drawing.grid_figure(posed, title), "--out")
    for note in notes:
        typer.echo(note)
    typer.echo(f"{len(posed.scored)} people on {len(posed.images)} images: {target}")
