"""PCK@0.2: the share of joints that are found within a fifth of the torso, for data with one person an image.

Torso: the distance of the two points that the layout names (left shoulder and right hip for Leeds Sports Pose).
Conventions: only labelled joints count; people whose torso is not labelled are left out; of several predictions of an
image that with the highest score counts, and without one all of its joints are missed. Pooled over joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.data.types import People
from harness.layout import Layout
from harness.scoring.scored import Scored

THRESHOLD = 0.2
"""Of the torso: PCK@0.2, as the Leeds Sports Pose results are reported (Yang and Ramanan, PAMI 2013)."""

METRIC = "PCK"
"""Its name among a part's figures, and in tables."""


@dataclass(frozen=True)
class Found:
    """Counts by image, from which PCK and its resamples follow."""

    right: np.ndarray
    """(I, K) bool: joints found."""
    labelled: np.ndarray
    """(I, K) bool: joints that count; none of an image whose person is left out."""
    left_out: int
    """People whose torso is not labelled."""

    @property
    def value(self) -> float | None:
        """PCK, 0 to 1; None where no joint counts."""
        return float(self.right.sum() / self.labelled.sum()) if self.labelled.any() else None

    def resampled(self, copies: np.ndarray) -> np.ndarray:
        """(B,) PCK of B resamples; `copies` (B, I) says how often each image stands in each. NaN where none counts."""
        right, labelled = (copies @ counts.sum(axis=1).astype(np.int64) for counts in (self.right, self.labelled))
        return np.divide(right, labelled, out=np.full(len(copies), np.nan), where=labelled > 0)

    def to_json(self, layout: Layout) -> dict[str, object]:
        """For a record: conventions, people, and the share of each joint."""
        counts = self.labelled.sum(axis=0)
        shares = {name: float(self.right[:, k].sum() / counts[k]) if counts[k] else None
                  for k, name in enumerate(layout.keypoints)}
        assert layout.torso is not None
        return {"threshold": THRESHOLD, "torso": [layout.keypoints[k] for k in layout.torso],
                "people": int(self.labelled.any(axis=1).sum()), "left_out": self.left_out, "joints": shares}


def find(people: People, scored: Scored, layout: Layout, image_ids: np.ndarray) -> Found | None:
    """Count; None for a layout without a torso, and where an image has several people.

    `image_ids` (I,) are the images evaluated, in the order of the result; people elsewhere are left out.
    """
    images = np.unique(np.asarray(image_ids, dtype=np.int64))
    mine = np.flatnonzero(np.isin(people.image_id, images))
    if layout.torso is None or len(np.unique(people.image_id[mine])) != len(mine):
        return None
    truth = np.zeros((len(images), layout.size, 3))
    truth[np.searchsorted(images, people.image_id[mine])] = people.keypoints[mine]
    first, second = layout.torso
    torso = np.linalg.norm(truth[:, first, :2] - truth[:, second, :2], axis=1)
    measurable = (truth[:, first, 2] > 0) & (truth[:, second, 2] > 0)

    guess = np.full((len(images), layout.size, 2), np.inf)
    order = np.argsort(scored.score, kind="stable")  # the last one written to an image is the one that counts
    order = order[np.isin(scored.image_id[order], images)]
    guess[np.searchsorted(images, scored.image_id[order])] = scored.keypoints[order][..., :2]
    labelled = (truth[..., 2] > 0) & measurable[:, None]
    with np.errstate(invalid="ignore"):
        near = np.linalg.norm(guess - truth[..., :2], axis=2) <= THRESHOLD * torso[:, None]
    return Found(near & labelled, labelled, int(len(mine) - measurable.sum()))
