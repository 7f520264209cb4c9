"""One job from top to bottom: data, network, training, prediction, scores, profile, record.

Run as `python -m harness.job FOLDER RESULTS`, a fresh process for each row; the folder holds job.json.
With `--train-only`, as each of several processes that a launcher starts, it trains and writes no record.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.files import locked, read_json, sha256_file
from harness.hardware import machine
from harness.kinds import kind_of
from harness.launch.launch import FORCE, launched_by, processes_for
from harness.launch.telling import teller
from harness.layout import load_layout
from harness.plan import Job
from harness.protocol import Means, make_protocol
from harness.record import RowFolder, code_hash, now, provenance, training_path, write_failure, write_record
from harness.registry import build_model, model_spec
from harness.signals import ending_interrupts, status
from harness.statistics import LEVEL
from harness.task import Task

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator

    from harness.data.sets import DataRef
    from harness.data.types import Predictions, Split
    from harness.layout import Layout
    from harness.protocol import Protocol
    from harness.scoring import Scored
    from harness.training.checkpoints import TrainingFolder
    from harness.training.pose import PoseLesson

TRAINING = ("history", "best", "steps", "processes", "shares", "forced")
"""Of a training's result, what a record has."""
BOOTSTRAP = 1000
"""Resamples of the interval that a record carries."""
DRAWS = 0
"""Seed of these resamples: the same for every row, so that rows on the same images can be compared in pairs."""

Tell = Callable[..., None]


def training_folder(results: Path, job: Task) -> TrainingFolder:
    """The checkpoints of a job's training."""
    from harness.training.checkpoints import TrainingFolder

    return TrainingFolder(training_path(results, job))


def prepare_torch(seed: int, device: str) -> None:
    """Make results repeatable: seeds, deterministic algorithms, fixed convolution algorithms."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with this
    import cv2
    import torch

    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=device == "cuda")
    import torch.utils.deterministic as switches

    switches.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that costs time
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # "fp32" means it
    torch.backends.cuda.matmul.allow_tf32 = False
    cv2.setNumThreads(0)
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device cuda was planned, but torch cannot use it here; `harness doctor` says why")


def evaluate_predictions(predictions: Predictions, split: Split, layout: Layout, protocol: Protocol
                         ) -> tuple[dict[str, Any], Scored]:
    """Rescore, suppress, score: metrics of every part, and the scored people."""
    from harness.inference.nms import select
    from harness.scoring import Scored, pck, score

    kept, scores = select(predictions, layout, protocol)
    scored = Scored(image_id=predictions.image_id[kept], keypoints=predictions.keypoints[kept], score=scores)
    metrics = score(split.people, scored, layout, split.images.id)
    found = pck.find(split.people, scored, layout, split.images.id)
    if found is not None:
        metrics["body"] = {**metrics["body"], pck.METRIC: found.value}
    return metrics, scored


def intervals_of(scored: Scored, split: Split, layout: Layout, file: Path) -> dict[str, Any]:
    """Intervals of AP and AR of every part, from resampling the images; the resampled figures go to a file."""
    import numpy as np

    from harness.scoring import match_parts, pck
    from harness.scoring.bootstrap import draw, informing_images, interval, intervals_of_samples
    from harness.scoring.resample import resample, save_samples

    matches = match_parts(split.people, scored, layout, split.images.id)
    copies = draw(matches, np.random.default_rng(DRAWS), BOOTSTRAP, LEVEL)
    samples = resample(matches, copies, ("AP", "AR"))
    parts = intervals_of_samples(matches, samples, LEVEL)
    found = pck.find(split.people, scored, layout, split.images.id)
    if found is not None:
        samples["body"][pck.METRIC] = found.resampled(copies)
        parts["body"][pck.METRIC] = interval(samples["body"][pck.METRIC], LEVEL, int(found.labelled.any(axis=1).sum()))
    save_samples(file, samples)
    return {"parts": {part: {m: [i.low, i.high] if i else None for m, i in metrics.items()}
                      for part, metrics in parts.items()},
            "level": LEVEL, "method": "image bootstrap", "resamples": BOOTSTRAP, "draws": DRAWS,
            "images": informing_images(matches, "AP"), "file": file.name}


def pck_details(scored: Scored, split: Split, layout: Layout) -> dict[str, Any]:
    """PCK's conventions, and its value for each joint; empty for data that it is not for."""
    from harness.scoring import pck

    found = pck.find(split.people, scored, layout, split.images.id)
    return {"pck": found.to_json(layout)} if found is not None else {}


