"""Any top-down heat-map config of mmpose as a model here, where mmpose is installed.

The configs are those inside mmpose's own package (`.mim/configs/wholebody_2d_keypoint/`), or a file of the
user's. Listing their names reads the folder only; nothing of OpenMMLab is imported before it is needed.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

PACKAGES = ("mmpose", "mmcv", "mmdet", "mmengine", "xtcocotools", "pkg_resources")
"""What building a config imports: mmpose's models import its metrics and so xtcocotools; mmengine imports
`pkg_resources`, which is part of setuptools before 81."""

HINT = (
    "install mmpose==1.3.2, mmcv-lite==2.1.0, mmdet==3.3.0 and mmengine==0.10.7 with pip's --no-deps, "
    "xtcocotools built from source, and setuptools<81 (`python tests/install_oracles.py` does all of it)"
)

HEATMAP_CODECS = ("MSRAHeatmap", "UDPHeatmap")
"""Codecs with one map a key point. SimCC, regression and the like have no maps to give."""


def openmmlab_available() -> str | None:
    """None where every package is found, else one sentence that says what to install. Imports nothing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    return f"OpenMMLab configs need {', '.join(missing)}, not found here: {HINT}" if missing else None


def config_names() -> list[str]:
    """Names (file names without .py) of mmpose's heat-map configs for COCO-WholeBody; [] without mmpose."""
    folder = _config_root() / "topdown_heatmap" / "coco-wholebody"
    return sorted(path.stem for path in folder.glob("*.py"))


def build_openmmlab(config: str, num_keypoints: int = 133) -> nn.Module:
    """The network of a config with random weights, initialised as the config says without downloads.

    `config` is one of `config_names()` or the path of a config file ending in .py. The result maps images
    (B, 3, H, W) to heat maps (B, num_keypoints, h, w); its state-dict keys (`backbone.`, `neck.`, `head.`)
    are mmpose 1.x's, so that released weights load. Raises ImportError with `openmmlab_available()`'s
    sentence, ValueError for a name that is not known or a config that gives no heat maps.
    """
    settings = _read(config)
    _heatmap_codec(config, settings)
    from baselines.openmmlab_model import build_network

    return build_network(settings["model"], num_keypoints)


def openmmlab_settings(config: str) -> dict[str, Any]:
    """What a config says about its protocol, as plain values; None where it says nothing.

    input_size and heatmap_size (width, height) in pixels; codec, sigma (heat-map pixels), unbiased and
    blur_kernel_size; optimizer, lr, weight_decay, epochs, milestones (epochs), gamma, warmup_iterations,
    warmup_factor, batch_per_gpu, gpus (from the file name, "8xb64" = 8 GPUs), base_batch_size;
    num_keypoints; flip_test, shift_heatmap. Raises as `build_openmmlab`.
    """
    settings = _read(config)
    codec = _heatmap_codec(config, settings)
    optimiser = settings.get("optim_wrapper", {}).get("optimizer", {})
    schedule = settings.get("param_scheduler", [])
    steps: dict[str, Any] = next((part for part in schedule if part["type"] == "MultiStepLR"), {})
    warmup: dict[str, Any] = next((part for part in schedule if part["type"] == "LinearLR"), {})
    test = settings["model"].get("test_cfg", {})
    gpus = re.search(r"(\d+)xb\d+", Path(config).stem)
    sigma = codec.get("sigma")
    return {
        "input_size": tuple(codec["input_size"]),
        "heatmap_size": tuple(codec["heatmap_size"]),
        "codec": codec["type"],
        "sigma": None if sigma is None else float(sigma),
        "unbiased": bool(codec.get("unbiased", False)),
        "blur_kernel_size": codec.get("blur_kernel_size"),
        "optimizer": optimiser.get("type"),
        "lr": optimiser.get("lr"),
        "weight_decay": optimiser.get("weight_decay"),
        "epochs": settings.get("train_cfg", {}).get("max_epochs"),
        "milestones": list(steps["milestones"]) if steps else None,
        "gamma": steps.get("gamma"),
        "warmup_iterations": warmup.get("end"),
        "warmup_factor": warmup.get("start_factor"),
        "batch_per_gpu": settings.get("train_dataloader", {}).get("batch_size"),
        "gpus": int(gpus[1]) if gpus else None,
        "base_batch_size": settings.get("auto_scale_lr", {}).get("base_batch_size"),
        "num_keypoints": settings["model"]["head"].get("out_channels"),
        "flip_test": test.get("flip_test"),
        "shift_heatmap": test.get("shift_heatmap"),
    }


def _config_root() -> Path:
    """mmpose's folder of whole-body configs; a path that does not exist where mmpose is absent."""
    spec = importlib.util.find_spec("mmpose")
    package = spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else "mmpose"
    return Path(package) / ".mim" / "configs" / "wholebody_2d_keypoint"


def _read(config: str) -> dict[str, Any]:
    """The config as nested plain dicts, its bases merged in."""
    if (reason := openmmlab_available()) is not None:
        raise ImportError(reason)
    from mmengine.config import Config

    if config.endswith(".py"):
        path = Path(config)
        if not path.is_file():
            raise ValueError(f"OpenMMLab config file '{config}' does not exist")
    else:
        # Names of other methods are found too, so that they can be refused with the true reason.
        paths = {path.stem: path for path in sorted(_config_root().rglob("*.py"))}
        if config not in paths:
            names = config_names()
            near = [name for name in names if config in name][:3]
            near = near or difflib.get_close_matches(config, names, n=3, cutoff=0.3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ValueError(
                f"unknown OpenMMLab config '{config}'{hint} (choices: {', '.join(names)}, or the path of a .py file)"
            )
        path = paths[config]
    settings = Config.fromfile(str(path), import_custom_modules=False).to_dict()
    if "model" not in settings:
        raise ValueError(f"OpenMMLab config '{config}' has no `model`: nothing to build")
    return settings


def _heatmap_codec(config: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The head's codec; ValueError naming the reason if the config is not top-down with plain heat maps."""
    model = settings["model"]
    codec = (model.get("head") or {}).get("decoder")
    if model["type"].split(".")[-1] != "TopdownPoseEstimator":
        reason = f"its model is {model['type']}, not a TopdownPoseEstimator"
    elif not isinstance(codec, dict):
        reason = "its head has not exactly one codec"
    elif codec["type"] not in HEATMAP_CODECS:
        reason = f"its codec is {codec['type']}, not one of {', '.join(HEATMAP_CODECS)}"
    elif codec.get("heatmap_type", "gaussian") != "gaussian":
        reason = f"its maps are {codec['heatmap_type']}, not Gaussian"
    else:
        return codec
    raise ValueError(f"OpenMMLab config '{config}' gives no heat maps: {reason}")
