"""`harness errors`."""

from __future__ import annotations

import typer

NAME = "errors"
EXAMPLE = "harness errors --gt coco_wholebody_val_v1.0.json --pred results.json --figure errors.pdf"


def command(
    record: str | None = typer.Argument(None, help="a row (hrnet_w48 or table_s2/hrnet_w48), its folder or "
                                                  "record.json, instead of --gt and --pred"),
    gt: str | None = typer.Option(None, help="annotations"),
    pred: str | None = typer.Option(None, help="predictions: a file of results, stored ones, or a row's folder"),
    layout: str | None = typer.Option(None, help="key points, where the files do not tell"),
    score_key: str = typer.Option("auto", help="what ranks results: auto, person or part"),
    results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="results folder where rows are looked for"),
    data_root: str | None = typer.Option(None, help="where the evaluation data of the record lie now"),
    json_output: bool = typer.Option(False, "--json", help="print as JSON"),
    out: str | None = typer.Option(None, help="write the JSON to this file"),
    figure: str | None = typer.Option(None, help="draw it: FILE.png, .svg or .pdf"),
) -> None:
    """Say what kinds of mistakes cost AP, part by part: jitter, swaps, misses, false positives, score order ..."""
    import json
    from pathlib import Path

    from harness.errors import UserError
    from harness.explain.subjects import check_given, evidence_of, of_file, open_subject
    from harness.files import check_replaceable, check_writable, is_json_with, write_json
    from harness.profiling.figures import check_figure
    from harness.report.mistakes import as_json, as_text
    from harness.report.mistakes_figure import write_figure
    from harness.report.plain import print_whole
    from harness.scoring.repairs import diagnose

    if (record is None) == (pred is None):
        raise UserError("name either a record or --gt FILE --pred FILE")
    if figure:
        check_figure(Path(figure))
    if out:
        check_writable(Path(out), "--out")
        check_replaceable(Path(out), "--out", "output of `harness errors`",
                          lambda path: is_json_with(path, "schema", "order", "in_turn"))
    if pred and gt:  # whatever they are of: a row's predictions, too, are held against these annotations
        subject = of_file(Path(pred), Path(gt), layout, score_key)
    else:
        subject = open_subject(record or str(pred), Path(gt) if gt else None, layout, score_key,
                               Path(data_root) if data_root else None, Path(results), to_score=True)
    check_given([subject], {"--gt": gt, "--layout": layout, "--score-key": None if score_key == "auto" else score_key,
                            "--data-root": data_root})
    evidence = evidence_of(subject)
    key = evidence.conditions.ranked_by
    diagnosis = diagnose(evidence.people, evidence.scored_under(evidence.conditions), evidence.layout,
                         evidence.image_ids, key)
    data = {"predictions": subject.name, "score_key": key, "notes": list(subject.notes), **as_json(diagnosis)}
    if out:
        write_json(Path(out), data)
    if figure:
        write_figure(Path(figure), diagnosis, Path(subject.name).name)
    if json_output:
        typer.echo(json.dumps(data, indent=2))
        return
    print_whole(as_text(diagnosis))
    for note in subject.notes:
        typer.echo(note)
