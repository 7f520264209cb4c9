"""Changes of colour and random erasing: each sample draws its own numbers, the device applies them to whole batches."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harness.protocol import Augment

ERASED_SHARE = (0.02, 1 / 3)
"""Of the crop's area, uniform. This and the aspect are those of Zhong et al., Random Erasing (AAAI 2020), as
torchvision has them; a rectangle longer than the crop is cut to it here, where torchvision draws again."""
ERASED_ASPECT = (0.3, 3.3)
"""Width by height in pixels, its logarithm uniform."""
LUMA = (0.299, 0.587, 0.114)
"""Grey of RGB (ITU-R BT.601), as in torchvision and Pillow."""


def draw_look(rng: np.random.Generator, settings: Augment, width: int, height: int) -> dict[str, np.ndarray]:
    """The numbers of one sample, all of them drawn whether or not they will be used.

    `colour` (3,) float32: factors of brightness, contrast and saturation. `erased` (4,) float32: left, top, right and
    bottom of a rectangle as shares of a crop of `width` x `height` pixels; all 0 for none.
    """
    colour = 1 + rng.uniform(-1, 1, 3) * (settings.brightness, settings.contrast, settings.saturation)
    chance, area, aspect = rng.random(), rng.uniform(*ERASED_SHARE), np.exp(rng.uniform(*np.log(ERASED_ASPECT)))
    extent = np.minimum(np.sqrt(area * np.array([aspect * height / width, width / (aspect * height)])), 1)
    start = rng.random(2) * (1 - extent)
    erased = np.concatenate([start, start + extent]) * (chance < settings.erase_probability)
    return {"colour": colour.astype(np.float32), "erased": erased.astype(np.float32)}


def recolour(images: Tensor, colour: Tensor) -> Tensor:
    """Images (B, 3, H, W) of RGB values 0 to 255 with brightness, contrast and saturation times `colour` (B, 3).

    In this order, each cut to 0 to 255, as torchvision's `adjust_brightness`, `adjust_contrast` (about the mean grey of
    the image) and `adjust_saturation` (about the grey of the pixel).
    """
    brightness, contrast, saturation = colour[:, :, None, None, None].unbind(dim=1)
    weights = torch.tensor(LUMA, device=images.device).view(3, 1, 1)
    images = (images * brightness).clamp(0, 255)
    mean = (images * weights).sum(dim=1, keepdim=True).mean(dim=(2, 3), keepdim=True)
    images = torch.lerp(mean, images, contrast).clamp(0, 255)
    grey = (images * weights).sum(dim=1, keepdim=True)
    return torch.lerp(grey, images, saturation).clamp(0, 255)


def erase(images: Tensor, erased: Tensor) -> Tensor:
    """Images (B, 3, H, W), 0 where the middle of a pixel lies in the rectangle `erased` (B, 4) of `draw_look`."""
    def inside(length: int, axis: int) -> Tensor:
        middle = (torch.arange(length, device=images.device) + 0.5) / length
        return (middle >= erased[:, axis, None]) & (middle < erased[:, axis + 2, None])

    mask = inside(images.shape[2], 1)[:, None, :, None] & inside(images.shape[3], 0)[:, None, None, :]
    return images.masked_fill(mask, 0)
