"""Accuracies against the published ones: verdicts, reasons, and every format."""

import csv
import io
import json

import pytest

from harness.classification.plan import recipe_of
from harness.classification.report import CLASSIFICATION, build_report
from harness.registry import spec_data
from harness.report import RowResult
from harness.report.latex import document
from tests.helpers import assert_compiles

TABLE = spec_data("tables", "imagenet")
PAPER = {"name": "paper", **spec_data("profiles", "paper")["kinds"]["classification"]}
DEMO = {"name": "demo", **spec_data("profiles", "demo")["kinds"]["classification"]}
PUBLISHED_WEIGHTS = "4e1adbf1" + "0" * 56
"""Begins as the name of the authors' file says."""


def row_of(name):
    return next(row for row in TABLE["rows"] if row["id"] == name)


def record_of(name="base", top1=0.8235, repeats=5, trained=False, seed=0, **changes):
    """A record of a row in the profile paper: of the published weights, or of a training."""
    row = row_of(name)
    value = {"image": {"top1": top1, "top5": 0.96}}
    data = {"dataset": "imagenet-1k", "split": "val", "images": 50_000, "classes": 1000, "unreadable": 0}
    record = {
        "schema": 1, "key": f"{name}{seed}{top1}", "kind": "classification", "row": name, "status": "measured",
        "title": row["title"], "created": f"2026-01-0{seed + 1}", "seed": seed, "device": "cuda", "notes": [],
        "model": {"name": row["model"], "args": {}, "parameters": 25_594_731, "gmacs": 5.83},
        "protocol": recipe_of(TABLE, None, row, None, ()).model_dump(mode="json"), "protocol_name": row["protocol"],
        "hashes": {"evaluate": "e", "weights": None if trained else "w"},
        "data": {"train": {"dataset": "imagenet-1k", "split": "train", "images": 1_281_167} if trained else None,
                 "eval": data},
        "weights": {"init": None, "file": "final.pth", "sha256": "0" * 64 if trained else PUBLISHED_WEIGHTS},
        "metrics": {"parts": value},
        "intervals": {"parts": {"image": {"top1": [top1 - 0.003, top1 + 0.003]}}, "level": 0.95,
                      "method": "Wilson score"},
        "evaluation_noise": {"options": {"density_noise": 1e-6}, "repeats": [
            {"image": {"top1": top1 + 1e-5 * (i % 2), "top5": 0.96}} for i in range(repeats)]},
        "training": {"processes": 8, "steps": 375_300}, "code": {"hash": "h"},
        "machine": {"processor": "A", "cores": 2}, "times": {"images_per_second": 900.0, "batch_size": 128},
    }
    for path, changed in changes.items():
        place = record
        *parents, last = path.split("__")
        for parent in parents:
            place = place[parent]
        place[last] = changed
    return record


def report_of(*records, profile=PAPER):
    rows = []
    for record in records:
        row = row_of(record["row"])
        rows.append(RowResult(row, record["status"], record, published=CLASSIFICATION.published(row)))
    return build_report(TABLE, profile, rows)


def verdict_of(record, profile=PAPER, seeds=()):
    row = row_of(record["row"])
    result = RowResult(row, record["status"], record, published=CLASSIFICATION.published(row), seeds=tuple(seeds))
    return build_report(TABLE, profile, [result]).rows[0].first[0].verdict


def test_the_printed_accuracies_stand_beside():
    printed = {row["id"]: CLASSIFICATION.published(row)[0].value("image", "top1") for row in TABLE["rows"][:3]}
    assert printed == {"light": 0.794, "base": 0.823, "large": 0.836}


@pytest.mark.shared
def test_they_are_those_of_the_reference(shared):
    import yaml

    text = (shared / "reference/published.yaml").read_text()
    reference = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    known = {entry["id"]: entry for group in reference.values() if isinstance(group, list) for entry in group
             if isinstance(entry, dict) and "top1" in entry}
    for row in TABLE["rows"][:3]:
        published = CLASSIFICATION.published(row)[0]
        entry = known[published.id]
        assert published.value("image", "top1") == pytest.approx(entry["top1"] / 100)
        assert published.checkpoint == entry["checkpoint"]["file"]


@pytest.mark.parametrize(("top1", "answer"), [(0.8235, "reproduced"), (0.810, "not reproduced"),
                                              (0.8252, "cannot tell")])
def test_the_published_weights_are_held_against_their_accuracy(top1, answer):
    found = verdict_of(record_of(top1=top1))
    assert found.verdict == answer
    assert "published weights" in found.reason


def test_test_time_noise_must_be_known():
    found = verdict_of(record_of(repeats=0))
    assert found.verdict == "cannot tell"
    assert "test.noise_repeats" in found.reason


def test_one_training_cannot_tell_and_seeds_can():
    assert verdict_of(record_of(trained=True)).verdict == "cannot tell"
    records = [record_of(trained=True, seed=seed, top1=0.823 + 1e-4 * seed) for seed in range(3)]
    assert verdict_of(records[0], seeds=records).verdict == "reproduced"


