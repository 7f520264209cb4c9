"""What can be named: models, data sets, tables and profiles; ours from YAML, users' own from entry points.

Nothing here imports a model: names map to "module:attribute" strings that are loaded on use. A user's package
adds to a registry through an entry point of the group `harness.models`, `harness.datasets` or `harness.tables`;
its value names a function (for a model: the builder) or a dictionary or YAML path (for data sets and tables).
A broken plug-in is reported by `harness list` and never fatal.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from harness.errors import UserError, unknown
from harness.files import read_yaml, specs_dir

OPENMMLAB = "openmmlab:"
"""Prefix of the names of mmpose's own whole-body configurations."""

KINDS = ("tables", "profiles", "models", "datasets")


def load_attribute(reference: str) -> Any:
    """Load "module:attribute". Raises UserError naming the reference where it cannot be loaded."""
    module, _, attribute = reference.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(f"cannot load {reference}: {error}") from error


@dataclass(frozen=True)
class ModelSpec:
    """A network (B, 3, H, W) -> heat maps (B, K, H/4, W/4), by name."""

    name: str
    title: str
    builder: str
    """"module:attribute" of a function `(num_keypoints, **args) -> torch.nn.Module`."""
    args: dict[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    """Of the network with 133 key points; None where nobody counted."""
    weights: str = "plain"
    """Which foreign checkpoints convert: plain | tcformer | sbl | hrnet | openmmlab."""
    channels_last: bool = False
    """Memory format that measured faster for this network."""
    source: str = ""
    test_noise: dict[str, Any] = field(default_factory=dict)
    """Builder arguments that switch on the noise which the published network draws at test time; none for most."""

    @property
    def package(self) -> str:
        """The top-level package whose code the model is."""
        return self.builder.partition(":")[0].partition(".")[0]


@cache
def _plugins(kind: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"harness.{kind}")}


def _load_plugin(kind: str, name: str) -> Any:
    point = _plugins(kind)[name]
    try:
        return point.load()
    except Exception as error:  # whatever a user's package raises must not take the harness down
        raise UserError(f"plug-in {kind[:-1]} '{name}' ({point.value}) cannot be loaded: {error}") from error


@cache
def _own_models() -> dict[str, dict[str, Any]]:
    return read_yaml(specs_dir() / "models.yaml")


def names(kind: str) -> list[str]:
    """Every name of a kind (one of KINDS), ours first, then users' own."""
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    if kind == "models":
        own = list(_own_models())
    else:
        own = sorted(path.stem for path in (specs_dir() / kind).glob("*.yaml"))
    return own + sorted(set(_plugins(kind)) - set(own)) if kind != "profiles" else own


def model_spec(name: str, args: dict[str, Any] | None = None) -> ModelSpec:
    """The model of that name, with `args` on top of its own. Raises UserError for an unknown name."""
    args = dict(args or {})
    if name.startswith(OPENMMLAB):
        config = name.removeprefix(OPENMMLAB)
        return ModelSpec(name, f"mmpose {config}", "baselines.openmmlab:build_openmmlab",
                         {"config": config, **args}, weights="openmmlab", source="mmpose, its own configuration")
    own = _own_models()
    if name in own:
        data = dict(own[name])
        data["args"] = {**data.get("args", {}), **args}
        return ModelSpec(name=name, **data)
    if name in _plugins("models"):
        point = _plugins("models")[name]
        return ModelSpec(name, f"{name} (plug-in)", point.value, args, source=f"entry point {point.value}")
    raise unknown("model", name, [*names("models"), OPENMMLAB + "<config>"])


def build_model(spec: ModelSpec, num_keypoints: int) -> Any:
    """Build the network. Raises UserError naming the model where its builder refuses the arguments."""
    builder: Callable[..., Any] = load_attribute(spec.builder)
    try:
        return builder(num_keypoints=num_keypoints, **spec.args)
    except (TypeError, ValueError, ImportError) as error:
        raise UserError(f"model {spec.name} with {spec.args or 'no arguments'}: {error}") from error


def spec_data(kind: str, name: str) -> dict[str, Any]:
    """The YAML data of a table, profile or data set. Raises UserError for an unknown or malformed one."""
    path = specs_dir() / kind / f"{name}.yaml"
    if path.is_file():
        return read_yaml(path)
    if kind != "profiles" and name in _plugins(kind):
        data = _load_plugin(kind, name)
        data = data() if callable(data) else data
        data = read_yaml(Path(data)) if isinstance(data, str | Path) else data
        if not isinstance(data, dict):
            raise UserError(f"plug-in {kind[:-1]} '{name}' gives a {type(data).__name__}, not a dictionary")
        return {"name": name, **data}
    raise unknown(kind[:-1], name, names(kind))