def evaluation_noise(model: torch.nn.Module, job: Job, protocol: Protocol, split: Split, tell: Tell) -> dict[str, Any]:
    """AP and AR of every part in repeated evaluations, with the noise on that the published network draws at test.

    Networks that draw none have no `options` and need no repeats.
    """
    spec = model_spec(job.model, job.model_args)
    found: list[dict[str, Any]] = []
    if spec.test_noise and protocol.test.noise_repeats:
        noisy = build_model(replace(spec, args={**spec.args, **spec.test_noise}), split.layout.size)
        noisy.load_state_dict(model.state_dict())
        noisy.to(job.device).eval()
        for repeat in range(1, protocol.test.noise_repeats + 1):
            predictions = predict_split(noisy, job, protocol, split, tell, repeat=repeat)[0]
            parts = evaluate_predictions(predictions, split, split.layout, protocol)[0]
            found.append({part: {m: metrics[m] for m in ("AP", "AR")} for part, metrics in parts.items()})
    return {"options": spec.test_noise, "repeats": found}


def train_once(job: Task, model: torch.nn.Module, results: Path, start: Callable[[TrainingFolder], dict[str, Any]]
               ) -> dict[str, Any]:
    """The result of the finished training of the same content, its weights in `model`, or else of `start(folder)`."""
    from harness.weights import read_checkpoint

    folder = training_folder(results, job)
    with contextlib.ExitStack() as stack:
        if "RANK" not in os.environ:  # for a training's own processes, the one that started them holds it
            stack.enter_context(locked(folder.lock, "the training", wait=True))
        finished = folder.finished()
        if finished is not None and finished["identity"]["key"] == job.train_key:
            model.load_state_dict(read_checkpoint(folder.final)["model"])
            say(f"training already done: {folder.path}")
            return finished
        return start(folder)


def train(job: Job, protocol: Protocol, model: torch.nn.Module, results: Path, tell: Tell, evaluation: Split
          ) -> dict[str, Any]:
    """Train the network, or take the finished training of the same content; returns the training's result."""
    return train_once(job, model, results,
                      lambda folder: _train(job, protocol, model, folder, tell, evaluation))


def _train(job: Job, protocol: Protocol, model: torch.nn.Module, folder: TrainingFolder, tell: Tell, evaluation: Split
           ) -> dict[str, Any]:
    from harness.training.loop import Setting, Told, fit, make_accelerator

    spec = model_spec(job.model, job.model_args)
    identity = {"key": job.train_key, "code": code_hash(spec.package)}
    lesson = lesson_of(job, protocol)
    accelerator = make_accelerator(job.device, protocol.train.precision)
    model.to(accelerator.device)

    def trained_ap(network: torch.nn.Module) -> tuple[float, dict[str, Any]]:
        predictions = predict_split(network, job, protocol, evaluation, lambda *a, **k: None, accelerator)[0]
        parts = evaluate_predictions(predictions, evaluation, evaluation.layout, protocol)[0]
        return chosen_ap(parts, protocol.train.parts), {part: metrics["AP"] for part, metrics in parts.items()}

    meta = {"model": job.model, "model_args": job.model_args, "layout": job.layout, "protocol": job.protocol,
            "title": job.title, "status": job.status}
    return fit(model, lesson, Setting(job.seed, meta, spec.channels_last, identity, forced()), folder, accelerator,
               Told(partial(tell, "train"), trained_ap, say))


