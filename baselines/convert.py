"""Weights of other code bases under our keys. The caller loads them strictly, which lists what does not fit.

Our models have `backbone.` (timm's keys) and `head.` (`deconv_layers.`, `final_layer.`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

KINDS = ("sbl", "hrnet", "openmmlab")
"""`openmmlab`: models of `baselines.openmmlab`, whose keys are mmpose 1.x's own."""

CLASSIFIERS = {
    "sbl": ("fc.",),  # torchvision and timm
    # HRNet-Image-Classification, which timm and mmpose's pre-trained files follow
    "hrnet": ("incre_modules.", "downsamp_modules.", "final_layer.", "classifier."),
}
"""Prefixes of what ImageNet files hold besides the backbone."""

_FUSION = re.compile(r"^(?:backbone\.)?stage4\.(\d+)\.fuse_layers\.(\d+)\.")


def convert_mmpose(state_dict: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    """mmpose's top-down weights (0.x `keypoint_head.`, 1.x `head.`) under our keys, for the whole model.

    `state_dict` is the bare one (a checkpoint's `state_dict` entry); tensors are not copied. Keys of no
    known kind pass through unchanged, so that strict loading names them. Raises ValueError for an unknown
    `kind`, if nothing lies under `backbone.`, or if both heads are there.
    """
    _check(state_dict, kind, KINDS)
    if not any(key.startswith("backbone.") for key in state_dict):
        raise ValueError(f"no mmpose weights: no key begins with 'backbone.' ({_sample(state_dict)})")
    heads = [name for name in ("keypoint_head.", "head.") if any(key.startswith(name) for key in state_dict)]
    if len(heads) > 1:
        raise ValueError("weights with keys under both 'keypoint_head.' and 'head.': which head is meant?")
    converted = {}
    for key, value in state_dict.items():
        if key.startswith("data_preprocessor."):  # image mean and deviation, which belong to the protocol
            continue
        converted[re.sub(r"^keypoint_head\.", "head.", key)] = value
    return _complete(_drop_fusions(converted) if kind == "hrnet" else converted)


def convert_timm(state_dict: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    """An ImageNet file of timm, torchvision (ResNet) or the original HRNet, for `model.backbone`.

    Kind "sbl" or "hrnet". The result's keys have no `backbone.` prefix and load strictly into
    `model.backbone`; the classifier and, for HRNet, the fusions that only feed it are left out. Raises
    ValueError for an unknown `kind` or if there is no `conv1.weight`.
    """
    _check(state_dict, kind, tuple(CLASSIFIERS))
    if "conv1.weight" not in state_dict:
        raise ValueError(f"this is no ImageNet {kind} file: it has no 'conv1.weight' ({_sample(state_dict)})")
    kept = {key: value for key, value in state_dict.items() if not key.startswith(CLASSIFIERS[kind])}
    return _complete(_drop_fusions(kept) if kind == "hrnet" else kept)


def _drop_fusions(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without stage 4's fusions into lower resolutions at its end (see `hrnet.keep_first_branch`)."""
    fusions = {key: match for key in state_dict if (match := _FUSION.match(key))}
    last = max((int(match[1]) for match in fusions.values()), default=-1)
    dropped = {key for key, match in fusions.items() if int(match[1]) == last and int(match[2]) > 0}
    return {key: value for key, value in state_dict.items() if key not in dropped}


def _complete(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """With batch norms' step counters, which files written before PyTorch 0.4.1 lack, at zero where absent."""
    suffix = "running_mean"
    counters = [key.removesuffix(suffix) + "num_batches_tracked" for key in state_dict if key.endswith(suffix)]
    return {key: torch.zeros((), dtype=torch.long) for key in counters} | state_dict


def _check(state_dict: Mapping[str, object], kind: str, kinds: tuple[str, ...]) -> None:
    if kind not in kinds:
        raise ValueError(f"unknown kind of model '{kind}' (choices: {', '.join(kinds)})")
    odd = [key for key, value in state_dict.items() if not isinstance(value, Tensor)]
    if odd:
        raise ValueError(f"not a bare state dict: {', '.join(map(str, odd[:5]))} hold no tensors")


def _sample(state_dict: Mapping[str, object]) -> str:
    return f"it begins with {', '.join(list(state_dict)[:3])}" if state_dict else "it is empty"
