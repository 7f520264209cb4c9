"""Work shared by the cores: NumPy lets go of the interpreter inside its loops, so threads are enough."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

THREADS = min(4, os.cpu_count() or 1)
"""The results do not depend on their number."""


def threaded(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """`work` of every item, in their order."""
    if len(items) < 2 or THREADS == 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, items))