@pytest.mark.parametrize(("changes", "words"), [
    ({"data__eval__images": 49_000}, "tested on images 49000, published on 50000"),
    ({"data__eval__dataset": "image-folder"}, "tested on dataset image-folder"),
    ({"data__eval__unreadable": 2}, "2 images could not be read"),
    ({"protocol__test__crop_share": 1.0}, "test.crop_share 1.0 instead of 0.875"),
    ({"protocol__crop__height": 192}, "crop.height 192 instead of 224"),
])
def test_what_differs_is_not_comparable(changes, words):
    found = verdict_of(record_of(**changes))
    assert found.verdict == "not comparable"
    assert words in found.reason


@pytest.mark.parametrize(("changes", "words"), [
    ({"protocol__train__epochs": 100}, "train.epochs 100 instead of 300"),
    ({"training__processes": 1}, "128 images a training step instead of 1024"),
    ({"data__train__images": 1000}, "trained on 1000 images, published on 1281167"),
    ({"weights__init": "x.pth"}, "trained from given weights"),
    ({"protocol__augment__rand_augment": "rand-m9"}, "augment.rand_augment"),
])
def test_a_training_that_differs_is_not_comparable(changes, words):
    found = verdict_of(record_of(trained=True, **changes))
    assert found.verdict == "not comparable"
    assert words in found.reason


def test_a_training_setting_says_nothing_of_given_weights():
    assert verdict_of(record_of(protocol__train__epochs=1)).verdict == "reproduced"


def test_stand_ins_are_never_compared():
    report = report_of(record_of(status="stand-in"), profile=DEMO)
    assert report.rows[0].first[0].verdict.verdict == "not comparable"
    assert report.banner.startswith("Stand-ins")


def test_rows_without_a_published_accuracy_are_shown():
    row = row_of("base_topk")
    record = {**record_of("base"), "row": "base_topk"}
    report = build_report(TABLE, PAPER, [RowResult(row, "measured", record)])
    assert report.rows[0].verdict is None
    assert "no number" in CLASSIFICATION.markdown(report)


def test_latex_compiles(tmp_path):
    assert_compiles(document(CLASSIFICATION.latex(report_of(record_of()))), tmp_path)


def test_every_format_has_published_measured_and_verdict():
    report = report_of(record_of(), record_of("large", top1=0.80, weights__sha256="a47cc309" + "0" * 56))
    markdown = CLASSIFICATION.markdown(report)
    assert "| **TCFormer** | 224 × 224 | 0.823 | 0.960 |" in markdown
    assert "not reproduced" in markdown
    latex = document(CLASSIFICATION.latex(report))
    assert latex.index(r"\usepackage{booktabs}") < latex.index(r"\label{tab:imagenet-paper}")
    assert all(ord(character) < 128 for character in latex)
    lines = list(csv.DictReader(io.StringIO(CLASSIFICATION.csv(report))))
    assert [(line["row"], line["metric"], line["verdict"]) for line in lines] == [
        ("base", "top1", "reproduced"), ("base", "top5", "reproduced"),
        ("large", "top1", "not reproduced"), ("large", "top5", "not comparable")]
    data = json.loads(json.dumps(CLASSIFICATION.data(report), allow_nan=False))
    assert data["rows"][0]["comparisons"][0]["interval"] == pytest.approx([0.8205, 0.8265])


def test_the_screen_says_how_intervals_are_made_and_where_weights_are():
    from rich.console import Console

    console = Console(width=120, record=True, file=io.StringIO())
    console.print(CLASSIFICATION.screen(report_of(record_of(trained=True)), 120))
    text = " ".join(console.export_text().split())
    assert "Wilson score" in text
    assert "top1 0.823 [0.821, 0.827]" in text or "top1 0.824 [0.821, 0.827]" in text
    assert "final.pth; pose networks start from them with --init" in text
    assert "Left open by the source: precision. Here: fp32" in text


def test_failed_missing_and_cited_rows_say_so():
    rows = [RowResult(row_of("base"), "failed", {"error": "no memory", "row": "base"}, log="log.txt"),
            RowResult(row_of("light"), "cited"), RowResult(row_of("large"), "missing")]
    text = CLASSIFICATION.markdown(build_report(TABLE, DEMO, rows))
    for words in ("failed: no memory", "cited, not run: no stand-in of its own", "not run yet in this profile"):
        assert words in text


def test_what_stood_in_goes_by_its_own_name():
    stand_in = record_of(trained=True, status="stand-in", model__name="tcformer_small")
    ran = [note.row for note in report_of(stand_in, profile=DEMO).notes if "classifier with the backbone" in note.text]
    assert ran == ["tcformer_small"]
    ran = [note.row for note in report_of(record_of()).notes if "classifier with the backbone" in note.text]
    assert ran == ["TCFormer"]