def lesson_of(job: Job, protocol: Protocol) -> PoseLesson:
    """What a job's training learns, its data opened. Raises UserError where nobody there may be trained on."""
    from harness.data.coco import trainable
    from harness.data.crops import TrainCrops
    from harness.training.pose import PoseLesson

    assert job.train is not None
    data = job.train.open()
    people = trainable(data.people, data.images).nonzero()[0]
    if len(people) == 0:
        raise UserError(f"data set {job.train.title}: no person passes the training filter")
    channels_last = model_spec(job.model, job.model_args).channels_last
    return PoseLesson(TrainCrops(data, people, protocol, job.seed), protocol, channels_last)


def learning(job: Job) -> tuple[torch.nn.Module, PoseLesson]:
    """A job's network with its initial weights, and its lesson: for looking at a training without running it."""
    from harness.weights import load_initial

    prepare_torch(job.seed, job.device)
    protocol, spec = make_protocol(job.protocol, f"row {job.row}"), model_spec(job.model, job.model_args)
    model = build_model(spec, load_layout(job.layout).size)
    if job.init:
        load_initial(model, spec, Path(job.init))
    return model, lesson_of(job, protocol)


def chosen_ap(metrics: dict[str, Any], trained: tuple[str, ...]) -> float:
    """By which the best epoch is chosen: the mean AP of the parts that were trained, of whole bodies for all (of `body`
    where a layout has no other); 0 for a part that nobody has."""
    chosen = trained or ("wholebody" if "wholebody" in metrics else "body",)
    return sum(metrics[part]["AP"] or 0.0 for part in chosen) / len(chosen)


def predict_split(model: torch.nn.Module, job: Job, protocol: Protocol, split: Split, tell: Tell,
                  accelerator: Accelerator | None = None, repeat: int = 0) -> tuple[Predictions, dict[str, Any]]:
    """Predict every box of a split; with several processes, each takes whole batches and all get the result."""
    from harness.inference.boxes import test_boxes
    from harness.inference.predict import merge, predict

    boxes = test_boxes(split, protocol.test)
    part = (accelerator.process_index, accelerator.num_processes) if accelerator else (0, 1)
    predictions, info = predict(model, split, boxes, protocol, job.device, part=part, repeat=repeat,
                                progress=lambda done, total: tell("predict", done, total, f"of {part[1]} shares"
                                                                  if part[1] > 1 else ""))
    if part[1] > 1:
        from accelerate.utils import gather_object

        return merge(gather_object([(predictions, info)]))
    return predictions, info


def processes_of(wanted: int, device: str) -> int:
    """In how many processes a training of a protocol's `wanted` runs here: one a GPU, if they can share evenly."""
    from harness.launch.ranks import available_processes

    return processes_for(wanted, available_processes(device))


def train_in_processes(processes: int, job: Task, folder: RowFolder, results: Path) -> None:
    """Do a training that wants several processes in them, unless it is done; one process is this one, later."""
    from harness.launch.ranks import launch_training

    if processes > 1:
        training = training_folder(results, job)
        with locked(training.lock, "the training", wait=True):
            if training.finished() is None:
                launch_training(folder, results, processes)


def training_notes(result: dict[str, Any], train: Means, model: torch.nn.Module) -> list[str]:
    """What a record must say of a training: what was continued, how steps were shared out, what could not be read."""
    notes = [f"training: continued after epoch {at['epoch']} with other code, as --force asked "
             f"(before: {at['from'].get('code', '?')[:12]})" for at in result.get("forced", [])]
    wanted, used = train.processes, result["processes"]
    if used != wanted:
        notes.append(f"trained in {used} process(es) for {wanted} in the protocol: each accumulated the gradients of "
                     f"{wanted // used} batches of {train.batch_size} a step, so that steps have "
                     f"{wanted * train.batch_size} {'images' if 'images' in result else 'people'} as there")
    if has_batch_norm(model) and (used != wanted or train.accumulate > 1):
        notes.append(f"batch norm: statistics of {train.batch_size // train.accumulate} at once (protocol: "
                     f"{train.batch_size}), and running means over {wanted // used * train.accumulate} of these a step "
                     "(protocol: 1)")
    return notes + [f"training: {line}" for line in result["broken_images"]]


