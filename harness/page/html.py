"""What all pages of the project share: the base of their templates, the stylesheet, and escaping."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"
GENERATOR = "wholebody-harness"
"""What every page of this program says in its head that it was made by."""


def environment(*folders: Path) -> Any:
    """jinja2 with escaping on, templates of these folders and those that all pages share."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(loader=FileSystemLoader([*folders, ASSETS]), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)
    made.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}
    made.globals |= {"asset": asset, "script_hash": script_hash, "generator": GENERATOR}
    return made


def is_page(path: Path) -> bool:
    """Whether a file is a page of this program."""
    return f'<meta name="generator" content="{GENERATOR}">'.encode() in path.read_bytes()[:1000]


@cache
def asset(*names: str) -> Any:
    """Files of this package, one after the other, as they are."""
    from markupsafe import Markup

    return Markup("\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names))


def script_hash(text: str) -> str:
    """A script as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
