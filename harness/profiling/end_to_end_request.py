"""What a user asked `harness profile --end-to-end` for, checked before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.hardware import resolve_device, usable_cores
from harness.profiling.subjects import PRECISIONS, Size, parse_batches, parse_names, parse_sizes
from harness.protocol import make_protocol, merge, parse_setting
from harness.registry import model_spec

LEAST_PASSES, MOST_PASSES = 3, 20
SECONDS = 20.0
"""Where no number of passes is given: as many as take about so long, within these bounds. Each is made twice, with the
stages' clock and without."""


@dataclass(frozen=True)
class EndToEnd:
    """One network on a folder of images, from the files to scored people."""

    model: str
    folder: Path
    device: str
    threads: int
    input: Size | None = None
    """Height and width; None for those of the weights file, or the protocol's."""
    batch: int = 1
    """People in a batch."""
    precision: str = "fp32"
    boxes: str | None = None
    """As `harness.inference.boxes.folder_boxes` takes them."""
    weights: Path | None = None
    settings: dict[str, Any] | None = None
    """Of the protocol, on top of everything else."""
    passes: int | None = None
    """None for as many as `SECONDS` says."""

    @property
    def values(self) -> dict[str, Any]:
        """The protocol's settings that are asked for; without those of the weights file."""
        precision = "fp32" if self.precision == "tf32" else self.precision
        return merge({"test": {"batch_size": self.batch, "precision": precision}}, self.settings or {})


def make(models: str, folder: str, device: str = "auto", threads: int | None = None, inputs: str | None = None,
         batch: str = "1", precision: str = "fp32", boxes: str | None = None, weights: str | None = None,
         settings: Sequence[str] = (), passes: int | None = None) -> EndToEnd:
    """The request. Raises UserError for what does not exist, does not fit, or cannot be had here."""
    for option, value in (("MODEL", models), ("--input", inputs), ("--batch", batch), ("--precision", precision)):
        if value is not None and "," in value:
            raise UserError(f"{option} {value}: --end-to-end takes one")
    model_spec(models)
    if not Path(folder).is_dir():
        raise UserError(f"--end-to-end {folder}: no such folder")
    if weights is not None and not Path(weights).is_file():
        raise UserError(f"--weights {weights}: no such file")
    (name,) = parse_names(precision, "--precision", PRECISIONS)
    where = resolve_device(device)
    if name == "tf32" and where != "cuda":
        raise UserError("--precision tf32: only CUDA devices have it")
    values: dict[str, Any] = {}
    for text in settings:
        if text.partition("=")[0] == "test.boxes":
            raise UserError(f"--set {text}: the boxes of a folder are given by --boxes")
        values = merge(values, parse_setting(text))
    make_protocol(values, "--set")
    return EndToEnd(model=models, folder=Path(folder), device=where, threads=threads or usable_cores(),
                    input=parse_sizes(inputs)[0] if inputs else None, batch=parse_batches(batch)[0], precision=name,
                    boxes=boxes, weights=Path(weights) if weights else None, settings=values, passes=passes)