def has_batch_norm(model: torch.nn.Module) -> bool:
    """Whether a network's result depends on how a step's samples are shared out."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return any(isinstance(module, _BatchNorm) for module in model.modules())


def forced() -> bool:
    """Whether a training of other code may be continued (`harness run --force`)."""
    return bool(os.environ.get(FORCE))


def run_job(job: Job, folder: RowFolder, results: Path, tell: Tell, train_only: bool = False) -> dict[str, Any]:
    """Run a row and return its record (without schema). Raises UserError for what the user can mend."""
    prepare_torch(job.seed, job.device)
    import torch

    from harness.inference.store import save_predictions
    from harness.weights import load_initial, load_weights, source_of

    seconds: dict[str, float] = {}
    clock = _Clock(seconds)
    layout = load_layout(job.layout)
    protocol = make_protocol(job.protocol, str(folder.job))
    spec = model_spec(job.model, job.model_args)
    notes = list(job.notes)

    tell("data", 0, 1, job.evaluate.title)
    evaluation = job.evaluate.open()
    clock("open_data")
    model = build_model(spec, layout.size)
    initial: dict[str, Any] = {}
    if job.weights:
        load_weights(model, spec, Path(job.weights))
    elif job.init:
        started = load_initial(model, spec, Path(job.init))
        initial = {"init_tensors": started.to_json()}
        notes.append(started.text(Path(job.init)))
    result: dict[str, Any] = {}
    if job.train is not None and not job.weights:
        if not train_only:
            train_in_processes(processes_of(protocol.train.processes, job.device), job, folder, results)
        result = train(job, protocol, model, results, tell, evaluation)
        notes += training_notes(result, protocol.train, model)
    if train_only:
        return {}
    clock("train")

    model.to(job.device).eval()
    if spec.channels_last:
        model.to(memory_format=torch.channels_last)
    predictions, info = predict_split(model, job, protocol, evaluation, tell)
    save_predictions(folder.predictions, predictions)
    notes += [f"evaluation: {line}" for line in info["notes"]]
    clock("predict")
    tell("score", 0, 1, "")
    metrics, scored = evaluate_predictions(predictions, evaluation, layout, protocol)
    intervals = intervals_of(scored, evaluation, layout, folder.resamples)
    clock("score")
    noise = evaluation_noise(model, job, protocol, evaluation, tell)
    clock("evaluation_noise")
    tell("profile", 0, 1, "")
    cost, speed = profile(model, job, protocol, evaluation)
    clock("profile")

    weights_file = Path(job.weights) if job.weights else training_folder(results, job).final
    missing = job.evaluate.spec.missing_parts
    return {
        "kind": job.kind, "key": job.key, "table": job.table, "profile": job.profile, "row": job.row,
        "title": job.title, "status": job.status, "created": now(),
        "model": {"name": job.model, "title": spec.title, "args": job.model_args, **cost},
        "protocol": job.protocol, "seed": job.seed, "device": job.device, "hashes": job.hashes,
        "data": {"train": {**_described(job.train), "people": result.get("people")} if job.train else None, "eval": {
            **_described(job.evaluate, evaluation), "layout": layout.name, "boxes": protocol.test.boxes,
            "missing_parts": missing}},
        "weights": {"init": job.init, **initial, "file": str(weights_file), "sha256": sha256_file(weights_file),
                    **source_of(weights_file)},
        "metrics": {"parts": metrics, **pck_details(scored, evaluation, layout)},
        "intervals": intervals, "evaluation_noise": noise, "notes": notes,
        "training": {k: result[k] for k in (*TRAINING, "people") if k in result},
        "predictions": folder.predictions.name,
        "code": {"hash": code_hash(spec.package),
                 "training_hash": result["identity"]["code"] if result else None, **provenance()},
        "machine": machine(),
        "times": {**{f"{phase}_s": round(value, 3) for phase, value in seconds.items()},
                  "training_s": round(result["seconds"], 1) if result else None, **speed},
        "memory": {"peak_bytes": _peak(job)},
    }


def profile(model: torch.nn.Module, job: Job, protocol: Protocol, split: Split) -> tuple[dict, dict]:
    """Operations of one pass, and the network's throughput on real crops."""
    import torch

    from harness.data.targets import normalise
    from harness.inference.boxes import test_boxes
    from harness.inference.predict import first_batch
    from harness.profiling.operations import count_operations
    from harness.profiling.throughput import images_per_second

    crop = protocol.crop
    cost = count_operations(model, crop.width, crop.height)
    images = normalise(torch.as_tensor(first_batch(split, test_boxes(split, protocol.test), protocol)).to(job.device))
    if model_spec(job.model, job.model_args).channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    rate = images_per_second(model, images, 2 if protocol.test.flip else 1)
    return ({"parameters": cost.parameters, "gmacs": cost.macs / 1e9, "gmacs_counted_share": cost.counted_share,
             "gmacs_uncounted": cost.uncounted},
            {"images_per_second": round(rate, 2), "batch_size": len(images), "device": job.device,
             "precision": "fp32"})


