"""A record of `harness profile --fit` in words. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.profiling.search import FITS, MOST, PREDICTED
from harness.profiling.words import machine_line, size

HEADINGS = ("Model", "Input", "Precision", "Mode", "Largest batch", "GiB", "Trials")
NUMBERS = ("Largest batch", "GiB", "Trials")


def table(record: dict[str, Any]) -> list[tuple[str, ...]]:
    """The cells of each search, under `HEADINGS`."""
    return [(one["model"], size(one["input"]), one["precision"], mode(one),
             "none" if one["largest"] is None else str(one["largest"]), gibibytes(one["peak_bytes"]),
             str(sum(trial["status"] != PREDICTED for trial in one["trials"]))) for one in record["fit"]]


def mode(one: dict[str, Any]) -> str:
    """The mode, and training where it is that."""
    return one["mode"] if one["what"] == "inference" else f"{one['what']}, {one['mode']}"


def gibibytes(count: int | None) -> str:
    """"1.23"; "-" for none."""
    return "-" if count is None else f"{count / 2**30:.2f}"


def size_of(count: int) -> str:
    """With its unit: MiB below a tenth of a GiB."""
    return f"{count / 2**20:.3g} MiB" if count < 2**30 / 10 else f"{gibibytes(count)} GiB"


def lines(record: dict[str, Any]) -> Iterator[str]:
    """What ended each search, what was held against what, and the machine."""
    for one in record["fit"]:
        yield f"{one['model']} {size(one['input'])} {one['precision']} {mode(one)}: {_end(one)}"
    device = record["settings"]["device"]
    if device == "cpu":
        limit, base = (max(one[key] for one in record["fit"]) for key in ("limit_bytes", "base_bytes"))
        yield (f"GiB: peak resident size of the process that ran that batch, up to {gibibytes(base)} of it "
               f"whatever the batch; limit {size_of(limit)}.")
    else:
        yield "GiB: the peak of the allocator in the process that ran that batch."
    if any(one["what"] == "training" for one in record["fit"]):
        yield f"a training step is {record['settings']['training_step']}"
    if record["cut_short"]:
        yield f"cut short: {record['cut_short']}"
    yield machine_line(record)


def _end(one: dict[str, Any]) -> str:
    """The smallest batch that does not fit, and how that is known."""
    beyond = [trial for trial in one["trials"] if trial["status"] != FITS]
    if not beyond:
        return f"more than {MOST} was not tried"
    next_one = min(beyond, key=lambda trial: trial["batch"])
    if next_one["status"] == PREDICTED:
        return (f"{next_one['batch']} would take {gibibytes(next_one['peak_bytes'])} GiB by the growth up to there, "
                "and was not tried")
    peak = "" if next_one["peak_bytes"] is None else f"{gibibytes(next_one['peak_bytes'])} GiB, "
    return f"{next_one['batch']} was tried: {peak}{next_one['reason']}"
