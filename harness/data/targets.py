"""What the network sees and is asked for, made in batches on its own device."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.data.colour import erase, recolour

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
"""RGB on values 0 to 1: the ImageNet statistics that torchvision, timm and mmpose all use."""


def normalise(images: Tensor) -> Tensor:
    """Images (B, H, W, 3) uint8 RGB to (B, 3, H, W) float32 with ImageNet's mean and standard deviation."""
    return _standardise(_planes(images))


def network_input(batch: dict[str, Tensor], device: torch.device) -> Tensor:
    """Images (B, 3, H, W) float32 of a batch of training samples, on the device; their colours are changed there.

    `image` as for `normalise`; `colour` and `erased`, which are there where the protocol has them: see `draw_look`.
    """
    images = _planes(batch["image"].to(device, non_blocking=True))
    if "colour" in batch:
        images = recolour(images, batch["colour"].to(device, non_blocking=True))
    images = _standardise(images)
    return erase(images, batch["erased"].to(device, non_blocking=True)) if "erased" in batch else images


def _planes(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)


def _standardise(images: Tensor) -> Tensor:
    """In place."""
    mean = torch.tensor(IMAGE_MEAN, device=images.device).view(3, 1, 1) * 255
    std = torch.tensor(IMAGE_STD, device=images.device).view(3, 1, 1) * 255
    return images.sub_(mean).div_(std)


def msra_targets(points: Tensor, visible: Tensor, map_width: int, map_height: int, stride: float = 4,
                 sigma: float = 2.0, exact: bool = False) -> tuple[Tensor, Tensor]:
    """Gaussian heat maps (B, K, map_height, map_width) with peak 1, and weights (B, K), both float32.

    `points` (B, K, 2) in input pixels, `visible` (B, K) 0 or 1, `stride` input pixels per map pixel, `sigma`
    in map pixels. Centres are rounded to map pixels (+0.5, then cut towards zero); each Gaussian ends after 3
    sigma (rounded down) on each side. Weight and map are 0 for points that are not visible or whose window
    lies outside. As in mmpose, "outside" starts one pixel later at the left and upper border, where an empty
    map keeps its weight.

    `exact`: the Gaussian is centred on the point itself and reaches over the whole map (Zhang et al., DARK,
    CVPR 2020; mmpose's "unbiased").
    """
    size = torch.tensor([map_width, map_height], device=points.device)
    radius = int(3 * sigma)
    middle = points.float() / stride if exact else (points.float() / stride + 0.5).trunc()
    inside = (middle - radius < size) & (middle + radius + 1 >= 0)
    weight = visible.float() * inside.all(dim=-1)

    def profile(length: int, axis: int) -> Tensor:
        distance = torch.arange(length, device=points.device) - middle[..., axis, None]
        gaussian = torch.exp(-distance.square() / (2 * sigma**2))
        return gaussian if exact else gaussian * (distance.abs() <= radius)

    across, down = profile(map_width, 0), profile(map_height, 1) * (weight > 0)[..., None]
    return down[..., :, None] * across[..., None, :], weight
