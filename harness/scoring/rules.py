"""The rules of the metric that one may disagree with, as switches. `quirks.QUIRKS` says what each does and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rules:
    """One switch for each quirk of the reference evaluator; on means: as xtcocotools 1.14.3 does it."""

    unlabelled_excuses: bool = True
    silent_dropped: bool = True
    person_area: bool = True
    area_estimated: bool = True
    score_filled: bool = True
    body_score_unread: bool = True
    ignore_unread: bool = True
    valid_unread: bool = True
    top_twenty: bool = True
    no_small_range: bool = True
    range_ends_shared: bool = True
    box_area_of_predictions: bool = True
    ties_in_file_order: bool = True
    last_of_equals: bool = True
    counted_first: bool = True
    fractions_labelled: bool = True
    crowd_takes_many: bool = True


STRICT = Rules()
"""Every figure as xtcocotools 1.14.3 gives it."""


@dataclass(frozen=True)
class Marks:
    """What a file says of its P people that only some rules read."""

    ignore: np.ndarray
    """(P,) bool: the annotation's own flag `ignore`."""
    estimated_area: np.ndarray
    """(P,) bool: the file has no area; 0.53 w h of the box stands in."""
    invalid: np.ndarray
    """(P, K) bool: points of parts whose `<part>_valid` is there and false."""
