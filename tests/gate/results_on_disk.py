"""Results as runs leave them, made up: rows whose figures and resamples are those of simulated outcomes, and others."""

import numpy as np

from harness.files import digest, write_json
from harness.job import BOOTSTRAP, DRAWS
from harness.protocol import make_protocol, merge
from harness.scoring.accumulate import figures
from harness.scoring.bootstrap import draw, intervals_of_samples
from harness.scoring.resample import informing_images, resample, save_samples
from harness.scoring.score import with_hand
from tests.simulation import System, draw_set

MACHINE = {"processor": "Example CPU", "cores": 2, "threads": 2, "gpu": None, "gpus": 0, "memory_bytes": 2**34,
           "system": "Linux 6.1", "python": "3.11.7"}
CODE = {"commit": "a" * 40, "dirty": False, "hash": "c" * 64, "training_hash": None, "packages": {"torch": "2.11.0"}}
FEW = 200
"""Resamples, where a test makes many rows."""


def outcomes(*shifts, images=250, seed=0):
    """Matches of systems on the same images, as `match_parts` gives them; a shift moves the mean of a system's OKS."""
    systems = tuple(System(1.0 + shift) for shift in shifts)
    return draw_set(np.random.default_rng(seed), images, systems, ("body", "foot", "lefthand", "righthand"))


def record(row="hrnet_w48", seed=0, **changes):
    """A record of a row that trained; `changes` are merged in, value by value."""
    made = {
        "schema": 1, "key": digest([row, seed]), "table": "table_s2", "profile": "demo",
        "row": row, "title": row, "status": "stand-in", "created": "2026-01-01T00:00:00.000000+00:00", "seed": seed,
        "device": "cpu", "protocol": make_protocol({}, "a test").model_dump(mode="json"),
        "model": {"name": "hrnet_small", "title": "HRNet", "args": {}, "parameters": 1_234_567, "gmacs": 0.456,
                  "gmacs_counted_share": 1.0, "gmacs_uncounted": {}},
        "hashes": {"evaluate": "e" * 64, "train": "f" * 64, "weights": None, "init": None},
        "data": {"train": {"dataset": "synthetic", "split": "train", "people": 4000, "range": [0, None]},
                 "eval": {"dataset": "synthetic", "split": "val", "images": 250, "people": 500, "range": [0, None],
                          "layout": "coco-wholebody", "boxes": "gt", "root": "/nowhere", "options": {}}},
        "weights": {"init": None, "file": "final.pth", "sha256": "0" * 64},
        "metrics": {"parts": {"body": {"AP": 0.5, "AR": 0.6}}}, "intervals": {}, "notes": [],
        "evaluation_noise": {"options": {}, "repeats": []},
        "training": {"processes": 1, "steps": 900, "people": 4000}, "predictions": "predictions.npz",
        "code": CODE, "machine": MACHINE, "memory": {"peak_bytes": 2**30},
        "times": {"images_per_second": 100.0, "batch_size": 32, "device": "cpu", "precision": "fp32",
                  "train_s": 240.0, "training_s": 239.0},
    }
    return merge(made, changes)


def write_row(results, matches=None, resamples=BOOTSTRAP, **changes):
    """Write a row's folder and return it; with matches, its figures and resamples are theirs."""
    data = record(**changes)
    folder = results / data["table"] / data["profile"] / f"{data['row']}-{data['key'][:12]}-{data['created'][:10]}"
    folder.mkdir(parents=True, exist_ok=True)
    if matches is not None:
        values = with_hand({part: figures(found, ("AP", "AR")) for part, found in matches.items()})
        samples = resample(matches, draw(matches, np.random.default_rng(DRAWS), resamples, 0.95), ("AP", "AR"))
        parts = intervals_of_samples(matches, samples, 0.95)
        save_samples(folder / "resamples.npz", samples)
        data |= {"metrics": {"parts": values}, "intervals": {
            "parts": {part: {m: [i.low, i.high] if i else None for m, i in of.items()} for part, of in parts.items()},
            "level": 0.95, "method": "image bootstrap", "resamples": resamples, "draws": DRAWS,
            "images": informing_images(matches, "AP"), "file": "resamples.npz"}}
    write_json(folder / "record.json", data)
    return folder


def write_failure(results, row="hrnet_w48", error="out of memory", created="2026-02-01T00:00:00.000000+00:00"):
    """Write the folder of a row that failed."""
    made = record(row)
    folder = results / "table_s2" / "demo" / f"{row}-failed"
    folder.mkdir(parents=True)
    write_json(folder / "failure.json", {
        **{name: made[name] for name in ("schema", "key", "table", "profile", "row", "title", "hashes")},
        "status": "failed", "error": error, "created": created, "notes": [], "model": {"name": "hrnet_small"},
        "data": {"eval": {"dataset": "synthetic", "split": "val", "range": [0, None]}}})
    return folder


def profile_row(model="tcformer", **changes):
    """A row of a record of `harness profile`."""
    return {"model": model, "input": [256, 192], "batch": 1, "precision": "fp32", "mode": "plain", "what": "inference",
            "revision": None, "status": "measured", "path": "plain", "median_ms": 100.0, "peak_bytes": 2**30,
            "before_bytes": 2**29, "notes": [], "samples_ms": [], **changes}


def profile(*rows, **changes):
    """A record of `harness profile`."""
    made = {"schema": 1, "kind": "profile", "created": "2026-01-01T00:00:00.000000+00:00", "code": CODE,
            "machine": MACHINE, "settings": {"device": "cpu", "threads": 2, "rounds": 20, "images": "drawn people"},
            "rows": list(rows or [profile_row()]), "layers": []}
    return merge(made, changes)


def write_block(folder, minute, medians, name=None, **machine):
    """Write a file of pytest-benchmark, measured at a minute of one day; `medians` in seconds by full name."""
    folder.mkdir(parents=True, exist_ok=True)
    info = {"node": "here", "python_version": "3.11.7", "python_implementation": "CPython", "system": "Linux",
            "cpu": {"brand_raw": "Example CPU", "count": 2}}
    path = folder / (name or f"{minute:04}.json")
    write_json(path, {
        "machine_info": merge(info, machine), "commit_info": {"id": "a" * 40, "dirty": False},
        "benchmarks": [{"name": name.rpartition("::")[2], "fullname": name, "stats": {"median": median}}
                       for name, median in medians.items()],
        "datetime": f"2026-01-01T{minute // 60:02}:{minute % 60:02}:00.000000+00:00", "version": "5.1.0"})
    return path
