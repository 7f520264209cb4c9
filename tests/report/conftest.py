"""Reports from fabricated records, one for each thing that a table must be able to show."""

import copy

import pytest

from harness.protocol import make_protocol
from harness.published import load_published
from harness.registry import spec_data
from harness.report import RowResult, build_report, published_rows

PARTS = ("body", "foot", "face", "lefthand", "righthand", "hand", "wholebody")
METRICS = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")


@pytest.fixture(scope="session")
def table():
    return spec_data("tables", "table_s2")


@pytest.fixture(scope="session")
def profiles():
    return {name: spec_data("profiles", name) for name in ("demo", "paper", "smoke")}


def metrics_near(published, offset):
    """Metrics of every part, the printed values moved by `offset`."""
    parts = {part: dict.fromkeys(METRICS, 0.5) for part in PARTS}
    for part, values in published.metrics.items():
        parts[part] = {metric: (values[metric[:2]] + offset) for metric in METRICS}
    return parts


def intervals_around(parts, half):
    cells = {part: {m: [values[m] - half, values[m] + half] for m in ("AP", "AR") if values[m] is not None}
             for part, values in parts.items()}
    return {"parts": cells, "level": 0.95, "method": "image bootstrap", "resamples": 200}


def stand_in_record(row, model="tcformer_small", **changes):
    """The record of a stand-in; `changes` replace whole fields."""
    parts = {part: {metric: 0.1 + 0.01 * i for metric in METRICS} for i, part in enumerate(PARTS)}
    record = {
        "schema": 1, "key": "ab" * 32, "table": "table_s2", "profile": "demo", "row": row["id"], "title": row["title"],
        "status": "stand-in", "created": "2026-01-01T00:00:00+00:00", "seed": 0, "device": "cpu",
        "model": {"name": model, "parameters": 1_234_567, "gmacs": 0.456, "gmacs_counted_share": 1.0},
        "protocol": make_protocol({"crop": {"height": 128, "width": 96}}, "test").model_dump(mode="json"),
        "data": {"train": {"dataset": "synthetic", "split": "train", "people": 4000, "range": [0, None]},
                 "eval": {"dataset": "synthetic", "split": "val", "images": 300, "people": 612, "range": [0, None],
                          "layout": "coco-wholebody", "boxes": "gt"}},
        "weights": {"init": None, "file": "final.safetensors", "sha256": "0" * 64},
        "metrics": {"parts": parts}, "intervals": intervals_around(parts, 0.02), "notes": [],
        "evaluation_noise": {"options": {}, "repeats": []},
        "training": {"processes": 1, "steps": 900},
        "machine": {"processor": "Example CPU", "cores": 2, "gpu": None},
        "times": {"images_per_second": 123.4, "device": "cpu", "batch_size": 32, "precision": "fp32",
                  "training_s": 245.0},
        "memory": {"peak_bytes": 2**30},
    }
    return {**copy.deepcopy(record), **changes}


def faithful_record(row, offset=0.0, half=0.002, **changes):
    """The record of a training under the row's own protocol on the table's own data, scored near the printed line."""
    first = published_rows(row, load_published())[0]
    parts = metrics_near(first, offset)
    base = stand_in_record(row, row["model"])
    base |= {
        "profile": "paper", "status": "measured", "metrics": {"parts": parts},
        "intervals": intervals_around(parts, half),
        "protocol": make_protocol(row["protocol"], "test").model_dump(mode="json"),
        "data": {"train": {"dataset": "coco-wholebody", "split": "train", "people": 149813},
                 "eval": {"dataset": "coco-wholebody", "split": "val", "images": 5000, "people": 6352,
                          "layout": "coco-wholebody", "boxes": "detector"}},
        "weights": {"init": "imagenet.pth", "file": "final.safetensors", "sha256": "1" * 64},
        "training": {"processes": 8, "steps": 1000},
    }
    return {**base, **changes}


def given_weights(row, sha256, offset=0.0, **changes):
    """The record of testing given weights without any training."""
    record = faithful_record(row, offset, **changes)
    record["data"] = {**record["data"], "train": None}
    record["weights"] = {"init": None, "file": "given.pth", "sha256": sha256}
    record.pop("training")
    return record


def row_of(table, name):
    return next(row for row in table["rows"] if row["id"] == name)


def result_of(row, status, record=None, **more):
    return RowResult(row, status, record, published=published_rows(row, load_published()), **more)


@pytest.fixture
def make():
    """The helpers above, for tests that need their own records."""
    class Make:
        stand_in = staticmethod(stand_in_record)
        faithful = staticmethod(faithful_record)
        tested = staticmethod(given_weights)
        row = staticmethod(row_of)
        result = staticmethod(result_of)
        around = staticmethod(intervals_around)

    return Make


@pytest.fixture
def demo_report(table, profiles):
    """Two stand-ins (one stale), one failure, one row not run yet, five cited."""
    results = []
    for row in table["rows"]:
        if row["id"] == "higherhrnet_w48":
            results.append(result_of({**row, "model": "anything"}, "missing"))
        elif "cited" in row:
            results.append(result_of(row, "cited"))
        elif row["id"] == "hrnet_w48":
            failure = {"schema": 1, "key": "cd" * 32, "row": row["id"],
                       "error": "ValueError: loss_is not finite, 100% & <b>",
                       "model": {"name": "hrnet_small"}, "notes": []}
            results.append(result_of(row, "failed", failure, log="runs/table_s2/demo/hrnet_w48-cdcdcdcdcdcd/log.txt"))
        else:
            record = stand_in_record(row, row["stand_ins"]["demo"]["model"])
            results.append(result_of(row, "stand-in", record, stale=row["id"] == "sbl_res152"))
    return build_report(table, profiles["demo"], results, damaged=["record x/record.json is damaged (no key)"])


@pytest.fixture
def paper_report(table, profiles):
    """One row of the published weights, one training that misses, one that is wide; six cited."""
    results = []
    for row in table["rows"]:
        if "cited" in row:
            results.append(result_of(row, "cited"))
        elif row["id"] == "sbl_res152":
            results.append(result_of(row, "measured", given_weights(row, "eab8caa8" + "0" * 56, 0.001)))
        elif row["id"] == "hrnet_w48":
            results.append(result_of(row, "measured", faithful_record(row, -0.02)))
        else:
            results.append(result_of(row, "measured", faithful_record(row, 0.001, half=0.009)))
    return build_report(table, profiles["paper"], results)


@pytest.fixture
def lsp_report(table, profiles):
    """A stand-in evaluated on a layout that has a body only."""
    row = row_of(table, "tcformer_large")
    body = {"body": dict.fromkeys(METRICS, 0.42)}
    data = {"train": {"dataset": "lsp", "split": "train", "people": 1600},
            "eval": {"dataset": "lsp", "split": "test", "images": 400, "people": 400, "layout": "lsp", "boxes": "gt"}}
    record = stand_in_record(row, metrics={"parts": body}, intervals=intervals_around(body, 0.01), data=data)
    return build_report(table, profiles["demo"], [result_of(row, "stand-in", record)])
