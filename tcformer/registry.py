"""The series' ImageNet classifiers under timm: `timm.create_model("tcformer")` works after `import tcformer`."""

from __future__ import annotations

from typing import Any

from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model

from tcformer.models import VARIANTS, Classifier

__all__: list[str] = []  # filled by register_model

CONFIG = {
    "url": "",  # weights are never downloaded
    "num_classes": 1000,
    "input_size": (3, 224, 224),
    "pool_size": None,
    "crop_pct": 0.9,
    "interpolation": "bicubic",
    "fixed_input_size": False,
    "mean": IMAGENET_DEFAULT_MEAN,
    "std": IMAGENET_DEFAULT_STD,
    "first_conv": "patch_embed1.proj",
    "classifier": "head",
    "license": "mit",
}
"""timm's description of a classifier: 224 x 224, ImageNet's mean and deviation (paper, supplementary section 1)."""

default_cfgs = generate_default_cfgs({name: CONFIG for name in VARIANTS})


def _create(name: str, pretrained: bool, **settings: Any) -> Classifier:
    return build_model_with_cfg(Classifier, name, pretrained, **{"depths": VARIANTS[name], **settings})


@register_model
def tcformer_light(pretrained: bool = False, **settings: Any) -> Classifier:
    """TCFormer-Light, blocks 2/2/2/2."""
    return _create("tcformer_light", pretrained, **settings)


@register_model
def tcformer(pretrained: bool = False, **settings: Any) -> Classifier:
    """TCFormer (base), blocks 3/4/6/3."""
    return _create("tcformer", pretrained, **settings)


@register_model
def tcformer_large(pretrained: bool = False, **settings: Any) -> Classifier:
    """TCFormer-Large, blocks 3/8/27/3."""
    return _create("tcformer_large", pretrained, **settings)
