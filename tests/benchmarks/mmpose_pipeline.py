"""mmpose's own training pipeline (the installed 1.x) on the people of a split, for the benchmark beside ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from harness.data.types import Split
from harness.layout import Layout
from tests.benchmarks.inputs import HEIGHT, WIDTH

SIGMA = 2.0
CODEC = {"type": "MSRAHeatmap", "input_size": (WIDTH, HEIGHT), "heatmap_size": (WIDTH // 4, HEIGHT // 4),
         "sigma": SIGMA}
PIPELINE = [
    {"type": "LoadImage"}, {"type": "GetBBoxCenterScale"}, {"type": "RandomFlip", "direction": "horizontal"},
    {"type": "RandomHalfBody"}, {"type": "RandomBBoxTransform"},
    {"type": "TopdownAffine", "input_size": (WIDTH, HEIGHT)}, {"type": "GenerateTarget", "encoder": CODEC},
    {"type": "PackPoseInputs"}]
"""As in its configurations td-hm_*_coco-wholebody-256x192."""


def mmpose_samples(split: Split, people: np.ndarray, folder: Path) -> Any:
    """mmpose's data set of these rows of `split.people`; item i is the packed sample of people[i]."""
    from baselines.mmcv_ops import ensure_mmcv_ops

    ensure_mmcv_ops()
    import mmpose.datasets  # noqa: F401 - registers transforms and codecs
    from mmengine.registry import init_default_scope
    from mmpose.datasets.datasets.base import BaseCocoStyleDataset

    init_default_scope("mmpose")
    images, table = split.images, split.people
    content = {
        "images": [{"id": int(images.id[i]), "file_name": str(images.path[i].resolve()),
                    "width": int(images.size[i][0]), "height": int(images.size[i][1])} for i in range(len(images))],
        "annotations": [{
            "id": int(table.id[p]), "image_id": int(table.image_id[p]), "category_id": 1, "iscrowd": 0,
            "bbox": table.box[p].tolist(), "area": float(table.area[p]),
            "keypoints": table.keypoints[p].reshape(-1).tolist(),
            "num_keypoints": int((table.keypoints[p, :, 2] > 0).sum())} for p in people],
        "categories": [{"id": 1, "name": "person"}]}
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    data = BaseCocoStyleDataset(ann_file=str(path), metainfo=_metainfo(split.layout), data_mode="topdown",
                                pipeline=PIPELINE)
    order = {int(data.get_data_info(i)["id"]): i for i in range(len(data))}
    assert len(order) == len(people)
    return _Ordered(data, [order[int(table.id[p])] for p in people])


class _Ordered:
    def __init__(self, data: Any, rows: list[int]) -> None:
        self.data, self.rows = data, rows

    def __getitem__(self, index: int) -> Any:
        return self.data[self.rows[index]]


def mmpose_batch(samples: list[Any], preprocessor: Any) -> tuple[Tensor, Tensor, Tensor]:
    """What network and loss get of packed samples: images (B, 3, H, W), targets (B, K, h, w) and weights (B, K)."""
    import torch
    from mmengine.dataset import pseudo_collate

    data = preprocessor(pseudo_collate(samples), training=True)
    fields = data["data_samples"]
    return (data["inputs"], torch.stack([sample.gt_fields.heatmaps for sample in fields]),
            torch.cat([sample.gt_instance_labels.keypoint_weights for sample in fields]))


def mmpose_preprocessor() -> Any:
    """Of its configurations: to RGB, and normalised."""
    from mmpose.models import PoseDataPreprocessor

    return PoseDataPreprocessor(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)


def _metainfo(layout: Layout) -> dict[str, Any]:
    """The layout as mmpose describes one."""
    halves = {**dict.fromkeys(layout.lower, "lower"), **dict.fromkeys(layout.upper, "upper")}
    return {"dataset_name": layout.name, "paper_info": {}, "skeleton_info": {}, "joint_weights": [1.0] * layout.size,
            "sigmas": list(layout.sigma_values),
            "keypoint_info": {k: {"name": name, "id": k, "color": [0, 0, 0], "type": halves.get(k, ""),
                                  "swap": "" if layout.flip_index[k] == k else layout.keypoints[layout.flip_index[k]]}
                              for k, name in enumerate(layout.keypoints)}}
