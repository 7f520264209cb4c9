"""One classifier from top to bottom: images, network, training, answers, accuracy, cost, record."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.classification.plan import ClassificationJob
from harness.classification.protocol import Recipe
from harness.errors import UserError
from harness.files import sha256_file
from harness.hardware import machine
from harness.job import (
    TRAINING,
    forced,
    prepare_torch,
    processes_of,
    say,
    train_in_processes,
    train_once,
    training_folder,
    training_notes,
)
from harness.protocol import checked
from harness.record import RowFolder, code_hash, now, provenance
from harness.registry import load_attribute, model_spec

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import nn

    from harness.classification.answers import Answers
    from harness.classification.lesson import ClassLesson
    from harness.classification.pictures import PictureRef
    from harness.classification.samples import Listing
    from harness.training.checkpoints import TrainingFolder

Tell = Callable[..., None]


def build(job: ClassificationJob, classes: int, more: dict[str, Any] | None = None) -> nn.Module:
    """The job's network for so many classes. Raises UserError where its builder refuses the arguments."""
    drop_path = job.protocol["train"]["drop_path"]
    args = {**job.classifier["args"], **({"drop_path_rate": drop_path} if drop_path else {}), **(more or {})}
    try:
        network: nn.Module = load_attribute(job.classifier["builder"])(num_classes=classes, **args)
    except (TypeError, ValueError) as error:
        raise UserError(f"classifier {job.classifier['builder']} with {args}: {error}") from error
    return network


def run_job(job: ClassificationJob, folder: RowFolder, results: Path, tell: Tell, train_only: bool = False
            ) -> dict[str, Any]:
    """Run a row and return its record (without schema). Raises UserError for what the user can mend."""
    prepare_torch(job.seed, job.device)
    from harness.classification.answers import accuracy, intervals
    from harness.classification.samples import read_listing
    from harness.profiling.throughput import peak_bytes
    from harness.weights import load_initial, load_weights, source_of

    clock = _Clock()
    recipe, spec = checked(Recipe, job.protocol, str(folder.job)), model_spec(job.model)
    notes = list(job.notes)
    tell("data", 0, 1, job.evaluate.title)
    job.evaluate.make()
    listing = read_listing(job.evaluate)
    clock("open_data")
    model = build(job, len(listing.classes))
    initial: dict[str, Any] = {}
    if job.weights:
        load_weights(model, spec, Path(job.weights))
    elif job.init:
        started = load_initial(model, spec, Path(job.init), job.classifier["head"])
        initial = {"init_tensors": started.to_json()}
        notes.append(started.text(Path(job.init)))
    result: dict[str, Any] = {}
    if job.train is not None and not job.weights:
        if not train_only:
            train_in_processes(processes_of(recipe.train.processes, job.device), job, folder, results)
        result = train(job, recipe, model, results, tell, listing)
        notes += training_notes(result, recipe.train, model)
    if train_only:
        return {}
    clock("train")

    model.to(job.device).eval()
    answers, said = answer_all(model, job, recipe, listing, tell)
    answers.save(folder.predictions, listing)
    notes += [f"test: {line}" for line in said]
    clock("predict")
    noise = test_noise(model, job, recipe, listing, tell)
    clock("evaluation_noise")
    tell("profile", 0, 1, "")
    cost, speed = profile(model, recipe, listing, job.device)
    clock("profile")

    weights_file = Path(job.weights) if job.weights else training_folder(results, job).final
    return {
        "kind": job.kind, "key": job.key, "table": job.table, "profile": job.profile, "row": job.row,
        "title": job.title, "status": job.status, "created": now(),
        "model": {"name": job.model, "title": spec.title, "args": {}, "classifier": job.classifier, **cost},
        "protocol": job.protocol, "protocol_name": job.protocol_name, "seed": job.seed, "device": job.device,
        "hashes": job.hashes,
        "data": {"train": {**_described(job.train), "images": result.get("images")} if job.train else None,
                 "eval": {**_described(job.evaluate), "images": len(listing), "classes": len(listing.classes),
                          "unreadable": int((~answers.readable).sum())}},
        "weights": {"init": job.init, **initial, "file": str(weights_file), "sha256": sha256_file(weights_file),
                    **source_of(weights_file)},
        "metrics": {"parts": accuracy(answers)}, "intervals": intervals(answers), "evaluation_noise": noise,
        "notes": notes,
        "training": {k: result[k] for k in (*TRAINING, "images") if k in result},
        "predictions": folder.predictions.name,
        "code": {"hash": code_hash(spec.package, job.kind),
                 "training_hash": result["identity"]["code"] if result else None, **provenance()},
        "machine": machine(),
        "times": {**clock.seconds, "training_s": round(result["seconds"], 1) if result else None, **speed},
        "memory": {"peak_bytes": peak_bytes(job.device)},
    }


def train(job: ClassificationJob, recipe: Recipe, model: nn.Module, results: Path, tell: Tell, listing: Listing
          ) -> dict[str, Any]:
    """Train the network, or take the finished training of the same content; returns the training's result."""
    return train_once(job, model, results, lambda folder: _train(job, recipe, model, folder, tell, listing))


