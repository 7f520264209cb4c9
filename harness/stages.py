"""The stages on the road from an image file to scored people, and how somebody who looks on is told of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

STAGES = ("load", "crop", "transfer", "network", "decode", "nms")
"""load: the file read and decoded, once for the people of an image in a row. crop: the warp of one person. transfer:
a batch to the device, and normalised there. network: heat maps, the flip test included. decode: heat maps to points in
image pixels, on the CPU. nms: rescoring and OKS-NMS, of all people at once."""

Watch = Callable[[str], AbstractContextManager[None]]
"""Called with a stage's name wherever the road comes to it; what it gives is entered before and left after."""


def unwatched(stage: str) -> AbstractContextManager[None]:
    """Nobody looks on."""
    return nullcontext()
