"""Looking at every image of a split: is it there, is it an image, and is it what it was?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.folder import SUFFIXES
from harness.holdings.finding import Finding, many, some
from harness.holdings.holding import Holding
from harness.holdings.listing import HASH_BYTES, Listing

MOST_THREADS = 16
"""Reading and decoding let go of the interpreter; more only contend for the disk."""

BLOCK = 4096
"""Images that wait for a thread at once: a million waiting tasks would be a gigabyte."""

Progress = Callable[[int, int], None]
"""Called with how many images were looked at, and of how many."""


@dataclass(frozen=True)
class Look:
    """What looking at a split's images gave."""

    listing: Listing
    missing: list[str]
    broken: dict[str, str]
    """Name -> why it cannot be used."""
    changed: list[str]
    """Other than they were when they were last listed."""
    new: list[str]
    """Not in the last listing, where there is one."""
    decoded: bool
    """Whether contents were read, or only sizes and times looked at."""


def look(holding: Holding, known: Listing | None, quick: bool, progress: Progress = lambda done, total: None) -> Look:
    """Look at every image. `quick`: only that it is there, and its size and time.

    An image whose content is what it was when it was last decoded is not decoded again.
    """
    rows = range(len(holding.names))
    before = {name: row for row, name in enumerate(known.names)} if known is not None else {}
    size, time = np.full(len(rows), -1, dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    content = np.zeros((len(rows), HASH_BYTES), dtype=np.uint8)
    missing, broken, changed, new = [], {}, [], []

    def touched(row: int, old: int | None) -> bool:
        """Whether a file that was listed has another size or time now."""
        return old is not None and known is not None and (size[row], time[row]) != (known.size[old], known.time[old])

    def one(row: int) -> tuple[str, str]:
        """What is wrong with an image: nothing, missing, broken, changed; and why it cannot be used."""
        path, old = holding.folder / holding.names[row], before.get(holding.names[row])
        try:
            stat = os.stat(path)
        except OSError:
            return "missing", ""
        size[row], time[row] = stat.st_size, stat.st_mtime_ns
        if quick:
            if touched(row, old):
                return "changed", ""
            if old is not None and known is not None:
                content[row] = known.content[old]
            return "", ""
        try:
            found = np.frombuffer(hashlib.blake2b(path.read_bytes(), digest_size=HASH_BYTES).digest(), dtype=np.uint8)
        except OSError as error:
            return "broken", error.strerror or str(error)
        was = None if old is None or known is None or not known.read[old] else known.content[old]
        if was is not None and np.array_equal(was, found):
            content[row] = found
            return "", ""
        reason = holding.decode(row)
        if reason is not None:
            return "broken", reason
        content[row] = found
        return ("changed" if was is not None or touched(row, old) else ""), ""

    with ThreadPoolExecutor(min(MOST_THREADS, len(os.sched_getaffinity(0)))) as pool:
        for start in range(0, len(rows), BLOCK):
            block = rows[start:start + BLOCK]
            for row, (kind, why) in zip(block, pool.map(one, block), strict=True):
                name = holding.names[row]
                if kind == "missing":
                    missing.append(name)
                elif kind == "broken":
                    broken[name] = why
                elif kind == "changed":
                    changed.append(name)
                if known is not None and name not in before:
                    new.append(name)
                progress(row + 1, len(rows))
    listing = Listing(holding.names, size, time, content, holding.annotations)
    return Look(listing, missing, broken, changed, new, not quick)


def findings(holding: Holding, seen: Look, known: Listing | None, others: dict[str, Path]) -> Iterator[Finding]:
    """What looking at a split's images means. `others`: the folders of images of the other splits."""
    split, total = holding.split, len(holding.names)
    if seen.missing:
        yield Finding("FAILED", split, f"{many(len(seen.missing), 'image')} of {total:,} not in {holding.folder}: "
                                       f"{some(seen.missing)}")
        for name, folder in others.items():
            there = sum((folder / image).is_file() for image in seen.missing)
            if there:
                yield Finding("FAILED", split, f"{there:,} of them are in {folder}, the folder of {name}: train and "
                                               "evaluation data are mixed up")
    if seen.broken:
        yield Finding("FAILED", split, f"{many(len(seen.broken), 'image')} cannot be used: "
                      + some([f"{name} ({why})" for name, why in seen.broken.items()]))
    if seen.changed:
        how = "content is" if seen.decoded else "size or time is"
        yield Finding("FAILED", split, f"{many(len(seen.changed), 'image')} changed since the data was prepared ({how} "
                                       f"another): {some(seen.changed)}")
    if known is not None and (seen.new or set(known.names) - set(holding.names)):
        gone = set(known.names) - set(holding.names)
        yield Finding("note", split, f"since the data was prepared {many(len(seen.new), 'image')} came and "
                                     f"{len(gone):,} went")
    if known is not None and known.annotations != holding.annotations:
        yield Finding("FAILED", split, f"what is annotated changed since the data was prepared: content "
                                       f"{holding.annotations[:16]}, it was {known.annotations[:16]}")
    good = total - len(seen.missing) - len(seen.broken)
    if good == total:
        yield Finding("ok", split, f"{many(total, 'image')} there" + (
            ", each can be decoded" if seen.decoded else "; contents were not read"))
    if holding.all_listed:
        yield from unlisted(holding)


def unlisted(holding: Holding) -> Iterator[Finding]:
    """Images in a split's folder that are none of the split's."""
    names = set(holding.names)
    with os.scandir(holding.folder) as entries:
        more = sorted(entry.name for entry in entries
                      if entry.name.lower().endswith(SUFFIXES) and entry.name not in names)
    if more:
        yield Finding("note", holding.split, f"{many(len(more), 'image')} in {holding.folder} not annotated: "
                                             f"{some(more)}")


def in_both(one: Look, first: Holding, other: Look, second: Holding) -> Iterator[Finding]:
    """Images that two splits share, by the data set's own numbers and, where contents were read, by content."""
    split = f"{first.split} and {second.split}"
    ids = first.ids & second.ids
    if ids:
        first_ids = some([str(number) for number in sorted(ids)])
        yield Finding("FAILED", split, f"{many(len(ids), 'image')} in both, by their ids ({first_ids}): training data "
                                       "must not be evaluated on")
    if not (one.decoded and other.decoded):
        return
    known = {row.tobytes(): name for row, name in zip(one.listing.content, first.names, strict=True) if row.any()}
    equal = [(known[row.tobytes()], name) for row, name in zip(other.listing.content, second.names, strict=True)
             if row.tobytes() in known]
    if equal:
        most = 2 * len(equal) >= min(len(first.names), len(second.names))
        pairs = some([f"{a} = {b}" for a, b in equal])
        yield Finding("FAILED" if most else "note", split, f"{many(len(equal), 'image')} bit-equal in both: {pairs}" + (
            "; the same images under two names of splits" if most else "; their scores are too good"))
    elif not ids:
        yield Finding("ok", split, "no image in both")
