"""Operations of one forward pass: `count_operations` for records, `counting.count` for all that is known of them.

The records' GMACs follow the convention `fvcore` of `conventions`: multiply-adds, and what fvcore adds for norms and
interpolation. One pass, no flip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Operations:
    """What one forward pass of one image costs."""

    parameters: int
    macs: int
    """Operations by the convention `fvcore`, one image."""
    counted_share: float
    """Executed operators with a rule (zero included) over all executed operators."""
    uncounted: dict[str, int]
    """Operators without a rule, with how often each was executed."""


def count_operations(model: nn.Module, width: int, height: int) -> Operations:
    """Count one forward pass of a (1, 3, height, width) image. The model is left as it was."""
    from harness.profiling.operations.conventions import FVCORE
    from harness.profiling.operations.counting import count

    found = count(model, width, height)
    return Operations(sum(p.numel() for p in model.parameters()), found.total(FVCORE), found.counted_share,
                      found.uncounted)
