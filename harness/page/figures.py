"""The pictures that `harness figure` left in a results folder, as data: URIs, within the room that a page has."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.page.content import Figure
from harness.report.words import NOTHING

TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
KIND = "figure"
"""Value of `kind` in the file beside a figure that describes it (harness/figures/sidecar.py)."""
SIDES = (2400, 1600, 1100, 750)
"""Pixels of the longer side to which a picture is made smaller, in this order, until it fits."""
QUALITY = 82
"""Of WebP, 0 to 100."""


@dataclass(frozen=True)
class Picture:
    """A picture's file with what is said of it."""

    path: Path
    said: dict[str, Any]


def pictures(results: Path) -> list[Picture]:
    """All pictures of a results folder in the order of their names. PDF, which a page cannot show, is among them."""
    folder = results / "figures"
    found = []
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() in (*TYPES, ".pdf") and path.is_file():
            found.append(Picture(path, _described(path)))
    return found


def _described(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) and data.get("kind") == KIND and data.get("file") == path.name else {}


def figures(results: Path, room: int) -> Iterator[Figure]:
    """The pictures as a page shows them, in at most `room` bytes together, smaller where they would take more."""
    found = pictures(results)
    shown = {}
    for number, picture in enumerate(sorted(found, key=lambda one: one.path.stat().st_size)):
        uri, note = fit(picture.path, room // (len(found) - number))
        room -= len(uri or "")
        shown[picture.path] = uri, note
    for picture in found:
        uri, note = shown[picture.path]
        yield _figure(picture, results, uri, note)


def _figure(picture: Picture, results: Path, uri: str | None, note: str) -> Figure:
    said = picture.said
    names = ("title", "table", "profile")
    rows = [(" ".join(str(row[name]) for name in names if row.get(name)), str(row.get("key")))
            for row in _dicts(said.get("rows"))]
    notes = [*([str(text) for text in said.get("notes") or ()]), *([note] if note else [])]
    if not said:
        notes.append("No description lies beside this picture.")
    name = str(Path(results.resolve().name) / picture.path.relative_to(results))
    return Figure(str(said.get("title") or picture.path.name), str(said.get("alt") or picture.path.name), uri, name,
                  str(said.get("command") or ""), tuple(notes), tuple(rows), token_lines(said.get("numbers")))


def token_lines(numbers: Any) -> tuple[tuple[str, ...], ...]:
    """Shares of tokens by network and stage (harness/figures/token_table.py) as lines; none for other numbers."""
    lines = []
    networks = _dicts(numbers.get("networks")) if isinstance(numbers, dict) else []
    areas: dict[str, None] = {}
    for network in networks:
        for number, stage in enumerate(_dicts(network.get("stages")), start=1):
            areas.update(dict.fromkeys(stage))
            lines.append((str(network.get("title")), str(number), *(_share(stage.get(area)) for area in areas)))
    return (("Tokens on", "Stage", *areas), *lines) if lines else ()


def _share(given: Any) -> str:
    """A share of the tokens, how dense they lie compared with an even spread, and its interval."""
    if not isinstance(given, dict) or not isinstance(given.get("share"), int | float):
        return NOTHING
    text = f"{given['share']:.1%}"
    if isinstance(given.get("density"), int | float):
        text += f" ×{given['density']:.2f}"
    interval = given.get("interval")
    return text + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if isinstance(interval, list) and interval else "")


def _dicts(given: Any) -> list[dict[str, Any]]:
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def fit(path: Path, room: int) -> tuple[str | None, str]:
    """A picture in at most `room` characters, and what must be said of it."""
    kind = TYPES.get(path.suffix.lower())
    if kind is None:
        return None, f"A {path.suffix[1:].upper()} cannot be shown in the page."
    uri = _uri(kind, path.read_bytes())
    if len(uri) <= room:
        return uri, ""
    if kind == "image/svg+xml":
        return None, "Too large for the page."
    import cv2

    image = cv2.imread(str(path))
    if image is None:
        return None, "It cannot be read as a picture."
    height, width = image.shape[:2]
    for side in SIDES:
        scale = min(1.0, side / max(height, width))
        small = image if scale == 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        uri = _uri("image/webp", cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])[1].tobytes())
        if len(uri) <= room:
            return uri, f"Compressed for the page{'' if scale == 1 else f', at {scale:.0%} of its size'}."
    return None, "Too large for the page."


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
