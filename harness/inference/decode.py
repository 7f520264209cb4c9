"""From heat maps to points."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Method = Literal["quarter", "argmax", "dark"]


def decode(maps: Tensor | np.ndarray, method: Method = "quarter", dark_kernel: int = 11) -> Tensor:
    """Points of heat maps (B, K, h, w): (B, K, 3) float32 x, y in map pixels, and the maximum as score.

    `argmax` stays at the maximum; `dark` is `dark_step`; `quarter` moves each point by 0.25 pixel along each axis
    towards the higher neighbour, not at all between equal ones. Rule of mmpose 0.x at the border: only where 1 < x
    < w - 1 and 1 < y < h - 1, both at once (1.x asks each axis by itself). A map without a positive value gives x =
    y = -1 (mmpose, both versions).
    """
    maps = torch.as_tensor(maps)
    height, width = maps.shape[-2:]
    flat = maps.flatten(2)
    index = flat.argmax(dim=-1, keepdim=True)  # of equal maxima the first, as NumPy
    score = flat.gather(-1, index)
    x, y = index % width, index // width
    points = torch.cat([x, y], dim=-1).float()
    if method == "dark":
        points += dark_step(maps, index, dark_kernel)
    if method == "quarter":
        inside = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
        last = flat.shape[-1] - 1

        def towards(step: int) -> Tensor:
            ahead, behind = (flat.gather(-1, (index + way).clamp(0, last)) for way in (step, -step))
            return torch.sign(ahead - behind)

        points += torch.cat([towards(1), towards(width)], dim=-1) * inside * 0.25
    return torch.cat([torch.where(score > 0, points, -1.0), score.float()], dim=-1)


def dark_step(maps: Tensor, index: Tensor, kernel: int) -> Tensor:
    """One Newton step from each map's maximum on the blurred log heat map, (B, K, 2) in map pixels.

    `index` (B, K, 1) is the maximum's place in the flat map, `kernel` the odd width of the Gaussian blur, whose
    deviation OpenCV derives from it. First and second differences as in mmpose's DARK decoding (Zhang et al.,
    CVPR 2020): second ones over two pixels. No step within two pixels of the border, or where the second
    differences have no inverse.
    """
    height, width = maps.shape[-2:]
    logs = blurred(maps, kernel).clamp_min(1e-10).log().flatten(2)
    x, y = index % width, index // width
    inside = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)

    def at(right: int, below: int) -> Tensor:
        return logs.gather(-1, (index + right + below * width).clamp(0, logs.shape[-1] - 1))

    dx, dy = 0.5 * (at(1, 0) - at(-1, 0)), 0.5 * (at(0, 1) - at(0, -1))
    dxx = 0.25 * (at(2, 0) - 2 * at(0, 0) + at(-2, 0))
    dyy = 0.25 * (at(0, 2) - 2 * at(0, 0) + at(0, -2))
    dxy = 0.25 * (at(1, 1) - at(-1, 1) - at(1, -1) + at(-1, -1))
    determinant = dxx * dyy - dxy.square()
    step = torch.cat([dyy * dx - dxy * dy, dxx * dy - dxy * dx], dim=-1)
    return torch.where(inside & (determinant != 0), -step / determinant, 0.0)


def blurred(maps: Tensor, kernel: int) -> Tensor:
    """Maps (B, K, h, w) after a Gaussian blur with zeros around them, each scaled back to its own maximum."""
    maps = maps.float()
    weights = torch.as_tensor(cv2.getGaussianKernel(kernel, 0)[:, 0], dtype=maps.dtype, device=maps.device)
    # Every key point a channel of its own: as B * K images of one channel the same sums took 5 to 20 times as long on
    # a CPU (batch 32, maps of 32x24 to 96x72, torch 2.14).
    count = maps.shape[1]
    smooth = functional.conv2d(maps, weights.expand(count, 1, 1, -1), padding=(0, kernel // 2), groups=count)
    smooth = functional.conv2d(smooth, weights[:, None].expand(count, 1, -1, 1), padding=(kernel // 2, 0), groups=count)
    peak, now = maps.amax(dim=(-2, -1), keepdim=True), smooth.amax(dim=(-2, -1), keepdim=True)
    return smooth * peak / now.clamp_min(1e-10)
