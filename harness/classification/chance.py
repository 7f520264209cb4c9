"""Chance for libraries that draw from the global generators of Python, NumPy and torch, as timm's augmentation does."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch


@contextlib.contextmanager
def drawn_from(*numbers: int) -> Iterator[None]:
    """Inside, what is drawn depends on these numbers alone; outside, everything goes on as if nothing had been drawn.

    A sample is then the same whoever makes it and whatever was made before: in any number of loader processes, and
    after a training was continued. Of torch only the CPU's generator is meant.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002  it is timm's
    python, numpy, own = (int(n) for n in np.random.SeedSequence(numbers).generate_state(3))
    random.seed(python)
    np.random.seed(numpy)  # noqa: NPY002
    torch.default_generator.manual_seed(own)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
