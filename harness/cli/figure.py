"""`harness figure`: poses, tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from harness.figures.rows import Row
    from harness.figures.sidecar import Description

NAME = "figure"
EXAMPLE = "harness figure poses --row tcformer_large --out poses.pdf"

app = typer.Typer(help="Draw what networks see: tokens of every stage (S1, S5, S8, S9), key points over images (S2).",
                  no_args_is_help=True, rich_markup_mode=None)

RESULTS = typer.Option("runs", envvar="HARNESS_RESULTS", help="results folder where rows are looked for")
WEIGHTS = typer.Option(None, help="weights file, in place of the row's own")
IMAGE = typer.Option(None, "--image", help="an image file, or the number of an image of the row's evaluation data; "
                                           "may be repeated")
BOXES = typer.Option(None, help="person boxes of image files, as of `harness predict`: x,y,w,h in pixels, or a file of "
                                "detections or of COCO annotations; by default the whole image is one box")
OUT = typer.Option(None, help="FILE.png, .svg or .pdf; FILE.json beside it says what it shows. By default a .png in "
                              "figures/ of the results folder, named by what it shows")
SEED = typer.Option(None, help="of a row's records the newest of this training seed; by default of any")
PROFILE = typer.Option(None, help="of a row's records the newest of this profile; by default of any")
DATA_ROOT = typer.Option(None, help="where the evaluation data of the row lie now")
DEVICE = typer.Option("auto", help="auto, cpu or cuda")


@dataclass(frozen=True)
class Start:
    """What both commands begin with."""

    rows: list[Row]
    results: Path
    target: Path
    device: str
    command: str

    @property
    def with_data(self) -> Row:
        """The first row that was run on people, whose evaluation data are shown; the first network where none was."""
        return next((row for row in self.rows if row.record is not None and not row.classifies), self.rows[0])

    def facts(self) -> dict[str, Any]:
        """The fields of a description that both commands fill alike."""
        from harness.figures.sidecar import row_facts

        return {"command": self.command, "rows": [row_facts(row, self.results) for row in self.rows]}

    def mixed(self) -> list[str]:
        """A note on rows of different seeds or profiles, whose difference need not be the networks'."""
        records = [row.record for row in self.rows if row.record is not None]
        if len({(record.get("seed"), record.get("profile")) for record in records}) < 2:
            return []
        said = (f"{record['row']} (seed {record.get('seed')}, profile {record.get('profile')})" for record in records)
        return [f"rows of different trainings: {', '.join(said)}; --seed and --profile choose"]

    def described(self, of: Description) -> None:
        """Write what the figure shows beside it."""
        from harness.figures.sidecar import write

        write(self.target, of)


def start(context: typer.Context, row: str, weights: str | None, results: str, out: str | None, device: str,
          seed: int | None, profile: str | None, *words: str) -> Start:
    """Open the rows, separated by commas in `row`, and settle where the figure goes (`words` name one that was not told
    where). Says on standard error what mixes trainings. Raises UserError for what is not there, before anything is
    drawn."""
    from pathlib import Path

    from harness.errors import UserError
    from harness.figures import sidecar
    from harness.figures.rows import open_row
    from harness.hardware import resolve_device

    names = [name.strip() for name in row.split(",")]
    titles = "+".join(Path(name).name for name in names)
    words = (f"seed{seed}" if seed is not None else "", profile or "", *words)
    target = Path(out) if out else sidecar.default_file(Path(results), str(context.info_name), titles, *words)
    sidecar.check_target(target)
    if weights and len(names) > 1:
        raise UserError(f"--weights {weights}: for one row only, {len(names)} are named")
    rows = [open_row(name, Path(results), Path(weights) if weights else None, seed, profile) for name in names]
    begun = Start(told_apart(rows), Path(results), target, resolve_device(device), command_of(context))
    for note in begun.mixed():
        typer.echo(f"note: {note}", err=True)
    return begun


