"""Looking into the splits of a data set whose files are in place: what is annotated, and every image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from harness.classification.pictures import PictureSet
from harness.data.index import Index, check_space
from harness.errors import UserError
from harness.holdings import images, listing
from harness.holdings.contents import contents_of
from harness.holdings.finding import Finding, many
from harness.holdings.holding import Holding
from harness.holdings.specs import Spec

LISTING_BYTES = 200
"""Of an image in a listing, at most: its name, and 32."""


def look(spec: Spec, root: Path, splits: list[str], folders: dict[str, Path], quick: bool,
         told: Callable[[str, int, int], None], remember: bool) -> Iterator[Finding]:
    """Look at these splits, as `verify` and, with `remember`, `prepare` do. `folders`: where the images of all that
    were asked for lie, of these and of such as cannot be opened."""
    seen: list[tuple[Holding, images.Look]] = []
    for split in splits:
        try:
            holding, more = _open(spec, root, split, remember)
        except UserError as error:
            closed = _unopened(spec, root, split)
            if closed is None:
                yield Finding("FAILED", split, str(error))
                continue
            found = images.look(closed, None, quick, partial(told, split))
            # An image for which the split cannot be opened is named with the others: one fault, not two.
            named = any(str(closed.folder / name) in str(error) for name in (*found.missing, *found.broken))
            yield Finding("note", split, f"not opened: {error}") if named else Finding("FAILED", split, str(error))
            yield from images.findings(closed, found, None, {})
            seen.append((closed, found))
            continue
        yield from _counts(spec, holding)
        yield from more
        place = _memory(root, split)
        known = _known(place, split)
        if remember:
            check_space(place.writable(), len(holding.names) * LISTING_BYTES)
        found = images.look(holding, known, quick, partial(told, split))
        others = {name: folder for name, folder in folders.items() if name != split and folder != folders[split]}
        yield from images.findings(holding, found, None if remember else known, others)
        yield from _among_others(holding, found, {name: others[name] for name in others if name not in splits})
        seen.append((holding, found))
        if remember:
            path = listing.path_of(place.writable(), split)
            listing.save(found.listing, path, split)
            yield Finding("ok", split, f"remembered in {path}")
        elif known is None:
            yield Finding("note", split, "not prepared: images that change from now on will not be noticed here")
    for number, (holding, found) in enumerate(seen):
        for other, also in seen[:number]:
            yield from images.in_both(also, other, found, holding)


def _among_others(holding: Holding, seen: images.Look, closed: dict[str, Path]) -> Iterator[Finding]:
    """Images of a split that lie in the folder of one whose annotations could not be read, too."""
    missing = set(seen.missing)
    for name, folder in closed.items():
        also = sum((folder / image).is_file() for image in holding.names if image not in missing) * folder.is_dir()
        if also:
            yield Finding("FAILED", holding.split, f"{many(also, 'image')} of it also in {folder}, that of {name}, "
                          "whose annotations could not be read: train and evaluation data are mixed up")


def _open(spec: Spec, root: Path, split: str, index: bool) -> tuple[Holding, list[Finding]]:
    if isinstance(spec, PictureSet):
        from harness.holdings.pictures import open_pictures

        return open_pictures(spec, root, split), []
    from harness.holdings.people import check_people, open_people

    holding, found = open_people(spec, root, split, index)
    return holding, list(check_people(found))


def _unopened(spec: Spec, root: Path, split: str) -> Holding | None:
    if isinstance(spec, PictureSet):
        return None
    from harness.holdings.people import unopened

    return unopened(spec, root, split)


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
