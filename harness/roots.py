"""Where a data set lies: where the user says, and made data in the results folder, by its recipe."""

from __future__ import annotations

from pathlib import Path

from harness.classification.pictures import PictureSet
from harness.data.sets import DatasetSpec, synthetic_recipe
from harness.errors import UserError
from harness.files import digest
from harness.registry import load_attribute


def root_of(spec: DatasetSpec | PictureSet, data_root: str | None, results: Path, flag: str = "--data-root") -> Path:
    """A data set's folder, made or not yet. Raises UserError, naming the option, where neither says where it is."""
    if data_root is not None:
        return Path(data_root)
    if isinstance(spec, PictureSet):
        recipe = load_attribute(spec.recipe)(spec.options) if spec.recipe is not None else None
    else:
        recipe = synthetic_recipe(spec) if spec.maker is not None else None
    if recipe is None:
        raise UserError(f"data set {spec.name} needs its folder: {flag} DIR. {spec.needs}")
    return results / "data" / f"{spec.name}-{digest(recipe)[:12]}"