def told_apart(rows: list[Row]) -> list[Row]:
    """The rows, with their seeds or profiles in the titles where these are not all the same; with their seeds also
    where a title is there twice."""
    records = [row.record for row in rows if row.record is not None]
    told = [name for name in ("seed", "profile") if len({record.get(name) for record in records}) > 1]
    if not told and len({row.title for row in rows}) < len(rows):
        told = ["seed"]
    return [row if row.record is None else
            replace(row, title=", ".join([row.title, *(f"{name} {row.record.get(name)}" for name in told)]))
            for row in rows]


def command_of(context: typer.Context) -> str:
    """The command line that was given, without what was left at its default."""
    import shlex

    from harness.cli.given import typed

    words = ["harness", NAME, str(context.info_name)]
    for parameter in typed(context):
        value = context.params[str(parameter.name)]
        flag = [max(parameter.opts, key=len)] if parameter.param_type_name == "option" else []
        values = value if isinstance(value, list | tuple) else [value]
        words += flag if value is True else [word for one in values for word in (*flag, str(one))]
    return shlex.join(words)


def stems(images: list[str] | None) -> str:
    """Images in a file's name."""
    from pathlib import Path

    return "+".join(Path(image).stem for image in images or [])


@app.command(epilog="Example: harness figure poses --row tcformer_large --image photo.jpg --out poses.pdf")
def poses(
    context: typer.Context,
    row: str = typer.Option(..., help="a row of the results folder, a row's folder, or a network of `harness list "
                                      "models`"),
    image: list[str] | None = IMAGE,
    weights: str | None = WEIGHTS,
    results: str = RESULTS,
    boxes: str | None = BOXES,
    out: str | None = OUT,
    data_root: str | None = DATA_ROOT,
    seed: int | None = SEED,
    profile: str | None = PROFILE,
    device: str = DEVICE,
) -> None:
    """Draw key points and links over images, coloured by part, opaque by confidence.

    Without --image, of a row that was run: the best, median and worst images by OKS, and one of every kind of mistake.
    """
    from harness.errors import UserError
    from harness.figures import photos
    from harness.figures import poses as drawing
    from harness.figures.sidecar import Description, image_facts
    from harness.holdings.finding import many
    from harness.profiling.figures import save

    begun = start(context, row, weights, results, out, device, seed, profile, stems(image))
    if len(begun.rows) > 1:
        raise UserError(f"--row {row}: poses are of one row, {len(begun.rows)} are named")
    opened, target = begun.rows[0], begun.target
    title, numbers = f"{opened.title}: {opened.said}", None
    if image:
        shown = photos.of_images(image, opened, boxes, data_root)
        posed, notes = drawing.predicted(opened, shown, begun.device)
        notes = shown.notes + notes
        save(target, lambda: drawing.image_figure(posed, title), "--out")
        images, people = posed.images, many(len(posed.scored), "person", "people")
        alt = f"Key points of {people}, predicted on {many(len(images), 'image')} and drawn over them"
    else:
        if weights or boxes:
            raise UserError(f"{'--weights' if weights else '--boxes'} needs --image: without it the stored predictions "
                            "of the row are drawn")
        posed, notes = drawing.stored(opened, data_root)
        choice = drawing.choose(posed)
        save(target, lambda: drawing.grid_figure(posed, choice, title), "--out")
        images, numbers = photos.images_of(posed.images, choice.image_ids), choice.as_json()
        alt = ("Key points over the best, median and worst images by OKS, then an example of every kind of mistake: "
               + ", ".join(drawing.TITLES[kind] for kind, example in choice.mistakes.items() if example))
    begun.described(Description("poses", title, alt, images=image_facts(images), notes=notes, numbers=numbers,
                                **begun.facts()))
    for note in notes:
        typer.echo(note)
    typer.echo(f"{many(len(posed.scored), 'person', 'people')} on {many(len(posed.images), 'image')}: {target}")


