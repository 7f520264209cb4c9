"""The lines below a table: how to read it, what was run, what is missing and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.published import load_published
from harness.report import words
from harness.report.changed import changed_settings
from harness.report.comparability import trained_here
from harness.report.misprints import misprints
from harness.report.model import CITED, FAILED, MISSING, STAND_IN, Note, RowReport, RowResult, repeats_of
from harness.statistics import LEVEL, Spread

COLUMNS = ("AP and AR are OKS-based, fractions from 0 to 1. Resolution is height × width of the network's input. "
           "Params are millions, GMACs those of one forward pass without flip (a multiply-add is one), img/s the "
           "network alone with the flip counted as two passes.")


def all_notes(table: Mapping[str, Any], profile: Mapping[str, Any], rows: Sequence[RowReport],
              others: Sequence[str] = ()) -> tuple[Note, ...]:
    """Every note, those of the table first, then row by row; `others` are about records that are not shown."""
    results = [row.result for row in rows]
    notes = [Note(None, "reading", COLUMNS)]
    notes += marks(table)
    notes += [Note(None, "reading", words.one_line(text, 2000)) for text in table.get("notes") or ()]
    notes += [Note(None, "open", left_open(table, item)) for item in table.get("left_open") or ()]
    notes += _intervals(results)
    if any(result.measured for result in results) and profile.get("reproduces"):
        notes.append(Note(None, "reading", "Differences are measured (the line of means, where there is one) minus "
                          "published; a verdict on a row is that of its whole-body AP, and every cell has its own: "
                          "= reproduced, ≠ not reproduced, ? cannot tell."))
        if any(row.best for row in rows):
            notes.append(Note(None, "reading", "Bold: not worse than the best measured value of the column beyond the "
                              f"{LEVEL:.0%} paired interval, over resamples of the images."))
    notes += _machines(results)
    notes += _data_sets(results)
    notes += [Note(None, "data", text) for text in others]
    for row in rows:
        notes += _row(table, row)
        changed = changed_settings(table, profile, row.result)
        if changed:
            notes.append(Note(str(row.result.row["title"]), "settings", f"not the profile's own settings: {changed}"))
    return tuple(notes)


def marks(table: Mapping[str, Any]) -> list[Note]:
    """What marks and short headings of a table stand for: shown wherever the table is."""
    return [Note(None, "marks", words.one_line(table["marks"], 2000))] if table.get("marks") else []


def not_measured(result: RowResult) -> list[Note]:
    """Why a row shows nothing that was measured; none where it does."""
    title = str(result.row["title"])
    if result.status == FAILED:
        text = f"failed: {words.one_line(result.get('error') or 'no reason was recorded')}"
        return [Note(title, "failed", text + (f" (log: {result.log})" if result.log else ""))]
    if result.status == CITED:
        why = result.row.get("cited") or "this profile has no stand-in for it"
        return [Note(title, "cited", f"cited, not run: {words.one_line(why)}")]
    if result.status == MISSING:
        why = result.row.get("missing")
        return [Note(title, "missing", f"not run: {words.one_line(why)}" if why else "not run yet in this profile")]
    return []


def _row(table: Mapping[str, Any], row: RowReport) -> list[Note]:
    result = row.result
    title = str(result.row["title"])
    notes = not_measured(result)
    if result.measured:
        notes.append(Note(title, "run", describe_run(result)))
        if result.stale:
            notes.append(Note(title, "stale", "the code has changed since this was run; run again with --stale"))
        notes += [Note(title, "spread", text) for text in spreads(row)]
        notes += [Note(title, "empty", text) for text in _empty(table, result)]
        share = result.get("model", "gmacs_counted_share")
        if share is not None and share < 0.9995:
            notes.append(Note(title, "record", f"GMACs cover {share:.1%} of the operations; the rest has no count"))
    notes += [Note(title, "record", words.one_line(text)) for text in result.get("notes") or ()]
    notes += [Note(title, "doubtful", f"{found.row.source.short}: {found}")
              for found in misprints(result.published, load_published())]
    notes += [Note(title, "gap", words.one_line(text)) for text in result.row.get("gaps") or ()]
    return notes


def left_open(table: Mapping[str, Any], item: Mapping[str, Any]) -> str:
    """A question that the source does not answer, the reading taken, and the row that takes another."""
    question, reading = words.one_line(item["question"]), words.one_line(item["reading"], 2000)
    text = f"Left open by the source: {question}. Here: {reading}"
    return text + (f"; another reading: row {item['alternative']} (--rows)." if item.get("alternative") else ".")


def spreads(row: RowReport) -> list[str]:
    """The spreads of training seeds and of evaluation in the headline cell, as far as they were measured."""
    result = row.result
    source = result.published[0].id if result.published else None
    cell = row.headline(source)
    if cell is None or cell.measured is None:
        return []
    of = f"standard deviation of {words.part_title(cell.part)} {cell.metric}"
    said = []
    if cell.training:
        said.append(f"{of} over training seeds: {_spread(cell.training)} from {cell.training.n} seeds "
                    f"({_list([str(record.get('seed')) for record in result.seeds])})")
    if cell.evaluation and cell.evaluation.n:
        options = ", ".join(f"{name} {value:g}" for name, value in result.get("evaluation_noise", "options").items())
        repeats = repeats_of(result.record or {}, cell.part, cell.metric)
        said.append(f"{of} over evaluations: {_spread(cell.evaluation)} from {cell.evaluation.n} repeats with "
                    f"{options}; their mean is {sum(repeats) / len(repeats):.4f}, without that noise it is "
                    f"{cell.measured:.4f}")
    return said


def _spread(found: Spread) -> str:
    return f"{found.sd:.4f} [{found.low:.4f}, {found.high:.4f}]"


def run_name(result: RowResult) -> str:
    """What was run, by a name: the row's title, or the network that stood in for it."""
    return str(result.get("model", "name") if result.status == STAND_IN else result.row["title"])


