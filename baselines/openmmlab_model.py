"""The part of `baselines.openmmlab` that imports torch and, inside its function, mmpose."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from baselines.mmcv_ops import ensure_mmcv_ops
from baselines.openmmlab import HINT


class OpenMMLabModel(nn.Module):
    """mmpose's backbone, neck (or None) and head, joined as its top-down estimator joins them."""

    def __init__(self, backbone: nn.Module, neck: nn.Module | None, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to heat maps (B, K, h, w); TypeError if the head gives anything else."""
        features = self.backbone(images)
        if self.neck is not None:
            features = self.neck(features)
        maps = self.head(features)
        if not isinstance(maps, Tensor):
            raise TypeError(f"{type(self.head).__name__} gave {type(maps).__name__}, not one heat-map tensor")
        return maps


def build_network(model: dict[str, Any], num_keypoints: int) -> OpenMMLabModel:
    """Build a config's `model` with `num_keypoints` output maps, initialised, never downloading."""
    head = {**without_downloads(model["head"]), "out_channels": num_keypoints}
    try:
        ensure_mmcv_ops()
        import mmpose.codecs
        import mmpose.models  # noqa: F401  both fill the registry
        from mmpose.models.utils.check_and_update_config import check_and_update_config
        from mmpose.registry import MODELS
    except (ImportError, ValueError) as error:  # ValueError: compiled for another NumPy
        raise ImportError(f"mmpose is installed but cannot be imported ({error}): {HINT}") from error

    # Newer mmpose moves some head arguments into a neck (feature choice and concatenation).
    neck, head = check_and_update_config(without_downloads(model.get("neck")), head)
    configs = {"backbone": without_downloads(model["backbone"]), "neck": neck, "head": head}
    parts: dict[str, Any] = dict.fromkeys(configs)
    with _quiet():  # mmengine logs a line for every single parameter
        for name, config in configs.items():
            if config is not None:
                parts[name] = MODELS.build(config)
                parts[name].init_weights()
    return OpenMMLabModel(**parts)


def without_downloads(config: Any) -> Any:
    """A copy of a nested config without its references to weights: `Pretrained` init_cfg and `pretrained`."""
    if isinstance(config, dict):
        return {key: without_downloads(value) for key, value in config.items() if not _loads(key, value)}
    if isinstance(config, list | tuple):
        return type(config)(without_downloads(value) for value in config)
    return config


def _loads(key: str, value: Any) -> bool:
    """Whether a config's entry asks for weights from a file or an address."""
    if key == "init_cfg":
        parts = value if isinstance(value, list) else [value]
        return any(part.get("type") == "Pretrained" for part in parts if part)
    return key == "pretrained" and bool(value)


@contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)