@app.command(epilog="Example: harness figure tokens --row wo_ctm,tcformer,ctm_topk --image photo.jpg --stages 4")
def tokens(
    context: typer.Context,
    row: str = typer.Option(..., help="as of `harness figure poses`; several, separated by commas, are drawn side by "
                                      "side"),
    image: list[str] | None = IMAGE,
    everything: bool = typer.Option(False, "--all", help="measure on all annotated people of the evaluation "
                                                         "data of the first row that was run; draws only what "
                                                         "--image names"),
    first: int | None = typer.Option(None, help="with --all: the first so many people only", min=1),
    view: str = typer.Option("regions", help="regions, density, or both"),
    stages: str = typer.Option("", help="draw these stages only, for example 2,3,4; all are measured"),
    task: str = typer.Option("pose", help="pose: crops of people; face: crops of faces; classification: the centre of "
                                          "the image at 224x224; several, separated by commas, are drawn side by side"),
    initial: bool = typer.Option(False, "--initial", help="beside the rows, the network of the first with initial "
                                                          "weights, under the same protocol"),
    weights: str | None = WEIGHTS,
    results: str = RESULTS,
    boxes: str | None = BOXES,
    out: str | None = OUT,
    data_root: str | None = DATA_ROOT,
    seed: int | None = SEED,
    profile: str | None = PROFILE,
    device: str = DEVICE,
    json_output: bool = typer.Option(False, "--json", help="print the shares as JSON"),
) -> None:
    """Draw the tokens of every stage over images, and measure how many lie on people, faces, hands and background.

    Of each image the largest box is drawn. xN is the density of tokens over that of stage 1, an even spread.
    """
    import json

    from harness.errors import UserError
    from harness.figures import photos, token_figure, token_runs, token_table
    from harness.figures.sidecar import Description, image_facts
    from harness.figures.views import FACE, NOT_YET_S7, POSE, parse_tasks
    from harness.holdings.finding import many
    from harness.profiling.figures import save
    from harness.report.plain import print_whole

    views, tasks = token_figure.parse_views(view), parse_tasks(task)
    places = token_figure.parse_stages(stages)
    if not image and not everything:
        raise UserError("nothing to show: name images with --image, or measure the evaluation data with --all")
    if first and not everything:
        raise UserError(f"--first {first} goes with --all; images that --image names are all drawn")
    if (boxes or stages) and not image:
        named = f"--boxes {boxes}: for image files" if boxes else f"--stages {stages}: for what is drawn"
        raise UserError(f"{named}, but --image names none")
    words = "" if tasks == [POSE] else "+".join(tasks), "" if views == ["regions"] else "+".join(views), stems(image)
    begun = start(context, row, weights, results, out, device, seed, profile, *words)
    if initial:
        begun = replace(begun, rows=[*begun.rows, begun.rows[0].untrained()])
    notes = [NOT_YET_S7] if FACE in tasks else []
    measured, on, shown = [], "", None
    if image:
        shown = photos.of_images(image, begun.with_data, boxes, data_root)
        pictures = token_runs.pictures(begun.rows, shown, tasks, begun.device)
        save(begun.target, lambda: token_figure.token_figure(pictures, views, places), "--out")
        notes += shown.notes
        if not everything and shown.annotated:
            measured = token_runs.table_of(begun.rows, shown, tasks, begun.device, None, one_each=True)
            on = "the crops drawn"
    if everything:
        whole = photos.of_evaluation(begun.with_data.data(data_root), [])
        measured = token_runs.table_of(begun.rows, whole, tasks, begun.device, first)
        on = f"{whole.split.dataset}/{whole.split.name}"
    crops = sorted({f"{many(of.boxes, 'crop')} of {many(of.images, 'image')}" for of in measured})
    notes += [f"measured on {on}: {', '.join(crops)}"] if measured else []
    if shown is not None:
        names = ", ".join(dict.fromkeys(f"{of.title} ({of.said})" for of in begun.rows))
        alt = (f"Tokens of stages {', '.join(map(str, places))} as {' and '.join(views)} over "
               f"{many(len(shown.split.images), 'image')}, for {names}; input: {', '.join(tasks)}")
        begun.described(Description(
            "tokens", f"Tokens of {names}", alt, images=image_facts(shown.split.images), notes=begun.mixed() + notes,
            options={"tasks": tasks, "views": views, "stages": places},
            numbers=token_table.as_json(measured) if measured else None, **begun.facts()))
        notes.append(f"drawn: {begun.target}")
    if json_output:
        typer.echo(json.dumps({**token_table.as_json(measured), "notes": begun.mixed() + notes}, indent=2))
        return
    if measured:
        print_whole(token_table.as_table(measured))
        print_whole(token_table.starved_table(measured))
    for note in notes:
        typer.echo(note)


