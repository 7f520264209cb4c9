"""Width and height of an image file without decoding it."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from harness.errors import UserError

START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers that carry the size (ITU-T T.81, table B.1): 0xC0 to 0xCF without tables and reserved ones."""

STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG markers without a length (ITU-T T.81, table B.1)."""


def image_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, as the image is stored.

    Reads the header of a JPEG; whatever else OpenCV can read is decoded. Raises UserError naming a file that
    is missing or no image.
    """
    try:
        with path.open("rb") as file:
            size = jpeg_size(file)
    except OSError as error:
        raise UserError(f"cannot read image {path}: {error.strerror}") from error
    return size or decoded_size(path)


def jpeg_size(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height from a JPEG's frame header; None if the file does not read as one."""
    if file.read(2) != b"\xff\xd8":
        return None
    while True:
        prefix = file.read(1)
        if prefix != b"\xff":
            return None
        marker = file.read(1)
        while marker == b"\xff":  # padding
            marker = file.read(1)
        if not marker:
            return None
        if marker[0] in STANDALONE:
            continue
        length = int.from_bytes(file.read(2), "big")
        if marker[0] in START_OF_FRAME:
            frame = file.read(5)  # precision, height, width
            height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
            return (width, height) if len(frame) == 5 and width and height else None
        if length < 2:
            return None
        file.seek(length - 2, 1)


def decoded_size(path: Path) -> tuple[int, int]:
    """Width and height of the decoded image."""
    import cv2

    image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise UserError(f"{path} is not an image that can be read")
    return image.shape[1], image.shape[0]
