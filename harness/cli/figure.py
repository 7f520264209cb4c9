"""`harness figure`: poses, tokens."""

from __future__ import annotations

import typer

NAME = "figure"
EXAMPLE = "harness figure poses --row tcformer_large --out poses.pdf"

app = typer.Typer(help="Draw what networks see: tokens of every stage (S1), key points over images (S2).",
                  no_args_is_help=True, rich_markup_mode=None)

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


@app.command(epilog="Example: harness figure tokens --row tcformer_large --image photo.jpg --view regions,density")
def tokens(
    row: str = typer.Option(..., help="as of `harness figure poses`; several, separated by commas, are drawn one below "
                                      "the other"),
    image: list[str] | None = IMAGE,
    everything: bool = typer.Option(False, "--all", help="measure on all annotated people of the first row's "
                                                         "evaluation data; draws only what --image names"),
    first: int | None = typer.Option(None, help="with --all: the first so many people only", min=1),
    view: str = typer.Option("regions", help="regions, density, or both"),
    task: str = typer.Option("pose", help="pose: crops of people; classification: the centre of the image"),
    weights: str | None = WEIGHTS,
    results: str = RESULTS,
    boxes: str | None = BOXES,
    out: str = typer.Option("tokens.png", help="FILE.png, .svg or .pdf"),
    data_root: str | None = DATA_ROOT,
    device: str = DEVICE,
    json_output: bool = typer.Option(False, "--json", help="print the shares as JSON"),
) -> None:
    """Draw the tokens of every stage over images, and measure how many lie on people, faces, hands and background.

    Of each image the largest box is drawn. xN is the density of tokens over that of stage 1, an even spread.
    """
    import json
    from pathlib import Path

    from harness.errors import UserError, unknown
    from harness.figures import photos, token_figure, token_runs, token_table
    from harness.figures import tokens as running
    from harness.figures.rows import open_row
    from harness.hardware import resolve_device
    from harness.profiling.figures import check_format, save
    from harness.report.plain import print_whole

    target, views = Path(out), token_figure.parse_views(view)
    check_format(target, "--out")
    if task not in running.TASKS:
        raise unknown("task", task, running.TASKS, "in --task")
    if not image and not everything:
        raise UserError("nothing to show: name images with --image, or measure the evaluation data with --all")
    if first and not everything:
        raise UserError(f"--first {first} goes with --all; images that --image names are all drawn")
    if boxes and not image:
        raise UserError(f"--boxes {boxes}: for image files, but --image names none")
    names = [name.strip() for name in row.split(",")]
    if weights and len(names) > 1:
        raise UserError(f"--weights {weights}: for one row only, {len(names)} are named")
    rows = [open_row(name, Path(results), Path(weights) if weights else None) for name in names]
    where, notes, measured = resolve_device(device), [], []
    if image:
        shown = photos.of_images(image, rows[0], boxes, data_root)
        shown = photos.Photos(shown.split, running.largest(shown.boxes), shown.notes)
        pictures = token_runs.pictures(rows, shown, task, where)
        save(target, lambda: token_figure.token_figure(pictures, views), "--out")
        notes += [*shown.notes, f"drawn: {target}"]
        if not everything and shown.annotated:
            measured = token_runs.table_of(rows, shown, task, where, None)
            notes.append(f"measured on the {measured[0].boxes} crop(s) drawn")
    if everything:
        whole = photos.of_evaluation(rows[0].data(data_root), [])
        measured = token_runs.table_of(rows, whole, task, where, first)
        notes.append(f"measured on {whole.split.dataset}/{whole.split.name}: {measured[0].boxes} crops of "
                     f"{measured[0].images} images")
    if json_output:
        typer.echo(json.dumps({**token_table.as_json(measured), "notes": notes}, indent=2))
        return
    if measured:
        print_whole(token_table.as_table(measured))
    for note in notes:
        typer.echo(note)
