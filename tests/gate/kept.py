"""Records, profiles and files of pytest-benchmark as runs leave them, as small as they may be."""

import copy
import json

from harness.files import write_json
from harness.protocol import make_protocol

MACHINE = {"processor": "Example CPU", "cores": 2, "gpu": None, "gpus": 0, "system": "Linux 6.1", "python": "3.11.7",
           "memory_bytes": 2**34, "threads": 2}
PROTOCOL = make_protocol({"crop": {"height": 128, "width": 96}}, "test").model_dump(mode="json")


def code(commit, dirty=False, torch="2.14.1"):
    return {"commit": commit, "dirty": dirty, "packages": {"torch": torch}, "hash": "h", "training_hash": None}


def record(row="hrnet_w48", *, ap=0.5, commit="a" * 40, created="2026-01-01T00:00:00.000000+00:00", **changes):
    """A record of a training on drawn people."""
    parts = {part: {"AP": ap, "AR": ap + 0.1, "AP50": None} for part in ("body", "wholebody")}
    data = {
        "schema": 1, "key": "ab" * 32, "table": "table_s2", "profile": "demo", "row": row, "title": row,
        "status": "stand-in", "created": created, "seed": 0, "device": "cpu",
        "model": {"name": "hrnet_small", "args": {}, "parameters": 1000, "gmacs": 0.5, "gmacs_counted_share": 1.0},
        "protocol": PROTOCOL, "hashes": {"evaluate": "e" * 64, "train": "t" * 64, "weights": None, "init": None},
        "data": {"train": {"dataset": "synthetic", "split": "train", "range": [0, None]},
                 "eval": {"dataset": "synthetic", "split": "val", "range": [0, None], "images": 300}},
        "weights": {"init": None, "file": "final.pth", "sha256": "0" * 64},
        "metrics": {"parts": parts}, "code": code(commit), "machine": MACHINE,
        "times": {"images_per_second": 100.0, "device": "cpu", "batch_size": 32, "precision": "fp32"},
        "memory": {"peak_bytes": 2**30},
    }
    return copy.deepcopy(data) | changes


def leave(results, data, folder=None, predictions=b"", resamples=b"resampled"):
    """Write a record where a run would; the row's folder."""
    path = results / data["table"] / data["profile"] / (folder or f"{data['row']}-{data['key'][:12]}")
    path.mkdir(parents=True, exist_ok=True)
    for name, content in (("predictions.npz", predictions), ("resamples.npz", resamples)):
        if content:
            (path / name).write_bytes(content)
    write_json(path / "job.json", {"key": data["key"], "row": data["row"], "status": data["status"]})
    write_json(path / "record.json", data)
    return path


def profile(model="hrnet_small", *, ms=10.0, commit="a" * 40, created="2026-01-01T00:00:00.000000+00:00", **row):
    """A record of `harness profile` with one row."""
    one = {"model": model, "input": [128, 96], "batch": 1, "precision": "fp32", "mode": "plain", "what": "inference",
           "revision": None, "status": "measured", "path": "plain", "median_ms": ms, "peak_bytes": 2**30}
    return {"schema": 1, "kind": "profile", "created": created, "code": code(commit), "machine": MACHINE,
            "settings": {"device": "cpu", "threads": 2, "rounds": 3, "images": "drawn people"}, "rows": [one | row],
            "layers": []}


def benchmarks(seconds, *, commit="a" * 40, created="2026-01-01T00:00:00.000000+00:00"):
    """A file of pytest-benchmark; `seconds` is the median by name."""
    return {"machine_info": {"node": "host", "processor": "x86_64", "system": "Linux", "release": "6.1",
                             "python_version": "3.11.7", "cpu": {"brand_raw": "Example CPU", "count": 2}},
            "commit_info": {"id": commit, "dirty": False, "time": created, "branch": "main"},
            "benchmarks": [{"name": name, "fullname": f"tests/benchmarks/bench.py::{name}", "group": None,
                            "stats": {"median": median, "mean": 9 * median, "rounds": 5}}
                           for name, median in seconds.items()],
            "datetime": created, "version": "5.1.0"}


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path