@app.command(epilog="Example: harness figure curves table_s2")
def curves(
    context: typer.Context,
    table: str = typer.Argument(help="a table of systems (`harness list tables`) with records in the results folder"),
    profile: str | None = typer.Option(None, help="as of `harness report`"),
    rows: str = typer.Option("", help="only these, separated by commas"),
    part: str = typer.Option("", help="whose scores; by default the last part of the table"),
    results: str = RESULTS,
    out: str | None = OUT,
) -> None:
    """Draw how a table's trainings went: loss by epoch, and the scores of every seed with their intervals."""
    from pathlib import Path

    from harness.errors import UserError, unknown
    from harness.figures import curves as drawing
    from harness.figures import sidecar
    from harness.holdings.finding import many
    from harness.kinds import SYSTEMS, kind_of
    from harness.profiling.figures import save
    from harness.record import recorded_profiles
    from harness.registry import spec_data
    from harness.report.show import gather

    spec = spec_data("tables", table)
    if kind_of(spec).name != SYSTEMS:
        raise UserError(f"table {table} is of other things than key points: it has no such curves")
    part = part or spec["parts"][-1]
    if part not in spec["parts"]:
        raise unknown(f"part of table {table}", part, spec["parts"])
    report = gather(table, profile, Path(results))[0]
    shown = [row.result for row in report.rows]
    asked = [name.strip() for name in rows.split(",") if name.strip()]
    for name in asked:
        if name not in [result.row["id"] for result in shown]:
            raise unknown(f"row of table {table}", name, [str(result.row["id"]) for result in shown])
    shown = [result for result in shown if not asked or result.row["id"] in asked]
    target = Path(out) if out else sidecar.default_file(Path(results), "curves", table, report.profile["name"], rows)
    sidecar.check_target(target)
    drawn = drawing.curves_of(shown, part, spec["metrics"])
    if not drawn and report.damaged:
        raise UserError("; ".join(report.damaged))
    for line in report.damaged:
        typer.echo(f"note: not drawn: {line}", err=True)
    if not drawn:
        profile = report.profile["name"]
        others = [name for name in recorded_profiles(Path(results), table) if name != profile]
        raise UserError(f"{results} has no training of {table}{f', rows {rows},' if rows else ''} in profile {profile}"
                        + (f" (there is {', '.join(others)}: --profile)" if others else ": `harness run` makes them"))
    title = f"{table}, profile {report.profile['name']}"
    save(target, lambda: drawing.draw(drawn, part, title), "--out")
    seeds = sum(len(curve.seeds) for curve in drawn)
    notes = ["A line, and a point with its interval over images, for each training seed."]
    sidecar.write(target, sidecar.Description(
        "curves", f"Trainings of {title}", f"Training loss by epoch and {part} scores of "
        f"{many(len(drawn), 'row')}, {many(seeds, 'training')}",
        command_of(context), drawing.facts_of(shown), [], notes, {"part": part},
        drawing.as_json(drawn, part)))
    typer.echo(f"{many(seeds, 'training')} of {many(len(drawn), 'row')}: {target}")
