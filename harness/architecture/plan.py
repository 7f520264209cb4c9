"""A row of a table of architectures -> its job. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.architecture.printed import printed_facts
from harness.errors import UserError
from harness.files import digest
from harness.plan import Options
from harness.registry import model_spec
from harness.task import Task

VERSION = 1
"""Of what is measured; raised where equal content would give other records."""
MEANT = ("profile", "rows", "results", "device")
"""The options of a run that mean something here."""


@dataclass(frozen=True)
class ArchitectureJob(Task):
    """One network to build and to measure, as it is and, where that differs, as it is printed."""

    series: str
    classifier: dict[str, Any]
    """`builder` and `args` of the network whose figures are published, and the name of its `head`."""
    keypoints: int
    """Heat maps of the pose network `model`."""
    inputs: list[list[int]]
    """Height and width of images, the classifier's own first."""
    printed: dict[str, list[int]]
    """Stages as the table prints them: divisor, blocks, and what else there is."""

    def work(self, seeds: bool = False) -> str:
        """What is measured."""
        return "build and measure at " + ", ".join(f"{height}x{width}" for height, width in self.inputs)


def architecture_job(table: dict, profile: dict, row: dict, options: Options, results: Path, device: str,
                     seed: int = 0) -> ArchitectureJob:
    """The job of a row. Raises UserError for options that mean nothing here, and for facts that are not there."""
    _refuse(table, options)
    spec = model_spec(row["model"])
    facts = printed_facts(row)
    content = {
        "series": table["series"], "classifier": row["classifier"], "keypoints": row["keypoints"],
        "inputs": table["inputs"], "printed": facts[0].stages if facts else {},
    }
    key = digest({**content, "row": row["id"], "model": spec.builder, "args": spec.args, "version": VERSION})
    return ArchitectureJob(
        kind="architecture", table=table["name"], profile=profile["name"], row=row["id"], title=row["title"],
        status="measured", model=row["model"], device="cpu", notes=(), hashes={}, key=key, train_key=None,
        expected=row.get("expected") or {}, **content)


def _refuse(table: dict, options: Options) -> None:
    """Nothing is trained or tested here: an option about that would be ignored in silence."""
    given = [field.name for field in fields(Options)
             if field.name not in MEANT and getattr(options, field.name) != getattr(Options(), field.name)]
    if given:
        flags = ", ".join("--set" if name == "settings" else "--" + name.replace("_", "-") for name in given)
        raise UserError(f"{flags}: without a meaning for {table['name']}, whose networks are built and measured, not "
                        "trained or tested")
    if options.device == "cuda":
        raise UserError(f"--device cuda: {table['name']} is measured on the CPU (choices: auto, cpu)")
