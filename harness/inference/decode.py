"""From heat maps to points."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def decode(maps: Tensor | np.ndarray, quarter: bool = True) -> Tensor:
    """Points of heat maps (B, K, h, w): (B, K, 3) float32 x, y in map pixels, and the maximum as score.

    `quarter` moves each point by 0.25 pixel along each axis towards the higher neighbour, not at all between
    equal ones. Rule of mmpose 0.x at the border: only where 1 < x < w - 1 and 1 < y < h - 1, both at once
    (1.x asks each axis by itself). A map without a positive value gives x = y = -1 (mmpose, both versions).
    """
    maps = torch.as_tensor(maps)
    height, width = maps.shape[-2:]
    flat = maps.flatten(2)
    index = flat.argmax(dim=-1, keepdim=True)  # of equal maxima the first, as NumPy
    score = flat.gather(-1, index)
    x, y = index % width, index // width
    points = torch.cat([x, y], dim=-1).float()
    if quarter:
        inside = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
        last = flat.shape[-1] - 1

        def towards(step: int) -> Tensor:
            ahead, behind = (flat.gather(-1, (index + way).clamp(0, last)) for way in (step, -step))
            return torch.sign(ahead - behind)

        points += torch.cat([towards(1), towards(width)], dim=-1) * inside * 0.25
    return torch.cat([torch.where(score > 0, points, -1.0), score.float()], dim=-1)
