"""One row, measured: stages, parameters and operations of the networks as built, and of those built as printed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.architecture.plan import ArchitectureJob
from harness.hardware import machine
from harness.record import RowFolder, code_hash, now, provenance
from harness.registry import build_model, load_attribute, model_spec

if TYPE_CHECKING:
    from torch import nn

    from harness.architecture.series import Series, Stage


def run_job(job: ArchitectureJob, folder: RowFolder, results: Path, tell: Callable[..., None],
            train_only: bool = False) -> dict[str, Any]:
    """Measure a row and return its record (without schema). Raises UserError where a network cannot be built."""
    from harness.profiling.throughput import peak_bytes

    start = time.monotonic()
    series: Series = load_attribute(job.series)
    spec = model_spec(job.model)
    tell("build", 0, 1, job.classifier["builder"])
    classifier = build(job.classifier["builder"], job.classifier["args"])
    stages = {size(at): series.read(classifier, *at) for at in job.inputs}
    tell("count", 0, 1, "operations")
    pose = build_model(spec, job.keypoints)
    networks = [_network("classifier", classifier, job.inputs[:1], job.classifier["head"]),
                _network("pose", pose, job.inputs[1:], None)]
    tell("as printed", 0, 1, "")
    trials = [*_block_trials(job, series, next(iter(stages.values()))), *_token_trials(job, series, stages)]
    return {
        "kind": job.kind, "key": job.key, "table": job.table, "profile": job.profile, "row": job.row,
        "title": job.title, "status": job.status, "created": now(),
        "model": {"name": job.model, "title": spec.title, "args": {}}, "device": job.device, "hashes": job.hashes,
        "protocol": {}, "data": {"train": None, "eval": {}}, "metrics": {"parts": {}}, "notes": list(job.notes),
        "architecture": {"stages": {at: [asdict(stage) for stage in found] for at, found in stages.items()},
                         "networks": networks, "trials": trials},
        "code": {"hash": code_hash(spec.package, job.kind), "training_hash": None, **provenance()},
        "machine": machine(), "times": {"measure_s": round(time.monotonic() - start, 3)},
        "memory": {"peak_bytes": peak_bytes(job.device)},
    }


def build(builder: str, args: dict[str, Any]) -> nn.Module:
    """A network with initial weights, whose values change none of the figures."""
    import torch

    torch.manual_seed(0)
    network: nn.Module = load_attribute(builder)(**args)
    return network.eval()


def size(height_width: Sequence[int]) -> str:
    """Height and width as a key of the record: 256x192."""
    return f"{height_width[0]}x{height_width[1]}"


def parameters(network: nn.Module) -> int:
    """How many numbers are learnt."""
    return sum(parameter.numel() for parameter in network.parameters())


def operations(network: nn.Module, height: int, width: int) -> dict[str, Any]:
    """Operations of one image in every convention, in its unit, and the share of executed operators counted."""
    from harness.profiling.operations.conventions import CONVENTIONS
    from harness.profiling.operations.counting import count

    found = count(network, width, height)
    return {**{name: c.figure(found.total(c)) for name, c in CONVENTIONS.items()}, "counted_share": found.counted_share}


def _network(name: str, network: nn.Module, inputs: Sequence[Sequence[int]], head: str | None) -> dict[str, Any]:
    total = parameters(network)
    without = total - parameters(network.get_submodule(head)) if head else None
    return {"name": name, "parameters": total, "parameters_without_head": without,
            "operations": {size(at): operations(network, at[0], at[1]) for at in inputs}}


def _block_trials(job: ArchitectureJob, series: Series, stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """For each stage whose printed number of blocks is another: the network with the printed one."""
    trials = []
    depths = [stage.blocks + stage.merging_blocks for stage in stages]
    for i, printed in enumerate(job.printed.get("blocks", ())):
        if printed != stages[i].blocks:
            tried = [*depths[:i], printed + stages[i].merging_blocks, *depths[i + 1:]]
            network = build(job.classifier["builder"], series.with_depths(job.classifier["args"], tried))
            trials.append({"what": "blocks", "stage": i + 1, "printed": printed, "depths": tried,
                           "parameters": parameters(network)})
    return trials


def _token_trials(job: ArchitectureJob, series: Series, stages: dict[str, list[Stage]]) -> list[dict[str, Any]]:
    """Where the printed grids are others: the network with as many tokens, on the classifier's input."""
    if "divisor" not in job.printed:
        return []
    height, width = job.inputs[0]
    wanted = [(height // d) * (width // d) for d in job.printed["divisor"]]
    if wanted == [stage.tokens for stage in stages[size(job.inputs[0])]]:
        return []
    network = build(job.classifier["builder"], job.classifier["args"])
    series.set_tokens(network, wanted)
    found = [stage.tokens for stage in series.read(network, height, width)]
    return [{"what": "tokens", "input": size(job.inputs[0]), "printed": wanted, "tokens": found,
             "operations": operations(network, height, width)}]
