"""Files of figures: the same bytes for the same figure. Imports no matplotlib before one is written."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.files import atomic_write, check_replaceable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")
DATES: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""What leaves the time of writing out of a file."""


def check_figure(path: Path, option: str = "--figure") -> None:
    """Raises UserError for a file name, given with `option`, whose ending is no format of `FORMATS`, and where a file
    is there that is no figure, such as a photograph."""
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{option} {path}: the name must end in {', '.join(FORMATS)}")
    check_replaceable(path, option, "figure of this program", is_drawn)


def is_drawn(path: Path) -> bool:
    """Whether matplotlib drew a file: in each of `FORMATS` it says so."""
    return b"atplotlib" in path.read_bytes()


def save(path: Path, draw: Callable[[], Figure], option: str = "--figure") -> None:
    """Raises UserError as `check_figure` does, and where the file cannot be written."""
    check_figure(path, option)
    import matplotlib

    data, suffix = io.BytesIO(), path.suffix.lower()
    with matplotlib.rc_context({"svg.hashsalt": "harness"}):
        draw().savefig(data, format=suffix[1:], dpi=150, metadata=DATES.get(suffix))
    with atomic_write(path) as file:
        file.write(data.getvalue())
