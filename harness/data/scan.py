"""The lists of a large annotation file, some entries at a time: 841 MB of text would be 5 GB as one Python object."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import orjson

from harness.data.columns import read_json
from harness.errors import UserError

CHUNK_BYTES = 32 << 20
"""Text that is parsed at once; a file up to this size is parsed whole."""

SPACE = re.compile(rb"[ \t\n\r]*")
MARK = re.compile(rb'["\[\]{}]')
SCALAR = re.compile(rb"[^,\]}\s]+")
FLAT = re.compile(rb'\{(?:[^"{}]++|"[^"\\]*+")*+\}')
"""An object without objects and without escaped characters in it: nearly every annotation, found at C's speed."""

QUOTE, BACKSLASH, OPEN, CLOSE = ord('"'), ord("\\"), b"[{", b"]}"


class _CutOff(Exception):
    """The text ends, or goes on with something else, where JSON does not: at byte `args[0]`."""


def list_chunks(path: Path, fields: tuple[str, ...], what: str, chunk_bytes: int | None = None
                ) -> Iterator[tuple[str, int, Any]]:
    """The lists `fields` of a JSON file's top-level object, in the file's order: (field, index of the first entry,
    entries), a field in one piece or several.

    Nothing is given for a field that is missing; a field that is no list is given as it is. Raises UserError naming
    the file, and `what` it should hold, where it cannot be read or is no JSON; with the byte where it is cut off.
    """
    chunk_bytes = CHUNK_BYTES if chunk_bytes is None else chunk_bytes
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"{what}: cannot read {path}: {error.strerror}") from error
    if size <= chunk_bytes:
        content = read_json(path, what)
        for field in content if isinstance(content, dict) else ():
            if field in fields:
                yield field, 0, content[field]
        return
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            yield from _chunks(text, fields, chunk_bytes)
    except OSError as error:
        raise UserError(f"{what}: cannot read {path}: {error.strerror}") from error
    except _CutOff as error:
        raise UserError(f"{what}: {path} is not valid JSON: it breaks off, or is damaged, at byte {error.args[0]:,} of "
                        f"{size:,}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{what}: {path} is not valid JSON: {error}") from error


def _chunks(text: mmap.mmap, fields: tuple[str, ...], chunk_bytes: int) -> Iterator[tuple[str, int, Any]]:
    at = _space(text, 0)
    if text[at:at + 1] != b"{":
        return
    at = _space(text, at + 1)
    while text[at:at + 1] != b"}":
        end = _string_end(text, at)
        field = json.loads(text[at:end])
        at = _expect(text, _space(text, end), b":")
        if field in fields and text[at:at + 1] == b"[":
            at = yield from _entries(text, field, at, chunk_bytes)
        else:
            end = _value_end(text, at)
            if field in fields:
                yield field, 0, _parse(text, at, end)
            at = end
        at = _space(text, at)
        if text[at:at + 1] != b"}":
            at = _expect(text, at, b",")


def _entries(text: mmap.mmap, field: str, at: int, chunk_bytes: int
             ) -> Generator[tuple[str, int, Any], None, int]:
    """Give the entries of the list that begins at `at`; return where it ends."""
    start = at = _space(text, at + 1)
    count = given = 0
    while text[at:at + 1] != b"]":
        end = _value_end(text, at)
        count += 1
        at = _space(text, end)
        last = text[at:at + 1] == b"]"
        if last or end - start >= chunk_bytes:
            yield field, given, _parse(text, start, end, b"[", b"]")
            given = count
            start = at + 1
            # What was read need not stay in this process's memory.
            text.madvise(mmap.MADV_DONTNEED, 0, end // mmap.PAGESIZE * mmap.PAGESIZE)
        if not last:
            at = _expect(text, at, b",")
    if count == 0:
        yield field, 0, []
    return at + 1


def _parse(text: mmap.mmap, start: int, end: int, before: bytes = b"", after: bytes = b"") -> Any:
    piece = before + text[start:end] + after
    try:
        return orjson.loads(piece)
    except orjson.JSONDecodeError:
        try:
            return json.loads(piece)  # takes NaN and infinities: whoever looks at the numbers names the place
        except json.JSONDecodeError as error:
            raise ValueError(f"{error.msg} at byte {start + error.pos - len(before):,}") from error


def _space(text: mmap.mmap, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _expect(text: mmap.mmap, at: int, mark: bytes) -> int:
    if text[at:at + 1] != mark:
        raise _CutOff(at)
    return _space(text, at + 1)


def _string_end(text: mmap.mmap, at: int) -> int:
    """One past the string that begins at `at`."""
    if text[at:at + 1] != b'"':
        raise _CutOff(at)
    end = at
    while True:
        end = text.find(b'"', end + 1)
        if end < 0:
            raise _CutOff(len(text))
        before = end - 1
        while text[before] == BACKSLASH:
            before -= 1
        if (end - before) % 2:  # an even number of backslashes: the quote is not escaped
            return end + 1


def _value_end(text: mmap.mmap, at: int) -> int:
    """One past the JSON value that begins at `at`; what lies inside is not checked."""
    flat = FLAT.match(text, at)
    if flat:
        return flat.end()
    mark = text[at:at + 1]
    if mark == b'"':
        return _string_end(text, at)
    if not mark or mark not in OPEN:
        scalar = SCALAR.match(text, at)
        if scalar is None:
            raise _CutOff(at)
        return scalar.end()
    depth = 0
    while True:
        found = MARK.search(text, at)
        if found is None:
            raise _CutOff(len(text))
        at = found.end()
        mark = found.group()
        if mark == b'"':
            at = _string_end(text, at - 1)
        else:
            depth += 1 if mark in OPEN else -1
            if depth == 0:
                return at