def describe_run(result: RowResult) -> str:
    """What was run, on what, in one sentence."""
    crop = (result.get("protocol", "crop", "height"), result.get("protocol", "crop", "width"))
    said = [f"{result.get('model', 'name')} at {words.size(crop)}"]
    if trained_here(result):
        steps, epochs = result.get("training", "steps"), result.get("protocol", "train", "epochs")
        text = f"trained {epochs} epoch{'s' * (epochs != 1)}" + (f" ({steps} steps)" if steps else "")
        start = result.get("weights", "init")
        said.append(f"{text} on {_data(result, 'train')} from {start or 'random weights'}")
    else:
        digest = str(result.get("weights", "sha256") or "")[:8]
        said.append(f"weights given{f' (SHA-256 {digest}…)' if digest else ''}, not trained here")
    boxes = result.get("data", "eval", "boxes") or "boxes not recorded"
    named = {"gt": "ground-truth boxes", "detector": "detector boxes"}.get(boxes, f"boxes {boxes}")
    flip = "with" if result.get("protocol", "test", "flip") else "without"
    said.append(f"evaluated on {_data(result, 'eval')} with {named}, {flip} flip test")
    said.append(f"seed {result.get('seed')}")
    return "; ".join(said)


def _data(result: RowResult, which: str) -> str:
    facts = result.get("data", which) or {}
    counts = [f"{facts[name]} {one if facts[name] == 1 else name}"
              for name, one in (("images", "image"), ("people", "person")) if facts.get(name) is not None]
    first, last = facts.get("range") or (0, None)
    cut = f", images {first} to {'the end' if last is None else last}" if first or last is not None else ""
    return f"{facts.get('dataset')} {facts.get('split')}" + (f" ({', '.join(counts)}{cut})" if counts or cut else "")


def _data_sets(results: Sequence[RowResult]) -> list[Note]:
    """What the measured rows were trained and evaluated on, those on the same data together."""
    rows: dict[str, list[RowResult]] = {}
    for result in results:
        if result.measured and (result.get("data", "eval") or {}).get("dataset"):
            trained = (result.get("data", "train") or {}).get("dataset")
            text = (f"Trained on {_data(result, 'train')}, evaluated on " if trained else "Evaluated on ")
            same = trained and all(result.get("data", "train").get(name) == result.get("data", "eval").get(name)
                                   for name in ("dataset", "split", "root"))
            learnt = ", which was trained on: a measure of memory" if same else ""
            rows.setdefault(text + _data(result, "eval") + learnt, []).append(result)
    said = []
    for text, of in rows.items():
        # The published systems were not trained here; what was is named as the table names it.
        named = dict.fromkeys(run_name(result) for result in of)
        said.append(Note(None, "data", f"{text}: {_list(list(named))}."))
    return said


def _empty(table: Mapping[str, Any], result: RowResult) -> list[str]:
    """Why columns of a measured row are empty."""
    parts = result.get("metrics", "parts") or {}
    absent = [part for part in table["parts"] if part not in parts]
    silent = [part for part in table["parts"] if part in parts
              and all(parts[part].get(metric) is None for metric in table["metrics"])]
    said = []
    if absent:
        layout = result.get("data", "eval", "layout")
        why = result.get("data", "eval", "missing_parts") or f"layout {layout} has no such part"
        said.append(f"no numbers for {_list(absent)}: {why}")
    if silent:
        said.append(f"no numbers for {_list(silent)}: the evaluated images have no labelled person with this part")
    return said


def _list(parts: Sequence[str]) -> str:
    names = [words.part_title(part) for part in parts]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _intervals(results: Sequence[RowResult]) -> list[Note]:
    kinds = {(i.get("level"), i.get("method"), i.get("resamples")) for r in results if r.measured
             and (i := r.get("intervals")) and i.get("parts")}
    return [Note(None, "interval", f"Intervals: {level:.0%}, {method}, {resamples} resamples. They say how far the "
                 "value could move with other images, not with another training seed.")
            for level, method, resamples in sorted(kinds, key=str) if level]


def _machines(results: Sequence[RowResult]) -> list[Note]:
    seen: dict[str, list[str]] = {}
    for result in results:
        if result.measured:
            seen.setdefault(describe_machine(result), []).append(str(result.row["title"]))
    return [Note(None, "machine", f"Measured on {text}" + (f": {', '.join(titles)}." if len(seen) > 1 else "."))
            for text, titles in seen.items()]


def describe_machine(result: RowResult) -> str:
    """The machine of a record, and how the speed was measured there."""
    machine, times = result.get("machine") or {}, result.get("times") or {}
    device = times.get("device") or result.get("device")
    parts = [str(machine["gpu"])] if machine.get("gpu") and device != "cpu" else []
    if machine.get("processor"):
        cores = f" ({machine['cores']} cores)" if machine.get("cores") else ""
        parts.append(f"{machine['processor']}{cores}")
    if not parts:
        parts.append("a machine that was not recorded")
    speed = [f"img/s on {device}"] if device else []
    speed += [f"batch {times['batch_size']}"] if times.get("batch_size") else []
    speed += [str(times["precision"])] if times.get("precision") else []
    return ", ".join(parts) + (f"; {', '.join(speed)}" if speed else "")
