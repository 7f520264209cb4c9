"""A record of `harness profile` in words: the same texts for the screen and the page. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.profiling.subjects import current_mode
from harness.profiling.watch_words import watch_lines

RATIO = "x 1st row"
HEADINGS = ("Model", "Input", "Batch", "Precision", "Mode", "ms", RATIO, "Img/s", "GiB")
"""Short, so that a row of the longest names fits into 80 characters: those of `WRAPPED` give way."""
WRAPPED = ("Mode", RATIO)
NUMBERS = ("Batch", "ms", RATIO, "Img/s", "GiB")
"""The columns that are set to the right."""


def table(record: dict[str, Any]) -> list[tuple[str, ...]]:
    """The cells of each row, under `HEADINGS`."""
    return [(row["model"], size(row["input"]), str(row["batch"]), row["precision"], mode(row), *_figures(row, i))
            for i, row in enumerate(record["rows"])]


def _figures(row: dict[str, Any], index: int) -> tuple[str, str, str, str]:
    if row["status"] != "measured":
        return row["status"], "", "", "-"
    return significant(row["median_ms"]), ratio_cell(row, index), significant(row["images_per_second"]), \
        memory(row).removesuffix(" GiB")


def mode(row: dict[str, Any]) -> str:
    """What was run: the mode, with the work where it is no inference and the commit where it is another."""
    name = current_mode(row["mode"])
    words = name if row["what"] == "inference" else row["what"]
    if name == "fast" and row["path"] == "plain":
        words += " (fell back to eager)"
    elif name != "graph" and row["path"] not in ("", row["mode"], "plain", name):
        words += f" ({row['path']})"
    return words + (f", {row['revision'][:7]}" if row["revision"] else "")


def title(row: dict[str, Any]) -> str:
    """A row's name."""
    return f"{row['model']} {size(row['input'])} batch {row['batch']} {row['precision']} {mode(row)}"


def size(pair: list[int]) -> str:
    """Height x width."""
    return f"{pair[0]}x{pair[1]}"


def ratio_cell(row: dict[str, Any], index: int) -> str:
    """Median ratio to the group's first row, with its quartiles; "1" for the first itself."""
    found = row["ratio"]
    if not found or "median" not in found:
        return ""
    return "1" if found["to"] == index else spread(found)


def spread(found: dict[str, Any]) -> str:
    """Median and quartiles of a ratio."""
    return f"{found['median']:.3g} ({found['low']:.3g}-{found['high']:.3g})"


def significant(value: float | None) -> str:
    """Three significant digits without an exponent; all digits before the point; "-" for none."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def memory(row: dict[str, Any]) -> str:
    """Peak memory with its unit, "-" where it was not measured."""
    return "-" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 2**30:.2f} GiB"


def lines(record: dict[str, Any]) -> Iterator[str]:
    """What belongs under the table: percentiles, layers, warm-up, notes, machine."""
    rows = record["rows"]
    for name in ("p90_ms", "p99_ms"):
        given = [f"{title(row)} {significant(row[name])}" for row in rows if row[name] is not None]
        needed = max((row["samples_needed"][name] for row in rows), default=0)
        lacking = sum(row["status"] == "measured" and row[name] is None for row in rows)
        label = name.removesuffix("_ms")
        if given:
            yield f"{label}, ms: " + "; ".join(given)
        if lacking:
            yield f"{label}: needs {needed} samples, more than {lacking} row(s) have (--rounds)"
    yield from layer_lines(record)
    firsts = [f"{title(row)} {significant(row['first_ms'] / 1e3)}"
              for row in rows if row.get("first_ms") is not None and row["mode"] != "eager"]
    if firsts:
        yield "to the first result, from the network built, s: " + "; ".join(firsts)
    for row in rows:
        if row["warm_up"] and not row["warm_up"]["stable"]:
            yield f"{title(row)}: not stable after {row['warm_up']['blocks']} warm-up blocks"
        if row["difference"]:
            yield f"{title(row)}: {difference(row['difference'], row['model'])}"
        yield from (f"{title(row)}: {note}" for note in row["notes"])
    settings = record["settings"]
    if any(row["what"] == "training" for row in rows):
        yield f"a training step is {settings['training_step']}"
    if any(row["before_bytes"] is not None for row in rows):
        before = max(row["before_bytes"] or 0 for row in rows) / 2**30
        yield f"GiB: memory, the peak of a row's own process; up to {before:.2f} GiB of it are Python, torch and timm"
    done = max((len(row.get("samples_ms") or []) for row in rows), default=0) or settings["rounds"]
    yield (f"Median of all calls, three or more a round, in {done} rounds that alternate between the "
           f"rows. {RATIO}: how many times the time of the first row of that input and batch (2: twice as slow), the "
           "median of the rounds' ratios with quartiles.")
    yield from watch_lines(record)
    if record.get("cut_short"):
        yield f"cut short: {record['cut_short']}"
    yield machine_line(record)


def difference(far: dict[str, Any], model: str) -> str:
    """How far a row's heat maps are from those of another row of the same network."""
    if not far["largest"]:
        return f"heat maps equal those of row {far['to'] + 1}"
    why = " (initial weights: the clusters of an untrained TCFormer turn on the last bits)"
    return (f"heat maps differ by {far['median']:.1e} in the median and by at most {far['largest']:.1e} from those of "
            f"row {far['to'] + 1}, which reach {far['value']:.1e}" + (why if model.startswith("tcformer") else ""))


def layer_lines(record: dict[str, Any]) -> Iterator[str]:
    """The models' own convolutions and linear layers beside the whole."""
    for layers in record["layers"]:
        wholes = [f"{mode(record['rows'][whole['row']])} {spread(whole)}" for whole in layers["whole"]]
        yield (f"{layers['model']} {size(layers['input'])} batch {layers['batch']}: convolutions and linear layers "
               f"alone: {significant(layers['median_ms'])} ms; the whole is that many times as much: "
               + ", ".join(wholes))


def machine_line(record: dict[str, Any]) -> str:
    """Where it was measured, with which versions and of which commit."""
    machine, settings, code = record["machine"], record["settings"], record["code"]
    if settings["device"] == "cuda":
        where = f"{machine.get('gpu')} ({machine['processor']})"
    else:
        where = f"{machine['processor']}, {settings['threads']} thread(s)"
    commit = f"commit {code['commit'][:7]}{' with changes' if code['dirty'] else ''}" if code["commit"] else "no commit"
    return (f"Measured on {where}; PyTorch {code['packages']['torch']}, Python {machine['python']}; {commit}; images: "
            f"{settings['images']}; {record['created'][:10]}.")
