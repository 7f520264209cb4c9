"""Measurements in the records of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.errors import UserError
from harness.gate.conditions import OF_TRAINING, is_material, settings_of, trained_here
from harness.gate.contents import machine_title, origin
from harness.gate.evidence import SLACK
from harness.gate.exact import CUDA_TOLERANCE, RUN_TOLERANCE, did
from harness.gate.history.measurements import Measurement, machine_conditions
from harness.gate.history.metrics import MACS, MEMORY, PARAMETERS, TIME, part_and_figure
from harness.gate.rows import row_name

Record = dict[str, Any]


def of_record(record: Record, metric: str, source: str) -> Iterator[Measurement]:
    """What a row's record says of a metric; nothing where it was not measured.

    Raises UserError naming the record where it lacks what its conditions are.
    """
    try:
        found = _figure(record, metric)
        if found is None:
            return
        value, low, high, tolerance, conditions, environment = found
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{source} does not state what its figures depend on: {error}") from error
    title, known = row_name(record), origin(record)
    names = (record["row"], str(record["model"].get("name")), title.partition("/")[2])
    yield Measurement(title, tuple(dict.fromkeys(names)), conditions, value, known.commit, known.dirty, known.created,
                      source, low, high, tolerance, environment)


Found = tuple[float, float | None, float | None, float | None, dict[str, str], str]
"""Value, ends of its interval, tolerance, conditions, environment."""


def _figure(record: Record, metric: str) -> Found | None:
    cell = part_and_figure(metric)
    if cell is not None:
        return _score(record, *cell)
    model, crop = record["model"], record["protocol"]["crop"]
    size = {"input": f"{crop['height']}x{crop['width']}"}
    points = {"key points": str(record["data"]["eval"].get("layout"))}
    if metric == PARAMETERS and model.get("parameters") is not None:
        return float(model["parameters"]), None, None, 0.0, points, ""
    if metric == MACS and model.get("gmacs") is not None:
        counted = {"counted share": f"{model.get('gmacs_counted_share')}",
                   "not counted": ", ".join(sorted(model.get("gmacs_uncounted") or {})) or "nothing"}
        return float(round(model["gmacs"] * 1e9)), None, None, 0.0, {**points, **size, **counted}, ""
    times = record.get("times") or {}
    if metric == TIME and times.get("images_per_second"):
        settings = {name.replace("_", " "): str(times.get(name)) for name in ("precision", "batch_size")}
        where = machine_conditions(record["machine"], times.get("device"), *_threads_and_torch(record))
        return 1e3 / times["images_per_second"], None, None, None, {**where, **size, **settings}, ""
    peak = (record.get("memory") or {}).get("peak_bytes")
    if metric == MEMORY and peak:
        device = str(record.get("device"))
        where = machine_conditions(record["machine"], device, *_threads_and_torch(record))
        tolerance = CUDA_TOLERANCE if device == "cuda" else RUN_TOLERANCE
        batch = {"batch": str(record["protocol"]["test"]["batch_size"]), "the process": did(record)}
        return float(peak), None, None, tolerance, {**where, **batch, **_settings(record)}, ""
    return None


def _threads_and_torch(record: Record) -> tuple[Any, Any]:
    return record["machine"].get("threads"), (record["code"].get("packages") or {}).get("torch")


def _score(record: Record, part: str, figure: str) -> Found | None:
    """Given weights score the same in one environment, but for the order of sums; a training has luck in it."""
    value = record["metrics"]["parts"].get(part, {}).get(figure)
    if value is None:
        return None
    low, high = (((record.get("intervals") or {}).get("parts") or {}).get(part) or {}).get(figure) or (None, None)
    if trained_here(record):
        # With one seed, equal code gives equal values: two seeds in one series would look like two levels.
        return value, low, high, None, {**_settings(record), "seed": str(record.get("seed"))}, ""
    conditions = {**_settings(record), "weights": (record["weights"].get("sha256") or "")[:12]}
    environment = f"{machine_title(record['machine'])}, torch {_threads_and_torch(record)[1]}"
    return value, low, high, SLACK, conditions, environment


def _settings(record: Record) -> dict[str, str]:
    """The settings that scores depend on; those of a training where there was one."""
    trained = trained_here(record)
    return {name: str(value) for name, value in settings_of(record).items()
            if is_material(name) and (trained or not name.startswith(OF_TRAINING))} | {"trained here": str(trained)}
