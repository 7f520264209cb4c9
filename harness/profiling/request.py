"""What a user asked `harness profile` for, checked before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.hardware import resolve_device, usable_cores
from harness.profiling.revision import resolve
from harness.profiling.subjects import (
    MODES,
    PRECISIONS,
    Settings,
    Subject,
    check,
    combine,
    parse_batches,
    parse_names,
    parse_sizes,
    with_revision,
)


@dataclass(frozen=True)
class Request:
    """The options as they were given."""

    models: str
    inputs: str = "256x192"
    batch: str = "1"
    precision: str = "fp32"
    mode: str | None = None
    what: str = "inference"
    device: str = "auto"
    threads: int | None = None
    images: str | None = None
    rounds: int = 20
    layers: bool = False
    against: str | None = None


def make(request: Request) -> tuple[Settings, list[Subject]]:
    """Settings and subjects. Raises UserError for what does not exist, does not fit, or cannot be had here."""
    device = resolve_device(request.device)
    mode = request.mode or ("plain,fast" if request.what == "inference" else "plain")
    models = [name.strip() for name in request.models.split(",")]
    subjects = combine(models, parse_sizes(request.inputs), parse_batches(request.batch),
                       parse_names(request.precision, "--precision", PRECISIONS),
                       parse_names(mode, "--mode", MODES), request.what)
    check(subjects, device)
    if request.layers and (device != "cpu" or request.what != "inference" or not any(
            subject.precision == "fp32" and subject.mode == "plain" for subject in subjects)):
        raise UserError("--parts is for inference on the CPU, with fp32 and plain among the rows")
    if request.images is not None and not Path(request.images).is_dir():
        raise UserError(f"--images {request.images}: no such folder")
    if request.against is not None:
        subjects = with_revision(subjects, resolve(request.against))
    return settings(request, device), subjects


def settings(request: Request, device: str) -> Settings:
    """How to measure."""
    return Settings(device=device, threads=request.threads or usable_cores(),
                    images=Path(request.images) if request.images else None, rounds=request.rounds,
                    layers=request.layers)
