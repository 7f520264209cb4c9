"""Reading the images of a split, and what happens where some cannot be read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from harness.data.types import Images
from harness.errors import UserError

JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


def read_image(path: Path, size: tuple[int, int]) -> np.ndarray | str:
    """The image (H, W, 3) uint8 BGR of that (width, height), or in words why there is none."""
    image = decode_image(path)
    if isinstance(image, str):
        return image
    height, width = image.shape[:2]
    if (width, height) != size:
        # Points and boxes would lie elsewhere. Orientation marks were obeyed, as mmcv does.
        return f"{width}x{height} pixels, annotated as {size[0]}x{size[1]}"
    return image


def decode_image(path: Path) -> np.ndarray | str:
    """The image (H, W, 3) uint8 BGR of a file, or in words why there is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return error.strerror or str(error)
    if not data:
        return "the file is empty"
    # OpenCV fills the missing rest of a cut-off JPEG with grey and says nothing. Inside the compressed scan
    # these two markers cannot occur, so a whole file has its end mark after the last scan's start.
    if data.startswith(JPEG_START) and data.rfind(JPEG_END) <= data.rfind(JPEG_SCAN):
        return "the file is cut off"
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        return f"not readable: {error.err}"
    return "not an image that OpenCV reads" if image is None else image


class TooManyBroken(UserError):
    """More images than tolerated cannot be read."""

    def __init__(self, message: str) -> None:
        # A loader passes on an exception of its processes by calling its class with a whole traceback as
        # text; the last line of it is ours.
        super().__init__(message.rpartition(f"{TooManyBroken.__name__}: ")[2].strip())


class ImageReader:
    """Reads the images of a split by row, and counts those that cannot be read.

    The count lies in shared memory: what loader processes meet is known to the parent. Only the last image is
    kept, which is what the boxes of one image, read in a row, need.
    """

    def __init__(self, images: Images, rows: np.ndarray, tolerated: float, title: str) -> None:
        """`rows` of `images` are in use; `tolerated` is the share of them (0 to 1) that may be unreadable."""
        self.images, self.tolerated, self.title = images, tolerated, title
        self.used = len(np.unique(rows))
        self._broken = torch.zeros(len(images), dtype=torch.bool).share_memory_()
        self._last: tuple[int, np.ndarray] | None = None

    def read(self, row: int) -> np.ndarray | None:
        """Image `row` as (H, W, 3) uint8 BGR, or None where it cannot be read.

        Raises TooManyBroken as soon as the unreadable ones exceed the tolerated share.
        """
        if self._last is None or self._last[0] != row:
            image = "" if self._broken[row] else self._attempt(row)
            if isinstance(image, str):
                if image:
                    self._broken[row] = True
                    self.check()
                return None
            self._last = row, image
        return self._last[1]

    def broken(self) -> dict[str, str]:
        """Path -> reason of the images that could not be read so far, in the order of the split."""
        rows = self._broken.nonzero()[:, 0].tolist()
        return {str(self.images.path[row]): str(self._attempt(row)) for row in rows}

    def check(self) -> None:
        """Raise TooManyBroken, naming the first files, where too many images could not be read."""
        if int(self._broken.sum()) > self.tolerated * self.used or self._broken.sum() >= self.used:
            check_broken(self.broken(), self.used, self.tolerated, self.title)

    def _attempt(self, row: int) -> np.ndarray | str:
        width, height = self.images.size[row]
        return read_image(self.images.path[row], (int(width), int(height)))


def check_broken(broken: dict[str, str], used: int, tolerated: float, title: str) -> None:
    """Raise TooManyBroken where `broken` (path -> reason) are more than the tolerated share of the used
    images.

    Where none at all can be read that is too many, whatever is tolerated.
    """
    if broken and (len(broken) > tolerated * used or len(broken) >= used):
        raise TooManyBroken(
            f"{len(broken)} of {used} images of {title} cannot be read, more than is tolerated "
            f"(train.max_broken_images = {tolerated:g}). First: {listed(broken, 3)}")


def listed(broken: dict[str, str], most: int) -> str:
    """The first few broken images in one line."""
    items = [f"{path} ({why})" for path, why in broken.items()]
    return "; ".join(items[:most]) + (f"; and {len(items) - most} more" if len(items) > most else "")
