"""How the processes of jobs and gates treat memory that they have freed: they keep it for the next tensor."""

from __future__ import annotations

import os

KEEP_FREED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34), "MALLOC_TOP_PAD_": str(1 << 26)}
"""Settings of glibc's malloc (mallopt(3)) that other libraries ignore; they count for a process started with them.

By default malloc takes every large tensor from the kernel and gives it back, so each layer pays for fresh pages, page
by page. On two cores of a virtual machine (AMD EPYC, fp32) that was 4 to 13 % of a training step of the demo's
networks and 15 to 50 % of a forward pass of a plain TCFormer in batches; what it cost also depended on where
the heap happened to lie, so two processes with the same code differed by 6 % (standard deviation), with these
settings by 1.5 %. Peak memory was the same within 3 % for single networks, up to 20 % more for a batch of 8.
"""


def kept() -> dict[str, str]:
    """Environment of a process that keeps what it has freed; what the user has set stays."""
    return {**KEEP_FREED, **os.environ}
