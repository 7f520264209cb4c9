"""What stands beside a figure: NAME.json says what NAME.png shows, so that a page can inline it and a reader follow it.

Equal input gives equal bytes here, too: no time, no machine.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.data.types import Images
from harness.figures.rows import Row
from harness.files import check_replaceable, sha256_file, write_json
from harness.profiling.figures import check_figure

KIND = "figure"
"""Value of `kind`: what tells these files from all others."""
SCHEMA = 1
"""Version of the form; raised when a field changes its meaning or goes."""
LONGEST_NAME = 80


@dataclass(frozen=True)
class Description:
    """What a figure shows."""

    figure: str
    """poses or tokens."""
    title: str
    alt: str
    """For readers who do not see it."""
    command: str
    """That makes it again."""
    rows: list[dict[str, Any]]
    """Of `row_facts`."""
    images: list[dict[str, Any]]
    """Of `image_facts`."""
    notes: list[str]
    """To be read below the figure."""
    options: dict[str, Any] = field(default_factory=dict)
    """Of how it was drawn."""
    numbers: dict[str, Any] | None = None
    """What was measured, as `--json` prints it."""


def default_file(results: Path, *words: str) -> Path:
    """Where a figure goes that was not told where: RESULTS/figures/, by what it shows."""
    name = re.sub(r"[^A-Za-z0-9.+_-]+", "-", "-".join(word for word in words if word)).strip("-.")
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return results / "figures" / f"{name}.png"


def beside(figure: Path) -> Path:
    """The file that describes a figure."""
    return figure.with_suffix(".json")


def check_target(figure: Path) -> None:
    """Raises UserError where a figure may not be written with its description: for the name's ending, and where a file
    that is no figure, or describes none, would be lost."""
    check_figure(figure, "--out")
    check_replaceable(beside(figure), f"--out {figure}, which is described in", "description of a figure", _describes)


def _describes(path: Path) -> bool:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(data, dict) and data.get("kind") == KIND


def write(figure: Path, of: Description) -> Path:
    """Write the description beside a figure that is there, and return its path."""
    write_json(beside(figure), {"kind": KIND, "schema": SCHEMA, "file": figure.name, **vars(of)})
    return beside(figure)


def row_facts(row: Row, results: Path) -> dict[str, Any]:
    """Which row or network a figure shows, with the hash of its weights and, below `results`, the folder of its record.
    """
    record = row.record or {}
    folder = row.folder.resolve() if row.folder else None
    inside = folder is not None and folder.is_relative_to(results.resolve())
    return {
        "row": record.get("row"), "title": row.title, "model": row.spec.name, "args": row.spec.args,
        "table": record.get("table"), "profile": record.get("profile"), "status": record.get("status"),
        "seed": record.get("seed"), "key": record.get("key"),
        "record": str(folder.relative_to(results.resolve())) if folder and inside else str(folder) if folder else None,
        "weights": {"said": row.said, "file": row.weights.name if row.weights else None,
                    "sha256": sha256_file(row.weights) if row.weights else None},
        "parts": list(row.protocol.train.parts),
    }


def image_facts(images: Images) -> list[dict[str, Any]]:
    """The images of a figure by number, name and content."""
    return [{"id": int(i), "name": path.name, "sha256": sha256_file(path)}
            for i, path in zip(images.id, images.path, strict=True)]
