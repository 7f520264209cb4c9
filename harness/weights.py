"""Weights from files: ours, the TCFormer authors', mmpose's and timm's, read without running what is in them."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import UserError
from harness.registry import ModelSpec, load_attribute
from harness.zoo import container

FORMAT = "wholebody-harness"
"""Value of the key `format` in checkpoints that this project writes."""

BACKBONE = "backbone."
"""Prefix of the keys of a pose network's backbone."""

NESTS = ("state_dict", "model", "model_state_dict")
"""Keys under which training code is known to put a state dict."""


class Inert:
    """Takes the place of a foreign object in a checkpoint: keeps its contents, runs nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _allowed() -> list[Any]:
    """Harmless types that files written by mmengine carry besides tensors: log buffers and NumPy numbers."""
    import numpy as np
    from numpy._core import multiarray

    dtypes = {type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")}
    rebuild = [(multiarray._reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")]
    scalar = [(multiarray.scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    inert = [(Inert, name) for name in ("mmengine.logging.history_buffer.HistoryBuffer",
                                        "mmengine.config.config.ConfigDict", "argparse.Namespace")]
    # `getattr` is asked for by HistoryBuffer's bound functions; this one only ever finds methods of an Inert.
    reach: list[Any] = [(_attribute, "builtins.getattr")]
    return [np.ndarray, np.dtype, *dtypes, *rebuild, *scalar, *inert, *reach]


def _attribute(holder: Any, name: str) -> Any:
    """`getattr` without reach: whatever is asked of whatever, an inert object comes back."""
    return Inert()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint file as data: tensors, numbers and text, never code.

    What this project wrote has its weights under `model` and what is known of them under `meta`, in safetensors too.
    Raises UserError naming the file where it is missing, damaged or holds objects that are not on the short
    allow-list.
    """
    if not path.is_file():
        raise UserError(f"weights file {path} not found")
    meta = container.read_meta(path)
    try:
        if path.suffix == container.SUFFIX:
            from safetensors.torch import load_file

            state = dict(load_file(path))
            return {"format": FORMAT, "meta": meta, "model": state} if meta is not None else state
        with torch.serialization.safe_globals(_allowed()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and safetensors errors have no common ancestor
        raise UserError(f"weights file {path} {_what_is_wrong(path, error)}; expected a .safetensors file, or one that "
                        "torch.save wrote of tensors, numbers and text") from error
    if not isinstance(data, dict):
        raise UserError(f"weights file {path} holds a {type(data).__name__}, not a dictionary of tensors")
    return data


def _what_is_wrong(path: Path, error: Exception) -> str:
    """Why a file could not be read, in words of ours: those of torch advise to run code from the file."""
    if path.stat().st_size == 0:
        return "is empty"
    refused = re.search(r"Unsupported global: GLOBAL ([\w.]+)", str(error))
    if refused:
        return f"holds an object of {refused[1]}, which would have to run code to be read"
    if "Unsupported operand" in str(error):
        return "holds objects that are no tensors, numbers or text, or was pickled without torch.save"
    return "is damaged, cut off, or of another kind"


def state_dict_of(data: dict[str, Any], path: Path) -> dict[str, Tensor]:
    """The state dict inside a checkpoint, `module.` prefixes removed. Raises UserError where there is none."""
    for nest in NESTS:
        if isinstance(data.get(nest), dict):
            data = data[nest]
            break
    state = {str(k): v for k, v in data.items() if isinstance(v, Tensor)}
    if not state:
        raise UserError(f"weights file {path} holds no tensors (keys: {', '.join(map(str, list(data)[:8]))})")
    while all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return state


def convert(state: dict[str, Tensor], spec: ModelSpec, own: set[str]) -> dict[str, Tensor]:
    """Rename the keys of a foreign state dict to those of the network (`own`), where its kind is known."""
    if set(state) == own:
        return state
    if spec.weights == "tcformer":
        return load_attribute("tcformer.checkpoints:clean_state_dict")(state)
    if spec.weights in ("sbl", "hrnet", "openmmlab") and any(key.startswith("backbone.") for key in state):
        return load_attribute("baselines.convert:convert_mmpose")(state, kind=spec.weights)
    if spec.weights in ("sbl", "hrnet"):
        return load_attribute("baselines.convert:convert_timm")(state, kind=spec.weights)
    if spec.weights == "plain":
        for prefix in ("model.", "net."):
            if {prefix + key for key in state} == own:
                return {prefix + key: value for key, value in state.items()}
    return state


def load_weights(model: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Load all weights of a network, strictly.

    Raises UserError listing the keys and shapes that do not fit; the network is then unchanged.
    """
    state, own = _converted(model, spec, path)
    refuse(misfits(state, own, set(own)), spec, path)
    model.load_state_dict(state, strict=True)


def source_of(path: Path) -> dict[str, Any]:
    """For a record: where weights came from before they were imported; empty where that is not known."""
    source = (container.read_meta(path) or {}).get("source")
    return {"source": source} if source else {}


@dataclass(frozen=True)
class Initial:
    """What became of a file that a training started from."""

    used: tuple[str, ...]
    """The network's keys that were taken from the file."""
    fresh: tuple[str, ...]
    """The network's keys that keep their fresh initial values."""
    left: tuple[str, ...]
    """The file's keys that were left where they are: of a head for something else, for example."""

    def text(self, path: Path) -> str:
        """In a line, for notes."""
        left = f"{len(self.left)} were left ({_few(self.left)})" if self.left else "none was left"
        count = len(self.fresh)
        fresh = f"{count} of the network start fresh ({_few(self.fresh)})" if count else "none starts fresh"
        return f"started from {path.name}: {len(self.used)} of its tensors were used, {left}; {fresh}"

    def to_json(self) -> dict[str, Any]:
        """As data for a record: how many were used, and the others by name."""
        return {"used": len(self.used), "fresh": list(self.fresh), "left": list(self.left)}


def load_initial(model: nn.Module, spec: ModelSpec, path: Path, head: str = "") -> Initial:
    """Load what a checkpoint has of the backbone (of a classifier, or of a whole pose model) to start a training.

    Every backbone key must be there with the right shape; keys of neck and head are taken where they fit. A network
    without a part `backbone` is one itself, but for its `head`. Raises UserError as `load_weights`; a file of another
    network of this project is not refused where its backbone fits.
    """
    state, own = _converted(model, spec, path, of_any_model=True)
    needed = {key for key in own if key.startswith(BACKBONE)} or {key for key in own if not _inside(key, head)}
    named = {key: key for key in state}
    if not needed & set(state):
        if any(BACKBONE + key in needed for key in state):
            named = {BACKBONE + key: key for key in state}
        elif any(key.removeprefix(BACKBONE) in needed for key in state):
            named = {key.removeprefix(BACKBONE): key for key in state}
    fitting = {k: state[key] for k, key in named.items()
               if k in own and (k in needed or state[key].shape == own[k].shape)}
    refuse(misfits(fitting, own, needed), spec, path)
    model.load_state_dict(fitting, strict=False)
    return Initial(tuple(sorted(fitting)), tuple(sorted(set(own) - set(fitting))),
                   tuple(sorted(key for k, key in named.items() if k not in fitting)))


def _inside(key: str, part: str) -> bool:
    return bool(part) and key.startswith(part + ".")


def _few(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:3]) + (", ..." if len(keys) > 3 else "")


def _converted(model: nn.Module, spec: ModelSpec, path: Path, of_any_model: bool = False
               ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    data = read_checkpoint(path)
    known = data["meta"].get("model") if isinstance(data.get("meta"), dict) else None
    if data.get("format") == FORMAT and known not in (None, spec.name) and not of_any_model:
        raise UserError(f"weights file {path} is of model {known}, not of {spec.name}")
    own = model.state_dict()
    try:
        return convert(state_dict_of(data, path), spec, set(own)), own
    except (KeyError, ValueError) as error:
        raise UserError(f"weights file {path} does not fit {spec.name}: {error}") from error


def misfits(state: dict[str, Tensor], own: dict[str, Tensor], needed: set[str]) -> dict[str, list[str]]:
    """Keys that keep weights from fitting a network's `own`, of which `needed` must be there."""
    shapes = [f"{k} {tuple(state[k].shape)} for {tuple(own[k].shape)}" for k in state
              if k in own and state[k].shape != own[k].shape]
    missing, unexpected = sorted(needed - set(state)), sorted(set(state) - set(own))
    return {"missing": missing, "unexpected": unexpected, "of another shape": shapes}


def refuse(found: dict[str, list[str]], spec: ModelSpec, path: Path) -> None:
    """Raises UserError for keys of `misfits`, if there are any."""
    parts = [f"{len(keys)} {what} ({', '.join(keys[:4])}{', ...' if len(keys) > 4 else ''})"
             for what, keys in found.items() if keys]
    if parts:
        raise UserError(f"weights file {path} does not fit {spec.name}: keys " + "; ".join(parts))
