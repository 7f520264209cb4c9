"""The metrics that a history can be asked for, by the names that records and comparisons give them."""

from __future__ import annotations

import difflib
import re

from harness.errors import UserError
from harness.layout import REPORTED_PARTS
from harness.scoring.definition import METRICS as FIGURES

PARTS = REPORTED_PARTS
TIME, MEMORY, MACS, PARAMETERS = "time", "memory", "multiply-adds", "parameters"
COSTS = (TIME, MEMORY, MACS, PARAMETERS)
DEFAULT = "parts.wholebody.AP"
SCORE = re.compile(rf"parts\.(\w+)\.({'|'.join(FIGURES)})")
UNITS = {TIME: "ms", MEMORY: "bytes"}


def check_metric(name: str) -> str:
    """The name itself. Raises UserError with all names for one that no record can have."""
    score = SCORE.fullmatch(name)
    if name in COSTS or (score and score[1] in PARTS):
        return name
    near = difflib.get_close_matches(name, [*COSTS, *(f"parts.{part}.{of}" for part in PARTS for of in FIGURES)], n=3,
                                     cutoff=0.5)
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UserError(f"unknown metric '{name}'{meant} (choices: {', '.join(COSTS)}, or parts.PART.FIGURE with PART one "
                    f"of {', '.join(PARTS)} and FIGURE one of {', '.join(FIGURES)})")


def part_and_figure(name: str) -> tuple[str, str] | None:
    """Of a score its part and figure; None for what is no score."""
    match = SCORE.fullmatch(name)
    return (match[1], match[2]) if match else None


def is_relative(name: str) -> bool:
    """Whether a change of it is said as a share of what was, not as a difference."""
    return name in COSTS
