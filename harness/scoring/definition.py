"""The constants of the COCO key-point metric, as xtcocotools 1.14.3 sets them (`cocoeval.Params`)."""

from __future__ import annotations

import numpy as np

OKS_THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""(T,) OKS from which a prediction counts as a hit; T = 10."""

RECALL_POINTS = np.linspace(0.0, 1.0, 101)
"""(R,) recalls at which precision is read; R = 101."""

AREA_RANGES = {"all": (0.0, 1e10), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Square pixels, both ends included. Key points have no small range."""

AREA_LIMITS = np.array(list(AREA_RANGES.values()))
"""(A, 2) the same as an array; A = 3."""

MAX_DETECTIONS = 20
"""Predictions per image that take part, highest scores first."""

METRICS = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")
"""The ten figures of a part, fractions 0 to 1, in the order of xtcocotools' `stats`."""

SMALL_METRICS = ("APs", "ARs")
"""People below 32^2 square pixels; only where the rule `no_small_range` is off."""
