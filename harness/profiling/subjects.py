"""What is timed: subjects, one for each combination that was asked for. Imports no torch."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import UserError, unknown
from harness.registry import model_spec

PRECISIONS = ("fp32", "tf32", "bf16", "fp16")
"""tf32: fp32 whose products may round their factors to 10 bits (CUDA). bf16, fp16: weights and features of that type in
mode fast, autocast in the other modes and in training."""
MODES = ("eager", "compile", "graph", "fast")
"""eager: the model as built, called from Python. compile: torch.compile, as one graph where the model can be one.
graph: as built, captured in a CUDA graph (inference). fast: the model package's own quickest form for inference, see
`harness.profiling.forms.fast`; a training step is compiled."""
FORMER_MODES = {"plain": "eager"}
"""Names that records, and habits, may still have."""
WHAT = ("inference", "training", "clustering")
"""clustering: DPC-KNN alone, on the features that a TCFormer's first merge sees."""
SMALLEST = 32
"""Pixels; no network here has a smaller input."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Subject:
    """One thing to be timed."""

    model: str
    """A name of the registry."""
    input: Size
    """Height and width, pixels."""
    batch: int = 1
    precision: str = "fp32"
    mode: str = "eager"
    what: str = "inference"
    revision: str | None = None
    """Commit whose TCFormer package is timed; None for this one."""

    @property
    def group(self) -> tuple[str, Size, int]:
        """Subjects of one group do the same work and may be compared."""
        return (self.what, self.input, self.batch)

    @property
    def title(self) -> str:
        """For messages."""
        height, width = self.input
        return f"{self.model} {height}x{width}, batch {self.batch}, {self.precision}, {self.mode}, {self.what}"


@dataclass(frozen=True)
class Settings:
    """How subjects are measured."""

    device: str = "cpu"
    threads: int = 1
    images: Path | None = None
    """Folder of images; None for drawn people."""
    rounds: int = 20
    layers: bool = False
    """Time the convolutions and linear layers of each model as built alone, too (CPU)."""


def parse_sizes(text: str) -> list[Size]:
    """"HxW[,HxW]" in pixels. Raises UserError."""
    sizes = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)x(\d+)", part.strip())
        if match is None:
            raise UserError(f"--input {text}: '{part.strip()}' is not HxW, for example 384x288")
        size = (int(match[1]), int(match[2]))
        if min(size) < SMALLEST:
            raise UserError(f"--input {text}: {part.strip()} is smaller than {SMALLEST} pixels")
        sizes.append(size)
    return sizes


def parse_batches(text: str) -> list[int]:
    """"1,16" to numbers of images. Raises UserError."""
    batches = [part.strip() for part in text.split(",")]
    for part in batches:
        if not re.fullmatch(r"[1-9]\d*", part):
            raise UserError(f"--batch {text}: '{part}' is not a number of images, for example 1,16")
    return [int(part) for part in batches]


def parse_names(text: str, option: str, choices: tuple[str, ...]) -> list[str]:
    """Comma-separated names, all among the choices. Raises UserError."""
    names = [part.strip() for part in text.split(",")]
    for name in names:
        if name not in choices:
            raise unknown(option, name, choices)
    return names


def parse_modes(text: str) -> list[str]:
    """"eager,compile" to names of `MODES`. Raises UserError."""
    names = (current_mode(part.strip()) for part in text.split(","))
    return parse_names(",".join(names), "--mode", MODES)


def current_mode(name: str) -> str:
    """The name of a mode that may bear a former one."""
    return FORMER_MODES.get(name, name)


def combine(models: list[str], sizes: list[Size], batches: list[int], precisions: list[str], modes: list[str],
            what: str) -> list[Subject]:
    """Every combination, those that may be compared next to each other; a repeated one once."""
    combinations = itertools.product(sizes, batches, models, precisions, modes)
    return list(dict.fromkeys(Subject(model, size, batch, precision, mode, what)
                              for size, batch, model, precision, mode in combinations))


def with_revision(subjects: list[Subject], commit: str) -> list[Subject]:
    """The subjects with, after those of each TCFormer, the same as built from another commit.

    Raises UserError where no subject is a TCFormer: only their package is taken from there.
    """
    own = [subject for subject in subjects if is_tcformer(subject.model)]
    if not own:
        raise UserError("--against: another revision is timed for TCFormer models only, and none was named")
    others = dict.fromkeys(replace(subject, mode="eager", revision=commit) for subject in own)
    found = list(subjects)
    for other in others:
        last = max(i for i, s in enumerate(found) if s.group == other.group and s.model == other.model)
        found.insert(last + 1, other)
    return found


def is_tcformer(model: str) -> bool:
    """Whether a model's code is the package `tcformer`."""
    return model_spec(model).package == "tcformer"


def check(subjects: list[Subject], device: str) -> None:
    """Raise UserError for an unknown model or for what cannot be had, before anything is measured."""
    for subject in subjects:
        model_spec(subject.model)
        if subject.precision == "tf32" and device != "cuda":
            raise UserError("--precision tf32: only CUDA devices have it")
        if subject.what == "clustering" and subject.mode != "eager":
            raise UserError(f"--mode {subject.mode}: the clustering alone has only --mode eager")
        if subject.mode == "graph" and device != "cuda":
            raise UserError("--mode graph: a CUDA graph needs a CUDA device")
        if subject.mode == "graph" and subject.what == "training":
            raise UserError("--mode graph: a training step is not captured; --mode eager, compile or fast")
        if subject.what == "clustering" and not is_tcformer(subject.model):
            raise UserError(f"--clustering: {subject.model} has no clustering; name a TCFormer")
