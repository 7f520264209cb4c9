"""`harness data prepare` and `verify`: look at a data set on the disk, and remember what was seen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from harness.classification.pictures import PictureRef, PictureSet
from harness.data.index import Index, check_space
from harness.data.sets import DataRef
from harness.errors import UserError
from harness.holdings import images, listing
from harness.holdings.contents import contents_of
from harness.holdings.finding import Finding
from harness.holdings.holding import Holding
from harness.holdings.people import check_people, open_people, unopened
from harness.holdings.pictures import open_pictures
from harness.holdings.places import Place, check_places, places_of
from harness.holdings.specs import Spec, check_root

Told = Callable[[str, int, int], None]
"""Called with a split, how many of its images were looked at, and of how many."""

LISTING_BYTES = 200
"""Of an image in a listing, at most: its name, and 32."""


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
        if remember:
            _make(spec, root)
        elif not root.is_dir():
            raise UserError(f"{root}: data set {spec.name} is not drawn yet; `harness data prepare {spec.name}` "
                            "does, and so does the first run that needs it")
    seen: list[tuple[Holding, images.Look]] = []
    folders = {split: _images_of(spec, root, split) for split in splits}
    for split in splits:
        faults = list(check_places(root, split, _places(spec, split)))
        yield from faults
        if any(fault.level == "FAILED" for fault in faults):
            continue
        try:
            holding, more = _open(spec, root, split, remember)
        except UserError as error:
            yield Finding("FAILED", split, str(error))
            closed = None if isinstance(spec, PictureSet) else unopened(spec, root, split)
            if closed is not None:
                look = images.look(closed, None, quick, partial(told, split))
                yield from images.findings(closed, look, None, {})
                seen.append((closed, look))
            continue
        yield from _counts(spec, holding)
        yield from more
        place = _memory(root, split)
        known = _known(place, split)
        if remember:
            check_space(place.writable(), len(holding.names) * LISTING_BYTES)
        look = images.look(holding, known, quick, partial(told, split))
        others = {name: folder for name, folder in folders.items() if name != split and folder != folders[split]}
        yield from images.findings(holding, look, None if remember else known, others)
        seen.append((holding, look))
        if remember:
            path = listing.path_of(place.writable(), split)
            listing.save(look.listing, path, split)
            yield Finding("ok", split, f"remembered in {path}")
        elif known is None:
            yield Finding("note", split, "not prepared: images that change from now on will not be noticed here")
    for number, (holding, look) in enumerate(seen):
        for other, also in seen[:number]:
            yield from images.in_both(also, other, look, holding)


def _make(spec: Spec, root: Path) -> None:
    """Draw data that the project makes itself, once."""
    splits = [split for split in (spec.train, spec.evaluate) if split]
    if isinstance(spec, PictureSet):
        PictureRef(spec.name, str(root), splits[0], spec.options).make()
    else:
        DataRef(spec.name, str(root), splits[0], spec.options).open()


def _places(spec: Spec, split: str) -> list[Place]:
    return [Place((split,), folder=True)] if isinstance(spec, PictureSet) else places_of(spec, split)


def _images_of(spec: Spec, root: Path, split: str) -> Path:
    return root / split if isinstance(spec, PictureSet) else root / spec.splits[split].get("images", "images")


def _open(spec: Spec, root: Path, split: str, index: bool) -> tuple[Holding, list[Finding]]:
    if isinstance(spec, PictureSet):
        return open_pictures(spec, root, split), []
    holding, found = open_people(spec, root, split, index)
    return holding, list(check_people(found))


def _memory(root: Path, split: str) -> Index:
    """Where the index of a split's people lies there is room for what is known of its images, too."""
    return Index(root, split, "", [])


def _known(place: Index, split: str) -> listing.Listing | None:
    """What was known of a split's images when it was last prepared; None for nothing, or nothing that can be read."""
    for folder in place.folders:
        with contextlib.suppress(UserError):
            if listing.path_of(folder, split).is_file():
                return listing.load(listing.path_of(folder, split))
    return None


def _words(name: str) -> str:
    return name.replace("_", " ")


def _counts(spec: Spec, holding: Holding) -> Iterator[Finding]:
    """Compare a split's numbers with those of a whole copy, or of the recipe of made data."""
    numbers = ", ".join(f"{number:,} {_words(name)}" for name, number in holding.counts.items())
    yield Finding("ok", holding.split, f"opened: {numbers}; content {holding.annotations[:16]}")
    expected = contents_of(spec.name).counts.get(holding.split, {})
    for name, count in expected.items():
        found = holding.counts.get(name)
        if found is None or found == count.value:
            continue
        words = f"{found:,} {_words(name)}; a whole copy has {count.value:,} ({count.source})"
        yield Finding("FAILED" if count.whole else "note", holding.split, words)
    equal = [_words(name) for name, count in expected.items() if holding.counts.get(name) == count.value]
    if equal:
        yield Finding("ok", holding.split, f"as many {' and '.join(equal)} as a whole copy has")
