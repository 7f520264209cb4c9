"""A layout: the key points of a data set, their parts, sigmas and mirror images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from harness.errors import UserError, unknown
from harness.files import read_yaml, specs_dir

if TYPE_CHECKING:
    import numpy as np

HAND = "hand"
"""Not a part of its own: the mean of left and right hand, AP and AR apart (COCO-WholeBody issue 38)."""

REPORTED_PARTS = ("body", "foot", "face", "lefthand", "righthand", HAND, "wholebody")
"""Every part a record reports, in the order of the tables; a layout may have fewer."""


@dataclass(frozen=True)
class Part:
    """A run of key points `start:stop` and the JSON fields that hold its points and its score."""

    start: int
    stop: int
    points: str | None
    score: str

    @property
    def slice(self) -> slice:
        """The part's key points as a slice of the layout's."""
        return slice(self.start, self.stop)


@dataclass(frozen=True)
class Layout:
    """K key points; see `harness/specs/layouts/` for the data and its sources."""

    name: str
    title: str
    source: str
    keypoints: tuple[str, ...]
    parts: dict[str, Part]
    flip_index: tuple[int, ...]
    """flip_index[k] is the key point that k becomes in the mirrored image."""
    sigma_values: tuple[float, ...]
    skeleton: tuple[tuple[int, int], ...]
    upper: tuple[int, ...]
    """Upper-body key points for the half-body augmentation; all others count as lower in mmpose 0.x."""
    lower: tuple[int, ...]
    """Lower-body key points of mmpose 1.x; where a layout names none, all that are not upper."""
    torso: tuple[int, int] | None = None
    """Two key points whose distance PCK is measured in; None for layouts that are not scored so."""

    @property
    def size(self) -> int:
        """The number of key points K."""
        return len(self.keypoints)

    @property
    def sigmas(self) -> np.ndarray:
        """OKS sigma of every key point, (K,) float64; OKS uses (2 sigma)^2."""
        import numpy as np

        return np.asarray(self.sigma_values, dtype=np.float64)

    def points_of(self, parts: Sequence[str], place: str = "") -> tuple[int, ...]:
        """The key points of these parts, ascending; all of them for no part.

        Raises UserError for a part that the layout does not have; `place` says where it was named.
        """
        for name in parts:
            if name not in self.parts:
                raise unknown(f"part of layout {self.name}", name, self.parts, f"in {place}" if place else "")
        named = [self.parts[name] for name in parts]
        return tuple(k for k in range(self.size) if not parts or any(part.start <= k < part.stop for part in named))

    def part_of(self, keypoint: int) -> str:
        """The name of the smallest part that holds a key point."""
        holders = [n for n, p in self.parts.items() if p.start <= keypoint < p.stop]
        return min(holders, key=lambda n: self.parts[n].stop - self.parts[n].start)


def layout_from_dict(data: dict, origin: str) -> Layout:
    """Build a layout and check its lengths. Raises UserError naming `origin` where they disagree."""
    layout = Layout(
        name=data["name"],
        title=data["title"],
        source=data["source"],
        keypoints=tuple(data["keypoints"]),
        parts={name: Part(**part) for name, part in data["parts"].items()},
        flip_index=tuple(data["flip_index"]),
        sigma_values=tuple(float(s) for s in data["sigmas"]),
        skeleton=tuple((a, b) for a, b in data["skeleton"]),
        upper=tuple(data["upper"]),
        torso=tuple(data["torso"]) if "torso" in data else None,
        lower=tuple(data.get("lower") or sorted(set(range(len(data["keypoints"]))) - set(data["upper"]))),
    )
    k = layout.size
    for field in ("flip_index", "sigma_values"):
        if len(getattr(layout, field)) != k:
            raise UserError(f"layout {layout.name} in {origin}: {field} has {len(getattr(layout, field))} "
                            f"entries for {k} key points")
    if any(layout.flip_index[layout.flip_index[i]] != i for i in range(k)):
        raise UserError(f"layout {layout.name} in {origin}: flipping twice does not give the key points back")
    return layout


@cache
def load_layout(name: str) -> Layout:
    """Load a layout by name (a file of `harness/specs/layouts/`, or a path to a YAML file of the same form)."""
    folder = specs_dir() / "layouts"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        from pathlib import Path

        if name.endswith(".yaml") and Path(name).is_file():
            path = Path(name)
        else:
            raise unknown("layout", name, sorted(p.stem for p in folder.glob("*.yaml")))
    return layout_from_dict(read_yaml(path), str(path))
