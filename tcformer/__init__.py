"""TCFormer: a vision transformer whose tokens are clusters of picture cells, for whole-body poses.

Zeng et al., "Not All Tokens Are Equal: Human-centric Visual Analysis via Token Clustering Transformer", CVPR 2022.
Importing the package registers its ImageNet classifiers with timm.
"""

from tcformer import registry as _registry  # noqa: F401  registers with timm
from tcformer.backbone import Backbone
from tcformer.checkpoints import backbone_state_dict, clean_state_dict
from tcformer.compiling import Fast, compile
from tcformer.models import VARIANTS, Classifier, PoseModel, build_pose_model
from tcformer.neck import MTA

__all__ = [
    "MTA",
    "VARIANTS",
    "Backbone",
    "Classifier",
    "Fast",
    "PoseModel",
    "backbone_state_dict",
    "build_pose_model",
    "clean_state_dict",
    "compile",
]
