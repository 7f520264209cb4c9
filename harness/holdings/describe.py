"""What `harness data describe` prints: which files go where, where they come from, and which of them are there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from harness.classification.pictures import PictureSet
from harness.holdings.contents import Contents, File, contents_of
from harness.holdings.specs import Spec


def as_data(spec: Spec, root: Path | None) -> dict[str, Any]:
    """Everything as data; with the data set's folder, also what of it is there."""
    contents = contents_of(spec.name)
    kind = "images with classes" if isinstance(spec, PictureSet) else "people with key points"
    found: dict[str, Any] = {"name": spec.name, "title": spec.title, "kind": kind, "made": spec.maker is not None,
                             "needs": spec.needs, "source": spec.source, "options": dict(spec.options),
                             "files": [_file(file, root) for file in contents.files],
                             "counts": {split: {name: {"value": c.value, "source": c.source, "whole": c.whole}
                                                for name, c in counts.items()}
                                        for split, counts in contents.counts.items()}}
    if root is not None:
        found["root"] = str(root)
        found["free_gb"] = round(shutil.disk_usage(_nearest(root)).free / 1e9, 1)
        found["missing_gb"] = round(_missing(contents, root), 1)
    return found


def as_text(spec: Spec, root: Path | None) -> str:
    """For the screen."""
    data = as_data(spec, root)
    lines = [f"{data['name']}: {data['title']}", f"  {data['kind']}; {data['source']}"]
    if data["made"]:
        options = ", ".join(f"{name}={value}" for name, value in data["options"].items())
        lines += [f"  {data['needs']}. Options, which profiles change: {options}"]
    elif not data["files"]:
        lines += [f"  {data['needs']}"]
    for file in data["files"]:
        mark = {True: "there    ", False: "missing  "}[file["there"]] if root is not None else ""
        size = f" ({file['size_gb']:g} GB)" if file["size_gb"] else ""
        lines += [f"  {mark}{file['path']}{size}{' (optional)' if file['optional'] else ''}",
                  f"      {file['what']}", f"      {file['source']}"]
        lines += [f"      {file['note']}"] if file["note"] else []
        lines += [f"      or as {file['instead']}"] if file["instead"] else []
    for split, counts in data["counts"].items():
        lines.append(f"  {split}: " + ", ".join(f"{count['value']:,} {name.replace('_', ' ')}"
                                                for name, count in counts.items()))
    if root is None and data["files"]:
        lines.append("  Paths are below the folder that --data-root names.")
    if root is not None:
        lines.append(f"  {root}: {data['free_gb']:g} GB free on its disk" + (
            f", about {data['missing_gb']:g} GB still to come" if data["missing_gb"] else ""))
        if data["missing_gb"] > data["free_gb"]:
            lines.append("  Too little room for what is missing.")
    return "\n".join(lines)


def _file(file: File, root: Path | None) -> dict[str, Any]:
    return {"path": file.path, "what": file.what, "source": file.source, "note": file.note, "optional": file.optional,
            "instead": file.instead, "size_gb": file.size_gb, "there": None if root is None else _there(file, root)}


def _there(file: File, root: Path) -> bool:
    return any((root / path).exists() for path in (file.path, file.instead) if path)


def _missing(contents: Contents, root: Path) -> float:
    return sum(file.size_gb or 0 for file in contents.files if not _there(file, root))


def _nearest(root: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(path for path in (root, *root.resolve().parents) if path.exists())
