"""The labels of ImageNet's validation images where they lie in one folder, as they are published."""

from __future__ import annotations

import csv
from pathlib import Path

from harness.errors import UserError

LABEL_FILES = ("LOC_val_solution.csv", "val.txt")
"""Beside the folder, looked for in order: Kaggle's, `ImageId,PredictionString` with a synset and a box for each object;
or lines of a file name and a synset or a class index (0-based, in the order of sorted synsets)."""


def label_file(root: Path, folder: Path) -> Path:
    """The file of labels of a flat folder. Raises UserError where there is none."""
    for name in LABEL_FILES:
        if (root / name).is_file():
            return root / name
    raise UserError(f"{folder} has no class folders, and beside it there is no {' or '.join(LABEL_FILES)} with the "
                    "labels")


def read_labels(path: Path) -> dict[str, str]:
    """File stem -> synset or class index, as text. Raises UserError naming file and line."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file)) if path.suffix == ".csv" else [line.split() for line in file]
    found = {}
    for number, row in enumerate(rows, 1):
        if not row or row[0] == "ImageId":
            continue
        label = (row[1].split() or [""])[0] if len(row) > 1 else ""
        if not label:
            raise UserError(f"{path}, line {number}: {','.join(row)!r} is no file name and label")
        found[Path(row[0]).stem] = label
    return found


def class_index(label: str, index: dict[str, int], path: Path) -> int:
    """The class of a label. Raises UserError where it is neither a synset that is known nor an index."""
    if label in index:
        return index[label]
    if label.isdecimal() and int(label) < len(index):
        return int(label)
    raise UserError(f"{path}: label {label!r} is no synset of ImageNet-1K and no index below {len(index)}")
