"""Data that the project draws itself: is it the one that is asked for? Its recipe lies in it, as NAME.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.holdings.specs import Spec, spec_of

OURS = "harness."
"""Beginning of the makers whose recipes are known; a plug-in keeps its own as it likes."""


def check_drawn(spec: Spec, root: Path, make: bool) -> None:
    """Raises UserError where a folder holds other data, or data of other options; and, unless it is then made, where
    there is none."""
    found = drawn_with(spec, root)
    if found is not None:
        if found != spec.options:
            raise UserError(f"{root}: {spec.name} was drawn there with other options; {given(spec, found)}")
    elif not root.is_dir():
        if not make:
            raise UserError(f"{root}: data set {spec.name} is not drawn yet; `harness data prepare {spec.name}` does, "
                            f"and so does the first run that needs it{_others(spec, root)}")
    elif (spec.maker or "").startswith(OURS) and not (make and not any(root.iterdir())):
        raise UserError(f"--data-root {root}: {spec.name} was not drawn there (it has no {spec.name}.json); other data "
                        "is looked at under its own name (`harness list datasets`)")


def drawn_with(spec: Spec, root: Path) -> dict[str, Any] | None:
    """The options that a folder's data was drawn with; None where there is no such data."""
    try:
        recipe = json.loads((root / f"{spec.name}.json").read_text(encoding="utf-8"))
        recipe = {**recipe, **recipe.get("splits", {})}
        return {name: recipe[name] for name in spec.options}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def given(spec: Spec, options: dict[str, Any]) -> str:
    """How a command is told of the options."""
    usual = spec_of(spec.name).options
    changed = " ".join(f"--set {name}={value}" for name, value in options.items() if value != usual[name])
    return f"give {changed}" if changed else "give no --set"


def _others(spec: Spec, root: Path) -> str:
    """What else was drawn beside a folder, newest first."""
    there = sorted(root.parent.glob(f"{spec.name}-*/{spec.name}.json"), key=lambda file: -file.stat().st_mtime)
    found = [(file.parent, options) for file in there if (options := drawn_with(spec, file.parent)) is not None]
    if not found:
        return ""
    place, options = found[0]
    return f". {place} was drawn with other options: {given(spec, options)}"
