"""What kind of file this is, from its first megabyte: a mistaken name is refused before 10 GB are read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from harness.data.coco import PERSON
from harness.errors import UserError
from harness.files import specs_dir
from harness.layout import Layout, load_layout

HEAD = 2**20
"""Bytes that are looked at; an entry of 133 points takes about 8,000."""

MEMORY_PER_BYTE = 6
"""Memory that reading takes, per byte of JSON (measured: 5.0 for a results file of 419 MB)."""


def check_results(path: Path, layout: Layout) -> None:
    """Raises UserError where the file does not begin like a list of results with the layout's points."""
    text = _head(path, "predictions")
    if text.startswith("{"):
        if re.search(r'"(annotations|images|info|licenses|categories)"', text):
            raise UserError(f"{path} is an annotation file, but predictions were asked for: a JSON list with one "
                            "entry a predicted person (were the two files swapped?)")
        raise UserError(f"{path}: expected a list of predictions, found an object")
    if not text.startswith("["):
        raise UserError(f"{path} is not valid JSON: it begins with {text[:20]!r}")
    entry = first_entry(text)
    if entry is None and len(text) >= HEAD:
        raise UserError(f"{path} is no result file: its first entry does not end within {HEAD // 2**20} MiB")
    if entry is not None and entry.get("category_id") == PERSON:
        check_entry(entry, layout, f"{path}: entry 0")
    _check_memory(path)


def check_annotations(path: Path, layout: Layout) -> None:
    """Raises UserError where the file does not begin like a COCO annotation file."""
    text = _head(path, "annotations")
    if text.startswith("["):
        raise UserError(f"{path} is a list, as result files are, but annotations were asked for: a JSON object with "
                        "'images' and 'annotations' (were the two files swapped?)")
    if not text.startswith("{"):
        raise UserError(f"{path} is not valid JSON: it begins with {text[:20]!r}")
    entry = first_entry(text)
    if entry is not None and fitting_layouts(entry):
        check_entry(entry, layout, f"{path}: the first annotation")
    _check_memory(path)


def check_entry(entry: dict[str, Any], layout: Layout, place: str) -> None:
    """The points of the layout, each with its length. Raises UserError, naming the layout that would fit."""
    lacking = [part.points for part in layout.parts.values() if part.points is not None and part.points not in entry]
    wrong = [f"{part.points} has {len(entry[part.points])} numbers, expected {3 * (part.stop - part.start)}"
             for part in layout.parts.values() if part.points is not None
             and isinstance(entry.get(part.points), list)
             and len(entry[part.points]) != 3 * (part.stop - part.start)]
    if lacking or wrong:
        fitting = [name for name in fitting_layouts(entry) if name != layout.name]
        hint = f"; its points are those of layout {' or '.join(fitting)}: --layout {fitting[0]}" if fitting else ""
        if not wrong and not hint and lacking == [p.points for p in layout.parts.values() if p.points is not None]:
            hint = " (a file of boxes?)" if "bbox" in entry else ""
        fault = wrong[0] if wrong else f"field {lacking[0]} is missing"
        raise UserError(f"{place}: {fault} (layout {layout.name}){hint}")


def fitting_layouts(entry: dict[str, Any]) -> list[str]:
    """The layouts, of those that ship, whose points an entry has: every field, each of the right length."""
    names = []
    for path in sorted((specs_dir() / "layouts").glob("*.yaml")):
        parts = [part for part in load_layout(path.stem).parts.values() if part.points is not None]
        if all(isinstance(entry.get(part.points or ""), list) and
               len(entry[part.points or ""]) == 3 * (part.stop - part.start) for part in parts):
            names.append(path.stem)
    return names


def first_entry(text: str) -> dict[str, Any] | None:
    """The first object of a JSON list, or of the list `annotations` of an object; None where there is none."""
    found = re.search(r'"annotations"\s*:\s*\[\s*' if text.startswith("{") else r"\[\s*", text)
    if found is None:
        return None
    try:
        entry, _ = json.JSONDecoder().raw_decode(text, found.end())
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def first_annotation(path: Path) -> dict[str, Any] | None:
    """The first annotation of a file, as far as its first megabyte shows it."""
    return first_entry(_head(path, "annotations"))


def _head(path: Path, what: str) -> str:
    """The file's first text, without leading white space. Raises UserError where it cannot be read or is no text."""
    try:
        with path.open("rb") as file:
            data = file.read(HEAD)
    except OSError as error:
        raise UserError(f"{what}: cannot read {path}: {error.strerror}") from error
    if b"\0" in data[:1024]:
        raise UserError(f"{path} is not valid JSON: it is a binary file of {_size(path)}")
    return data.decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n")


def _check_memory(path: Path) -> None:
    import psutil

    need, free = path.stat().st_size * MEMORY_PER_BYTE, psutil.virtual_memory().available
    if need > free:
        raise UserError(f"{path} has {_size(path)}: reading it takes about {need / 2**30:.0f} GiB of memory, and "
                        f"{free / 2**30:.0f} GiB are free")


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