def _peak(job: Job) -> int:
    from harness.profiling.throughput import peak_bytes

    return peak_bytes(job.device)


def _described(reference: DataRef, split: Split | None = None) -> dict[str, Any]:
    facts = {"dataset": reference.dataset, "split": reference.split, "title": reference.title, "root": reference.root,
             "options": reference.options, "range": [reference.first, reference.last]}
    return facts if split is None else {**facts, "images": len(split.images), "people": len(split.people)}


class _Clock:
    """Writes the seconds since its last call under a name."""

    def __init__(self, into: dict[str, float]) -> None:
        self.into, self.last = into, time.monotonic()

    def __call__(self, name: str) -> None:
        current = time.monotonic()
        self.into[name], self.last = current - self.last, current


def say(text: str) -> None:
    """A line of the row's log."""
    print(text, flush=True)


def end_with_parent() -> None:
    """Ask the kernel to terminate this process when its parent ends: a killed run leaves no training behind."""
    import ctypes

    with_set = getattr(ctypes.CDLL(None), "prctl", None)
    if with_set is not None:
        with_set(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG, see prctl(2)


def main(arguments: list[str]) -> int:
    """Run the job of a folder, of whatever kind: 0 and a record, or 1 and a failure with its reason."""
    folder, results = RowFolder(Path(arguments[0])), Path(arguments[1])
    train_only = "--train-only" in arguments
    end_with_parent()
    data = read_json(folder.job)
    kind = kind_of(data, str(folder.job))
    job: Task = kind.load("job").from_json(data)
    tell = teller(folder, joined=train_only)
    try:
        with ending_interrupts():
            record = kind.load("run")(job, folder, results, tell, train_only)
        if not train_only:
            write_record(folder, {**record, "launch": launched_by()})
        tell.ended("done")
    except UserError as error:
        say(f"error: {error}")
        _failed(folder, job, error, str(error), train_only)
        tell.ended("failed")
        return 1
    except KeyboardInterrupt as stop:
        say("interrupted; the same command continues from the last checkpoint")
        tell.ended("stopped")
        return status(stop)
    except Exception as error:
        import traceback

        traceback.print_exc(file=sys.stdout)
        _failed(folder, job, error, f"{type(error).__name__}: {' '.join(str(error).split())[:500]}", train_only)
        tell.ended("failed")
        return 1
    return 0


def _failed(folder: RowFolder, job: Task, error: Exception, text: str, train_only: bool) -> None:
    """Write down what went wrong; one of several processes tells its launcher, which does."""
    if train_only:
        from harness.launch.ranks import record_error

        record_error(error)
    else:
        write_failure(folder, job, text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
