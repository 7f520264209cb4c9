"""A table of classifiers from rows and records, rendered as tables of systems are: part `image`, top1 and top5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.classification.comparable import reasons_against
from harness.classification.published import published_accuracies
from harness.report import words
from harness.report.build import banner_of, margin_of
from harness.report.comparability import trained_here, used_published_weights
from harness.report.data import csv_text, json_data
from harness.report.forms import Form
from harness.report.latex import latex
from harness.report.markdown import markdown
from harness.report.model import Comparison, Note, RowReport, RowResult, TableReport
from harness.report.noise import cell_noise, evaluation_spread, training_spread
from harness.report.notes import describe_machine, left_open, not_measured, run_name, spreads
from harness.report.screen import render
from harness.report.verdicts import Verdict, verdict

COLUMNS = ("top1 and top5 are fractions from 0 to 1. Resolution is height × width of the network's input. Params are "
           "millions, GMACs those of one forward pass (a multiply-add is one), img/s the network alone.")


def build_report(table: Mapping[str, Any], profile: Mapping[str, Any], rows: Sequence[RowResult],
                 damaged: Sequence[str] = (), others: Sequence[str] = ()) -> TableReport:
    """Hold every row's accuracies against the published ones. Arguments as of `harness.report.build.build_report`."""
    margin = margin_of(table)
    compared = tuple(RowReport(result, _comparisons(table, profile, result, margin)) for result in rows)
    return TableReport(table, profile, banner_of(profile, rows), compared, _notes(table, profile, compared, others), (),
                       tuple(damaged))


def _comparisons(table: Mapping[str, Any], profile: Mapping[str, Any], result: RowResult, margin: float
                 ) -> tuple[Comparison, ...]:
    found = []
    for source in result.published or (None,):
        reasons, same = [], False
        if result.measured and source is not None:
            reasons = reasons_against(result, source, table, profile)
            same = used_published_weights(result, source)
        for part in table["parts"]:
            for metric in table["metrics"]:
                printed, measured = source.value(part, metric) if source else None, result.value(part, metric)
                judged: Verdict | None = None
                if result.measured and source is not None:
                    noise = cell_noise(result, part, metric, not same, ())
                    judged = verdict(printed, result.seed_values(part, metric), reasons, noise=noise, margin=margin)
                found.append(Comparison(part, metric, source, printed, measured, result.interval(part, metric), judged,
                                        training_spread(result, part, metric), evaluation_spread(result, part, metric)))
    return tuple(found)


def _notes(table: Mapping[str, Any], profile: Mapping[str, Any], rows: Sequence[RowReport], others: Sequence[str]
           ) -> tuple[Note, ...]:
    results = [row.result for row in rows]
    notes = [Note(None, "reading", COLUMNS)]
    notes += [Note(None, "reading", words.one_line(text, 2000)) for text in table.get("notes") or ()]
    notes += [Note(None, "open", left_open(table, item)) for item in table.get("left_open") or ()
              if profile.get("reproduces")]
    intervals = [result.get("intervals") for result in results if result.measured]
    if intervals:
        notes.append(Note(None, "interval", f"Intervals: {intervals[0]['level']:.0%}, {intervals[0]['method']}. They "
                          "say how far an accuracy could move with other images, not with another training seed. A "
                          "verdict is on the images of the published number, so they have no part in it."))
    machines = dict.fromkeys(describe_machine(result) for result in results if result.measured)
    notes += [Note(None, "machine", f"Measured on {text}.") for text in machines]
    notes += [Note(None, "data", text) for text in others]
    for row in rows:
        notes += _row(row)
    return tuple(notes)


def _row(row: RowReport) -> list[Note]:
    result = row.result
    title, ran = str(result.row["title"]), run_name(result)
    notes = not_measured(result)
    if result.measured:
        notes.append(Note(ran, "data", describe_run(result)))
        for cell in row.first:
            if cell.interval:
                notes.append(Note(ran, "interval", f"{cell.metric} {words.fraction(cell.measured)} "
                                                     f"{words.interval(cell.interval)}"))
        if trained_here(result):
            notes.append(Note(ran, "data", f"weights: {result.get('weights', 'file')}; pose networks start from them "
                                             f"with --init ROW=FILE (backbone of {result.get('model', 'name')})"))
        if result.stale:
            notes.append(Note(title, "stale", "the code has changed since this was run; run again with --stale"))
        notes += [Note(title, "spread", text) for text in spreads(row)]
    notes += [Note(title, "record", words.one_line(text)) for text in result.get("notes") or ()]
    notes += [Note(title, "gap", words.one_line(text)) for text in result.row.get("gaps") or ()]
    return notes


def describe_run(result: RowResult) -> str:
    """What was run, on what, in one sentence."""
    crop = (result.get("protocol", "crop", "height"), result.get("protocol", "crop", "width"))
    evaluated = result.get("data", "eval") or {}
    if trained_here(result):
        trained = result.get("data", "train") or {}
        epochs, steps = result.get("protocol", "train", "epochs"), result.get("training", "steps")
        start = result.get("weights", "init") or "random weights"
        said = (f"trained {epochs} epochs ({steps} steps) on {trained.get('dataset')} {trained.get('split')} "
                f"({trained.get('images')} images) from {start} by protocol {result.get('protocol_name')}")
    else:
        said = f"weights given (SHA-256 {str(result.get('weights', 'sha256'))[:8]}…), not trained here"
    return (f"classifier with the backbone of {result.get('model', 'name')} at {words.size(crop)}, {said}; tested on "
            f"{evaluated.get('dataset')} {evaluated.get('split')} ({evaluated.get('images')} images, "
            f"{evaluated.get('classes')} classes); seed {result.get('seed')}")


CLASSIFICATION = Form(published_accuracies, build_report, render, markdown, latex, csv_text, json_data)
