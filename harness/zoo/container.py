"""Weights as this project writes them: safetensors, with what is known of them in the header's metadata.

The header is JSON, so that all but the tensors is read without torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.files import atomic_write

if TYPE_CHECKING:
    from torch import Tensor

KEY = "wholebody-harness"
"""Key of the metadata under which this project's own facts lie, as JSON (metadata are strings only)."""
LIMIT = 100_000_000
"""Bytes of a header that readers of safetensors accept (its README, "Format")."""
SUFFIX = ".safetensors"


def read_meta(path: Path) -> dict[str, Any] | None:
    """What this project wrote about a file's weights; None for a file that it did not write, of whatever kind.

    Raises UserError for a file of ours that is cut off or damaged.
    """
    if path.suffix != SUFFIX:
        return None
    header = _header(path)
    meta = _own(header)
    if meta is not None and meta.get("content") != content(path, header):
        raise UserError(f"weights file {path} is damaged: its tensors are not those that it was written with")
    return meta


def write(path: Path, state: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write weights with facts about them, whole or not at all; equal content gives equal bytes.

    Raises UserError where the file cannot be written, and where the facts are too long for a header.
    """
    import torch
    from safetensors.torch import save

    plain = save({key: value.detach().cpu().clone(memory_format=torch.contiguous_format)
                  for key, value in state.items()})
    size = int.from_bytes(plain[:8], "little")
    tensors, data = json.loads(plain[8 : 8 + size]), memoryview(plain)[8 + size :]
    facts = json.dumps({**meta, "content": _digest(tensors, data)}, allow_nan=False)
    text = json.dumps({"__metadata__": {"format": "pt", KEY: facts}, **tensors}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight
    if len(text) > LIMIT:
        raise UserError(f"{path}: {len(text)} bytes of names and metadata are more than safetensors takes ({LIMIT})")
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        file.write(data)


def content(path: Path, header: Mapping[str, Any]) -> str:
    """SHA-256 of the tensors of a file, with their names, types and shapes, whatever its metadata are."""
    with path.open("rb") as file:
        file.seek(8 + int.from_bytes(file.read(8), "little"))
        return _digest({key: value for key, value in header.items() if key != "__metadata__"}, file.read())


def _digest(tensors: Mapping[str, Any], data: bytes | memoryview) -> str:
    sha = hashlib.sha256(json.dumps(tensors, sort_keys=True, separators=(",", ":")).encode())
    sha.update(data)
    return sha.hexdigest()


def _header(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            text = file.read(size) if size <= LIMIT else b""
        header = json.loads(text)
    except OSError as error:
        raise UserError(f"cannot read weights file {path}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"weights file {path} is damaged, cut off, or of another kind") from error
    return header if isinstance(header, dict) else {}


def _own(header: Mapping[str, Any]) -> dict[str, Any] | None:
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or KEY not in metadata:
        return None
    try:
        meta = json.loads(metadata[KEY])
    except (TypeError, ValueError):
        return None
    return meta if isinstance(meta, dict) else None
