"""Columns of numbers out of JSON files, with errors that name file, entry and field."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from harness.errors import UserError
from harness.layout import Layout

NUMBERS = {int, float}
"""Types of JSON numbers; true and false are numbers to Python, not here."""

Where = Callable[[int], str]
"""Names an entry by its index, for errors: "results.json: entry 3"."""


def read_json(path: Path, what: str) -> Any:
    """Read a JSON file. Raises UserError naming it, and `what` it should hold, if it is missing or not
    JSON.

    orjson halves the time for a results file of 420 MB (measured: docs/scoring.md). What it refuses
    (NaN, infinities) the standard library reads again, so that whoever looks at the numbers can name the place.
    """
    try:
        content = path.read_bytes()
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:
            return json.loads(content)
    except OSError as error:
        raise UserError(f"{what}: cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # malformed JSON, or bytes that are not text
        raise UserError(f"{what}: {path} is not valid JSON: {error}") from error
    except RecursionError as error:
        raise UserError(f"{what}: {path} is not valid JSON of this kind: nested too deeply") from error


def check_entries(entries: Any, where: Where, place: str) -> list[dict[str, Any]]:
    """The list of JSON objects that `entries` should be. Raises UserError naming `place` or the entry."""
    if not isinstance(entries, list):
        raise UserError(f"{place}: expected a list, found {kind(entries)}")
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise UserError(f"{where(i)}: expected an object with fields, found {kind(entry)}")
    return entries


def field_values(entries: Sequence[dict[str, Any]], field: str, where: Where) -> list[Any]:
    """One field of every entry. Raises UserError naming the first entry that lacks it."""
    try:
        return [entry[field] for entry in entries]
    except KeyError:
        first = next(i for i, entry in enumerate(entries) if field not in entry)
        raise UserError(f"{where(first)}: field {field} is missing") from None


def number_column(entries: Sequence[dict[str, Any]], field: str, where: Where) -> np.ndarray:
    """(N,) float64. Raises UserError where the field is missing or not a finite number."""
    return numbers(field_values(entries, field, where), field, where)


def numbers(values: list[Any], field: str, where: Where) -> np.ndarray:
    """(N,) float64 of values already at hand; errors as in `number_column`."""
    for i, value in enumerate(values):
        if type(value) not in NUMBERS:
            raise UserError(f"{where(i)}: {field} is {kind(value)}, expected a number")
    return finite(values, field, where)


def id_column(entries: Sequence[dict[str, Any]], field: str, where: Where) -> np.ndarray:
    """(N,) int64. Raises UserError where the field is missing or not a whole number."""
    values = field_values(entries, field, where)
    for i, value in enumerate(values):
        whole = type(value) is int or (type(value) is float and value.is_integer())
        if not whole or abs(value) >= 2**63:
            raise UserError(f"{where(i)}: {field} is {kind(value)} {value!r}, expected a whole number")
    return np.array([int(value) for value in values], dtype=np.int64)


def list_column(entries: Sequence[dict[str, Any]], field: str, length: int, where: Where) -> np.ndarray:
    """(N, length) float64 of lists of numbers.

    Raises UserError where the field is missing, not a list, of another length, or holds what is no finite
    number.
    """
    values = field_values(entries, field, where)
    for i, value in enumerate(values):
        if not isinstance(value, list):
            raise UserError(f"{where(i)}: {field} is {kind(value)}, expected a list of {length} numbers")
        if len(value) != length:
            raise UserError(f"{where(i)}: {field} has {len(value)} numbers, expected {length}")
        if not set(map(type, value)) <= NUMBERS:
            j = next(j for j, number in enumerate(value) if type(number) not in NUMBERS)
            raise UserError(f"{where(i)}: {field}[{j}] is {kind(value[j])}, expected a number")
    return finite(values, field, where).reshape(len(values), length)


def point_columns(entries: Sequence[dict[str, Any]], layout: Layout, where: Where) -> np.ndarray:
    """(N, K, 3) float64: the points of every part from the layout's fields; errors as in `list_column`."""
    points = np.zeros((len(entries), layout.size, 3))
    for part in layout.parts.values():
        if part.points is not None:
            size = part.stop - part.start
            points[:, part.slice] = list_column(entries, part.points, 3 * size, where).reshape(-1, size, 3)
    return points


def finite(values: list[Any], field: str, where: Where) -> np.ndarray:
    """Numbers, or lists of them, as float64. Raises UserError naming the first entry with NaN or an infinity."""
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError:  # an integer that no float64 holds
        capped = np.frompyfunc(lambda v: float(v) if abs(v) < 2**1023 else np.inf, 1, 1)
        array = capped(np.array(values, dtype=object)).astype(np.float64)
    good = np.isfinite(array)
    if not good.all():
        i, *inner = np.argwhere(~good)[0]
        value = values[i][inner[0]] if inner else values[i]
        place = f"{field}[{inner[0]}]" if inner else field
        raise UserError(f"{where(i)}: {place} is {str(value)[:20]}, expected a finite number")
    return array


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    return {bool: "a truth value", int: "a number", float: "a number", str: "text", list: "a list",
            dict: "an object"}[type(value)]
