"""What the drawn set of classes depends on; apart from what draws it, so that planning needs no OpenCV."""

from __future__ import annotations

from typing import Any

GENERATOR_VERSION = 1
"""To be raised whenever the same seed and number would give another picture."""
CLASSES = ("ball", "crate", "plant", "pole", "face", "nape", "hand", "foot", "standing", "behind", "lying", "crowd")
JPEG_QUALITY = 92


def recipe(options: dict[str, Any]) -> dict[str, Any]:
    """Generator, classes and options: seed, side in pixels, and how many images of each class a split has."""
    return {"dataset": "synthetic-classes", "generator_version": GENERATOR_VERSION, "jpeg_quality": JPEG_QUALITY,
            "classes": list(CLASSES), **options}
