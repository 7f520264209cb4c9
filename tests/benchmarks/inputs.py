"""What the benchmarks of parts run on: drawn people, and what a network with initial weights makes of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from harness.data.coco import read_people
from harness.data.geometry import apply_affine, crop_affine, crop_of_box
from harness.data.synthetic import JPEG_QUALITY, SPLIT_START, draw_image
from harness.data.targets import msra_targets, normalise
from harness.data.types import Images, Split
from harness.layout import load_layout
from harness.profiling.pictures import crops
from tcformer.backbone import Backbone
from tcformer.tokens import Tokens

STEADY = {"min_rounds": 5, "max_time": 0.3, "disable_gc": True, "timer": time.process_time}
"""For `pytest.mark.benchmark`: half a second each. Processor time: on a machine that others use too, the median of so
short a time on the clock was up to three times as long, and processor time within some per cent."""
SEED = 0
LAYOUT = load_layout("coco-wholebody")
WIDTH, HEIGHT = 192, 256
"""Of a network's input."""
PICTURE = (640, 480)
"""Width and height of most pictures of COCO."""


def timed(benchmark: Any, work: Callable[..., Any], *arguments: Any) -> Any:
    """Time calls of `work`; the result of the last.

    One call goes before: the number of rounds follows from the first that is timed, which must not be the first of all.
    """
    work(*arguments)
    return benchmark(work, *arguments)


@dataclass(frozen=True)
class Merge:
    """One merge of tokens."""

    before: Tokens
    """What is clustered, normed as the network does it."""
    score: Tensor
    """(B, N, 1)."""
    after: Tokens


@torch.no_grad()
def merges(count: int, images: int, height: int = HEIGHT, width: int = WIDTH) -> list[Merge]:
    """The first merges that a TCFormer with initial weights makes of crops of drawn people, one block a stage."""
    pictures = normalise(torch.from_numpy(crops(None, images, height, width)))
    torch.manual_seed(SEED)
    network = Backbone(depths=(1, 1, 1, 1)).eval()
    tokens = network.stage(1, network.patch_embed1(pictures))
    found = []
    for number in range(1, count + 1):
        after, before, score = network.get_submodule(f"ctm{number}")(tokens)
        found.append(Merge(before, score, after))
        if number < count:
            tokens = network.stage(number + 1, tokens)
    return found


def drawn_split(folder: Path, pictures: int) -> Split:
    """So many pictures of drawn people as JPEG files, and the people on them."""
    start = SPLIT_START["train"]
    entries, paths = [], []
    for index in range(start, start + pictures):
        image, people = draw_image(SEED, index, *PICTURE)
        path = folder / f"{index}.jpg"
        path.write_bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())
        entries += people
        paths.append(path)
    images = Images(np.arange(start, start + pictures), tuple(paths), np.tile(PICTURE, (pictures, 1)))
    return Split("drawn", "train", LAYOUT, images, read_people(entries, LAYOUT, folder))


def heat_maps(split: Split, people: int) -> tuple[Tensor, Tensor, Tensor]:
    """Heat maps (B, K, h, w) as a trained network gives them for the first people of a split.

    Peaks of different height where the points are, over smooth noise of 2 %. The points are (B, K, 2) in map pixels;
    (B, K) whether a map has a peak.
    """
    table = split.people
    center, size = crop_of_box(table.box[:people], WIDTH, HEIGHT, 1.25)
    points = np.stack([apply_affine(crop_affine(center[i], size[i], 0.0, WIDTH, HEIGHT), table.keypoints[i, :, :2])
                       for i in range(people)])
    rng = np.random.default_rng(SEED)
    maps, weight = msra_targets(torch.from_numpy(points), torch.from_numpy(table.keypoints[:people, :, 2] > 0),
                                WIDTH // 4, HEIGHT // 4, exact=True)
    height = torch.from_numpy(rng.uniform(0.3, 1, weight.shape).astype(np.float32))
    noise = rng.normal(size=maps.shape).astype(np.float32)
    smooth = np.stack([[cv2.GaussianBlur(one, (7, 7), 2) for one in of_person] for of_person in noise])
    noisy = maps * height[..., None, None] + 0.02 * torch.from_numpy(smooth / smooth.std())
    return noisy, torch.from_numpy(points / 4).float(), weight > 0
