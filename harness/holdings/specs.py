"""Which data set, splits and folder a command of `harness data` is about. Nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.classification.pictures import KIND, PictureSet, picture_set
from harness.data.sets import DatasetSpec, dataset_spec
from harness.errors import UserError, unknown
from harness.registry import spec_data

Spec = DatasetSpec | PictureSet


def spec_of(name: str, options: dict[str, int] | None = None) -> Spec:
    """The data set of that name, of either kind."""
    if spec_data("datasets", name).get("kind") == KIND:
        return picture_set(name, options)
    return dataset_spec(name, options)


def options_of(name: str, given: Iterable[str]) -> dict[str, int]:
    """Options of made data, given as NAME=NUMBER. Raises UserError for another form."""
    found = {}
    for text in given:
        option, _, value = text.partition("=")
        if not value.isdecimal():
            raise UserError(f"--set {text}: expected an option of data set {name} and a number, as train=600")
        found[option] = int(value)
    return found


def splits_of(spec: Spec, asked: Iterable[str]) -> list[str]:
    """The splits that are looked at: those asked for, else the data set's for training and evaluation."""
    known = list(spec.splits) if isinstance(spec, DatasetSpec) else [spec.train, spec.evaluate]
    for split in asked:
        if split not in known:
            raise unknown(f"split of data set {spec.name}", split, known)
    return list(asked) or [split for split in dict.fromkeys((spec.train, spec.evaluate)) if split]


def check_root(spec: Spec, root: Path) -> None:
    """Raises UserError where a data set's folder is none; made data is made where there is none yet."""
    if root.is_dir() or (spec.maker is not None and not root.exists()):
        return
    what = "is a file, not a folder" if root.exists() else "does not exist"
    raise UserError(f"--data-root {root}: it {what}. `harness data describe {spec.name}` says what goes there")
