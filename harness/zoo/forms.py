"""What a file of weights is, by its keys: the project that wrote it, the network family, its form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

POSE, BACKBONE, CLASSIFIER = "pose network", "backbone", "classifier"
"""What a file gives: a whole network for --weights, a backbone for --init alone, or a classifier for both."""

OWN = "wholebody-harness"


@dataclass(frozen=True)
class Form:
    """One form of files. `needs` are beginnings of keys that must all be there."""

    id: str
    title: str
    project: str
    gives: str
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    """Which networks it is for (`weights` of a model in `specs/models.yaml`)."""


FORMS = (
    Form("tcformer-pose", "a TCFormer pose network as its authors' code writes it", "TCFormer, the authors' code", POSE,
         ("backbone.patch_embed1.proj.", "backbone.ctm1.", "neck.", "keypoint_head."), ("tcformer",)),
    Form("mmpose-0.x-tcformer", "a pose network of the TCFormer port in mmpose 0.x", "MMPose", POSE,
         ("backbone.patch_embed1.projection.", "backbone.ctm1.", "neck.", "keypoint_head."), ("tcformer",)),
    Form("tcformer-imagenet", "a TCFormer ImageNet classifier as its authors' code writes it",
         "TCFormer, the authors' code", CLASSIFIER, ("patch_embed1.proj.", "ctm1."), ("tcformer",)),
    Form("mmpose-0.x-hrnet", "a pose network of mmpose 0.x with an HRNet", "MMPose", POSE,
         ("backbone.stage2.", "keypoint_head."), ("hrnet", "openmmlab")),
    Form("mmpose-1.x-hrnet", "a pose network of mmpose 1.x with an HRNet", "MMPose", POSE,
         ("backbone.stage2.", "head."), ("hrnet", "openmmlab")),
    Form("mmpose-0.x-resnet", "a pose network of mmpose 0.x with a ResNet", "MMPose", POSE,
         ("backbone.conv1.", "backbone.layer1.", "keypoint_head."), ("sbl", "openmmlab")),
    Form("mmpose-1.x-resnet", "a pose network of mmpose 1.x with a ResNet", "MMPose", POSE,
         ("backbone.conv1.", "backbone.layer1.", "head."), ("sbl", "openmmlab")),
    Form("mmpose-0.x", "a pose network of mmpose 0.x", "MMPose", POSE, ("backbone.", "keypoint_head."), ("openmmlab",)),
    Form("mmpose-1.x", "a pose network of mmpose 1.x", "MMPose", POSE, ("backbone.", "head."), ("openmmlab",)),
    Form("imagenet-hrnet", "an ImageNet HRNet as timm and HRNet-Image-Classification name it",
         "timm or HRNet-Image-Classification", BACKBONE, ("conv1.", "stage2.", "stage4."), ("hrnet",)),
    Form("imagenet-resnet", "an ImageNet ResNet as torchvision and timm name it", "torchvision or timm", BACKBONE,
         ("conv1.", "layer1.", "layer4."), ("sbl",)),
)
"""From the most particular to the most general: the first that fits is the one."""

OWN_POSE = Form(OWN, "a pose network of this project", "this project", POSE, (), ())
OWN_CLASSIFIER = Form(OWN, "a classifier of this project", "this project", CLASSIFIER, (), ())
OWN_BACKBONE = Form(OWN, "a backbone imported by this project", "this project", BACKBONE, (), ())
BARE = Form("state-dict", "a state dict with the network's own keys", "not said", POSE, (), ())

DROPPED = (
    ("image mean and deviation, which the protocol has", ("data_preprocessor.",)),
    ("fusions into lower resolutions at the end of stage 4, which feed only what a classifier needs",
     ("stage4.", "backbone.stage4.")),
    ("the ImageNet classifier",
     ("fc.", "classifier.", "incre_modules.", "downsamp_modules.", "final_layer.", "backbone.incre_modules.",
      "backbone.downsamp_modules.", "backbone.final_layer.", "backbone.classifier.")),
)
"""Why tensors of a file are not used, by how their keys begin."""

VERSIONS = ("mmpose_version", "mmcv_version", "mmengine_version")


def recognise(keys: Iterable[str]) -> Form | None:
    """The form of a foreign file by its tensors' keys; None where it is none that is known."""
    keys = list(keys)
    for form in FORMS:
        if all(any(key.startswith(start) for key in keys) for start in form.needs):
            return form
    return None


def why_dropped(key: str) -> str:
    """Why a tensor of a file is not used."""
    return next((why for why, starts in DROPPED if key.startswith(starts)), "the network has no such tensor")


def facts_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says of its training besides the weights: epoch and versions, as far as they are there."""
    meta = data.get("meta") if isinstance(data.get("meta"), dict) else {}
    assert isinstance(meta, dict)
    found: dict[str, Any] = {}
    for place in (meta, data):
        epoch = place.get("epoch")
        if isinstance(epoch, int) and not isinstance(epoch, bool) and "epoch" not in found:
            found["epoch"] = epoch
    found |= {name: str(meta[name]) for name in VERSIONS if isinstance(meta.get(name), str)}
    return found