def _train(job: ClassificationJob, recipe: Recipe, model: nn.Module, folder: TrainingFolder, tell: Tell,
           listing: Listing) -> dict[str, Any]:
    from harness.classification.answers import PART, accuracy
    from harness.classification.lesson import ClassLesson
    from harness.classification.samples import TrainPictures, read_listing
    from harness.training.loop import Setting, Told, fit, make_accelerator

    assert job.train is not None
    samples = TrainPictures(read_listing(job.train), recipe, job.seed)
    accelerator = make_accelerator(job.device, recipe.train.precision)
    model.to(accelerator.device)

    def top1(network: nn.Module) -> tuple[float, dict[str, Any]]:
        answers, _ = answer_all(network, job, recipe, listing, lambda *a, **k: None, accelerator)
        return accuracy(answers)[PART]["top1"], {}

    meta = {"kind": job.kind, "model": job.model, "classifier": job.classifier, "classes": list(listing.classes),
            "protocol": job.protocol, "title": job.title, "status": job.status}
    identity = {"key": job.train_key, "code": code_hash(model_spec(job.model).package, job.kind)}
    lesson = ClassLesson(samples, recipe, job.seed)
    return fit(model, lesson, Setting(job.seed, meta, False, identity, forced()), folder, accelerator,
               Told(partial(tell, "train"), top1, say))


def learning(job: ClassificationJob) -> tuple[nn.Module, ClassLesson]:
    """A job's network with its initial weights, and its lesson: for looking at a training without running it."""
    from harness.classification.lesson import ClassLesson
    from harness.classification.samples import TrainPictures, read_listing
    from harness.weights import load_initial

    assert job.train is not None
    prepare_torch(job.seed, job.device)
    job.train.make()
    recipe, listing = checked(Recipe, job.protocol, f"row {job.row}"), read_listing(job.train)
    model = build(job, len(listing.classes))
    if job.init:
        load_initial(model, model_spec(job.model), Path(job.init), job.classifier["head"])
    return model, ClassLesson(TrainPictures(listing, recipe, job.seed), recipe, job.seed)


def answer_all(model: nn.Module, job: ClassificationJob, recipe: Recipe, listing: Listing, tell: Tell,
               accelerator: Accelerator | None = None) -> tuple[Answers, list[str]]:
    """Answers for every image; with several processes, each takes whole batches and all get the result."""
    import numpy as np

    from harness.classification.answers import Answers, answer

    part = (accelerator.process_index, accelerator.num_processes) if accelerator else (0, 1)
    found, notes = answer(model, listing, recipe, job.device, part,
                          lambda done, total: tell("predict", done, total, ""))
    if part[1] > 1:
        from accelerate.utils import gather_object

        shares = gather_object([(found, notes)])
        fields = ("row", "target", "best", "probability", "readable")
        found = Answers(*(np.concatenate([getattr(share, name) for share, _ in shares]) for name in fields)).sorted()
        notes = [line for _, lines in shares for line in lines]
    return found, notes


def test_noise(model: nn.Module, job: ClassificationJob, recipe: Recipe, listing: Listing, tell: Tell
               ) -> dict[str, Any]:
    """Accuracies of repeated tests with the noise on that the published network draws at test time.

    Networks that draw none have no `options` and need no repeats.
    """
    import torch

    from harness.classification.answers import accuracy

    found = []
    if job.test_noise and recipe.test.noise_repeats:
        noisy = build(job, len(listing.classes), job.test_noise)
        noisy.load_state_dict(model.state_dict())
        noisy.to(job.device)
        for repeat in range(1, recipe.test.noise_repeats + 1):
            torch.manual_seed(repeat)
            found.append(accuracy(answer_all(noisy, job, recipe, listing, tell)[0]))
    return {"options": job.test_noise, "repeats": found}


def profile(model: nn.Module, recipe: Recipe, listing: Listing, device: str) -> tuple[dict, dict]:
    """Operations of one pass, and the network's throughput on real images."""
    from timm.data import create_loader

    from harness.classification.samples import TestPictures
    from harness.profiling.operations import count_operations
    from harness.profiling.throughput import images_per_second

    crop, count = recipe.crop, min(recipe.test.batch_size, len(listing))
    cost = count_operations(model, crop.width, crop.height)
    loader = create_loader(
        TestPictures(listing, list(range(count)), 1.0), (3, crop.height, crop.width), count, use_prefetcher=False,
        num_workers=0, interpolation=crop.interpolation, crop_pct=recipe.test.crop_share, persistent_workers=False)
    images = next(iter(loader))[0].to(device)
    rate = images_per_second(model, images, 1)
    return ({"parameters": cost.parameters, "gmacs": cost.macs / 1e9, "gmacs_counted_share": cost.counted_share,
             "gmacs_uncounted": cost.uncounted},
            {"images_per_second": round(rate, 2), "batch_size": count, "device": device, "precision": "fp32"})


def _described(pictures: PictureRef) -> dict[str, Any]:
    return {"dataset": pictures.dataset, "split": pictures.split, "title": pictures.title, "root": pictures.root,
            "options": pictures.options, "range": [0, None]}


class _Clock:
    """Seconds between its calls, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.monotonic()

    def __call__(self, name: str) -> None:
        current = time.monotonic()
        self.seconds[f"{name}_s"], self.last = round(current - self.last, 3), current
