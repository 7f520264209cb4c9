"""Baselines of the whole-body tables: SimpleBaseline, HRNet, and any heat-map config of mmpose.

Every model maps images (B, 3, H, W) to heat maps (B, K, H/4, W/4). Names are imported on first use, so that
`import baselines` and listing configs cost no import of torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from baselines.convert import convert_mmpose, convert_timm
    from baselines.hrnet import build_hrnet
    from baselines.openmmlab import build_openmmlab, config_names, openmmlab_available, openmmlab_settings
    from baselines.sbl import build_sbl

_HOME = {
    "build_hrnet": "baselines.hrnet",
    "build_openmmlab": "baselines.openmmlab",
    "build_sbl": "baselines.sbl",
    "config_names": "baselines.openmmlab",
    "convert_mmpose": "baselines.convert",
    "convert_timm": "baselines.convert",
    "openmmlab_available": "baselines.openmmlab",
    "openmmlab_settings": "baselines.openmmlab",
}

__all__ = [
    "build_hrnet",
    "build_openmmlab",
    "build_sbl",
    "config_names",
    "convert_mmpose",
    "convert_timm",
    "openmmlab_available",
    "openmmlab_settings",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'baselines' has no attribute '{name}' (it has {', '.join(__all__)})")
    return getattr(importlib.import_module(_HOME[name]), name)
