"""What a user asked `harness profile` for, checked before anything heavy is imported."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import UserError
from harness.hardware import resolve_device, usable_cores
from harness.profiling.revision import resolve
from harness.profiling.subjects import (
    PRECISIONS,
    Settings,
    Subject,
    check,
    combine,
    parse_batches,
    parse_modes,
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
    mode = request.mode or ("eager,fast" if request.what == "inference" else "eager")
    models = [name.strip() for name in request.models.split(",")]
    subjects = combine(models, parse_sizes(request.inputs), parse_batches(request.batch),
                       parse_names(request.precision, "--precision", PRECISIONS),
                       parse_modes(mode), request.what)
    check(subjects, device)
    if request.layers and (device != "cpu" or request.what != "inference" or not any(
            subject.precision == "fp32" and subject.mode == "eager" for subject in subjects)):
        raise UserError("--parts is for inference on the CPU, with fp32 and eager among the rows")
    if request.against is not None:
        subjects = with_revision(subjects, resolve(request.against))
    return settings(request, device), subjects


def make_fit(request: Request, memory_limit: str | None) -> tuple[Settings, list[Subject], int | None]:
    """Settings, subjects that begin at the given batch, and the limit in bytes, for `--fit`. Raises UserError."""
    if "," in request.batch:
        raise UserError(f"--batch {request.batch}: --fit begins at one batch, and finds the largest")
    if request.what == "clustering" or request.layers or request.against:
        raise UserError("--fit: --clustering, --parts and --against do not go with it")
    found, subjects = make(replace(request, mode=request.mode or "eager"))
    return found, subjects, None if memory_limit is None else _limit(memory_limit, found.device)


def _limit(text: str, device: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]i?B)", text.strip())
    if match is None:
        raise UserError(f"--memory-limit {text}: not a size, for example 4GiB or 800MB")
    base = 1024 if "i" in match[2] else 1000
    count = int(float(match[1]) * base ** (1 + "KMGT".index(match[2][0])))
    if device == "cpu":
        import psutil

        free = psutil.virtual_memory().available
        if count > free:
            raise UserError(f"--memory-limit {text}: only {free / 2**30:.1f} GiB are free here")
    return count


def settings(request: Request, device: str) -> Settings:
    """How to measure. Raises UserError for more threads than cores and for images that are not there."""
    if request.images is not None and not Path(request.images).is_dir():
        raise UserError(f"--images {request.images}: no such folder")
    cores = usable_cores()
    if request.threads is not None and request.threads > cores:
        raise UserError(f"--threads {request.threads}: this process may run on {cores} core(s)")
    return Settings(device=device, threads=request.threads or cores,
                    images=Path(request.images) if request.images else None, rounds=request.rounds,
                    layers=request.layers)
