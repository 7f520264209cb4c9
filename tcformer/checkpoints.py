"""Names of weights: from what checkpoint files hold to this package's keys. Reading the files is the caller's part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

HOLDERS = ("state_dict", "model")
"""Where the weights lie inside a checkpoint: mmpose writes `state_dict`, the authors' ImageNet training `model`."""

WRAPPER = "module."
"""Prefix that a model wrapped for several GPUs leaves on its keys."""

BACKBONE = "backbone."
HEAD = "head."

PORT = (".projection.", ".proj.")
"""The one name that MMPose's port (branch 0.x, models/backbones/tcformer.py) changed, in the patch embedding, and the
authors' own."""


def clean_state_dict(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of a checkpoint under bare keys, those of MMPose's port under the authors'.

    Args:
        checkpoint: what was read from the file: the weights themselves, or a mapping that holds them under
            `state_dict` or `model`; keys may begin with `module.`.

    Raises:
        ValueError: where no weights are found.
    """
    holder: Any = checkpoint
    for name in HOLDERS:
        if isinstance(holder, Mapping) and isinstance(holder.get(name), Mapping):
            holder = holder[name]
    if not isinstance(holder, Mapping):
        raise ValueError(f"a checkpoint is a mapping of names to weights, not a {type(holder).__name__}")
    weights = {_own(str(key)): value for key, value in holder.items() if isinstance(value, Tensor)}
    if not weights:
        found = ", ".join(map(str, list(holder)[:5])) or "nothing"
        raise ValueError(
            f"no weights in the checkpoint: looked at its top and under {', '.join(HOLDERS)}; found {found}"
        )
    return weights


def _own(key: str) -> str:
    key = key.removeprefix(WRAPPER)
    return key.replace(*PORT) if "patch_embed" in key else key


def backbone_state_dict(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The backbone's weights under the backbone's own keys, from a pose or an ImageNet checkpoint.

    Raises:
        ValueError: where no weights are found.
    """
    weights = clean_state_dict(checkpoint)
    inside = {key.removeprefix(BACKBONE): value for key, value in weights.items() if key.startswith(BACKBONE)}
    return inside or {key: value for key, value in weights.items() if not key.startswith(HEAD)}
