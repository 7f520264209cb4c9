"""Images a second of the network alone, and the peak memory of the process."""

from __future__ import annotations

import resource
import time

import torch
from torch import Tensor, nn

SECONDS = 2.0
"""Measured for at least this long after warm-up, and at least MIN_PASSES passes."""
MIN_PASSES = 3


def images_per_second(model: nn.Module, images: Tensor, passes_per_image: int) -> float:
    """Median throughput of a batch of real, normalised crops (B, 3, H, W) on the model's device.

    `passes_per_image` is 2 where the flip test runs the network twice for an image.
    """
    cuda = images.device.type == "cuda"

    def once() -> float:
        if cuda:
            torch.cuda.synchronize()
        started = time.perf_counter()
        model(images)
        if cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - started

    with torch.inference_mode():
        once()
        times: list[float] = []
        while len(times) < MIN_PASSES or (sum(times) < SECONDS and len(times) < 1000):
            times.append(once())
    median = sorted(times)[len(times) // 2]
    return len(images) / (median * passes_per_image)


def peak_bytes(device: str) -> int:
    """Peak memory: of the GPU's allocator for cuda, else the resident size of this process."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
