"""`harness data prepare` and `verify`: look at a data set on the disk, and remember what was seen.

What is told by names alone comes first, and imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from harness.classification.pictures import PictureSet
from harness.holdings.drawn import check_drawn
from harness.holdings.finding import Finding
from harness.holdings.places import Place, check_places, places_of
from harness.holdings.specs import Spec, check_root

Told = Callable[[str, int, int], None]
"""Called with a split, how many of its images were looked at, and of how many."""


def verify(spec: Spec, root: Path, splits: list[str], quick: bool, told: Told = lambda split, done, total: None
           ) -> Iterator[Finding]:
    """Look at a data set; nothing is written, but the index that a large annotation file gets when it is opened.

    `quick`: images are not read; that they are there, and have the size and time that they had, is all that is looked
    at. Raises UserError where the folder is none.
    """
    yield from _look(spec, root, splits, quick, told, remember=False)


def prepare(spec: Spec, root: Path, splits: list[str], quick: bool, told: Told = lambda split, done, total: None
            ) -> Iterator[Finding]:
    """Make what is made, write the indexes that every process shares, look at everything, and remember it for `verify`.

    Raises UserError where the folder is none, or what is written there does not fit on its disk: before it is read.
    """
    yield from _look(spec, root, splits, quick, told, remember=True)


def _look(spec: Spec, root: Path, splits: list[str], quick: bool, told: Told, remember: bool) -> Iterator[Finding]:
    check_root(spec, root)
    if spec.maker is not None:
        check_drawn(spec, root, remember)
        if remember:
            _make(spec, root)
    places = {split: _places(spec, split) for split in splits}
    good = []
    for split in splits:
        faults = list(check_places(root, split, places[split]))
        yield from faults
        if all(fault.level != "FAILED" for fault in faults):
            good.append(split)
    absent = [split for split in splits if _absent(root, places[split])]
    there = [split for split in splits if split not in absent]
    for split in absent if there else ():
        yield Finding("note", split, f"nothing of it is in {root}; where that is meant, "
                                     f"{' '.join(f'--split {name}' for name in there)} looks at the rest alone")
    if good:
        from harness.holdings.looking import look

        folders = {split: _images_of(spec, root, split) for split in splits}
        yield from look(spec, root, good, folders, quick, told, remember)


def _absent(root: Path, places: list[Place]) -> bool:
    """Whether nothing that a split needs is there; of a plug-in's own form that is not known."""
    needed = [place for place in places if not place.optional]
    return bool(needed) and all(place.found(root) is None for place in needed)


def _make(spec: Spec, root: Path) -> None:
    """Draw data that the project makes itself, once."""
    from harness.classification.pictures import PictureRef
    from harness.data.sets import DataRef

    splits = [split for split in (spec.train, spec.evaluate) if split]
    if isinstance(spec, PictureSet):
        PictureRef(spec.name, str(root), splits[0], spec.options).make()
    else:
        DataRef(spec.name, str(root), splits[0], spec.options).open()


def _places(spec: Spec, split: str) -> list[Place]:
    return [Place((split,), folder=True)] if isinstance(spec, PictureSet) else places_of(spec, split)


def _images_of(spec: Spec, root: Path, split: str) -> Path:
    return root / split if isinstance(spec, PictureSet) else root / spec.splits[split].get("images", "images")
