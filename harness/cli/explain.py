"""`harness explain`."""

from __future__ import annotations

import typer

NAME = "explain"
EXAMPLE = "harness explain table_s2/paper/hrnet_w48 seed_s2_hrnet_w48 --part wholebody"


def command(
    a: str = typer.Argument(help="a row (hrnet_w48 or table_s2/hrnet_w48), its folder or record.json, or a file of "
                             "results with --gt"),
    b: str | None = typer.Argument(None, help="the same, weights of `harness weights export`, or the id of a "
                                             "published number; without it, A alone"),
    gt: str | None = typer.Option(None, help="annotations of results that have no record"),
    layout: str | None = typer.Option(None, help="key points of such results, where the annotations do not tell"),
    score_key: str = typer.Option("auto", help="what ranks such results: auto, person or part"),
    results: str = typer.Option("runs", envvar="HARNESS_RESULTS", help="results folder where rows are looked for"),
    data_root: str | None = typer.Option(None, help="where the evaluation data of records lie now"),
    part: str | None = typer.Option(None, help="sort by the effect on this part; by default on any"),
    metric: str = typer.Option("AP", help="AP or AR: what to show on the screen and sort by"),
    json_output: bool = typer.Option(False, "--json", help="print as JSON"),
    out: str | None = typer.Option(None, help="write the JSON to this file"),
) -> None:
    """Say why two numbers differ: every difference of protocol, and what each would change, scored again."""
    import json
    from pathlib import Path

    from harness.errors import unknown
    from harness.explain.effects import explain
    from harness.explain.present import as_json, as_text
    from harness.explain.subjects import Subject, check_given, evidence_of, open_subject
    from harness.files import check_replaceable, check_writable, is_json_with, write_json
    from harness.report.plain import print_whole

    if metric not in ("AP", "AR"):
        raise unknown("metric", metric, ("AP", "AR"))
    if out:
        check_writable(Path(out), "--out")
        check_replaceable(Path(out), "--out", "output of `harness explain`",
                          lambda path: is_json_with(path, "schema", "changes", "caveat"))

    def opened(text: str, to_score: bool) -> Subject:
        return open_subject(text, Path(gt) if gt else None, layout, score_key, Path(data_root) if data_root else None,
                            Path(results), to_score)

    first, second = opened(a, to_score=True), opened(b, to_score=False) if b else None
    check_given([first, second] if second else [first], {
        "--gt": gt, "--layout": layout, "--score-key": None if score_key == "auto" else score_key,
        "--data-root": data_root})
    layout_parts = [*evidence_of(first).layout.parts, "hand"]
    if part is not None and part not in layout_parts:
        raise unknown("part", part, layout_parts)
    found = explain(first, second, part, metric)
    data = as_json(found)
    if out:
        write_json(Path(out), data)
    if json_output:
        typer.echo(json.dumps(data, indent=2))
        return
    print_whole(as_text(found, metric))
