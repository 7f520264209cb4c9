"""`harness run imagenet` as a user runs it, at the smallest size."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.classification.conftest import write_images
from tests.helpers import ROOT, assert_user_error, harness

pytestmark = pytest.mark.slow


def run(results, *arguments, **more):
    return harness("run", "imagenet", "--profile", "smoke", "--device", "cpu", "--results", results, *arguments, **more)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results folder of the smoke run: read it, do not change it."""
    folder = tmp_path_factory.mktemp("imagenet") / "runs"
    done = run(folder)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "stand-in" in done.stdout
    return folder


@pytest.fixture
def own_results(results, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(results, tmp_path / "runs")


def record_of(results, row="base"):
    return json.loads(next(results.glob(f"imagenet/smoke/{row}-*/record.json")).read_text())


def weights_of(results):
    return next(results.glob("trainings/tcformer_small-*/final.pth"))


def test_the_record_is_whole(results):
    record = record_of(results)
    assert (record["kind"], record["status"]) == ("classification", "stand-in")
    assert record["data"]["eval"]["images"] == 24
    assert record["data"]["train"]["images"] == 48
    assert len(record["training"]["history"]) == 2
    low, high = record["intervals"]["parts"]["image"]["top1"]
    assert low <= record["metrics"]["parts"]["image"]["top1"] <= high
    assert record["model"]["parameters"] > 500_000
    assert record["weights"]["sha256"]
    with np.load(next(results.glob("imagenet/smoke/base-*/predictions.npz"))) as data:
        assert (data["best"][:, 0] == data["target"]).mean() == record["metrics"]["parts"]["image"]["top1"]


def test_the_same_seed_gives_the_same_bits(results, tmp_path):
    assert run(tmp_path / "again").returncode == 0
    first, second = torch.load(weights_of(results)), torch.load(weights_of(tmp_path / "again"))
    assert all(torch.equal(value, second["model"][key]) for key, value in first["model"].items())
    assert record_of(results)["metrics"] == record_of(tmp_path / "again")["metrics"]


def test_a_second_run_does_nothing(own_results):
    before = {path: path.stat().st_mtime_ns for path in own_results.rglob("*.*") if "imagenet." not in path.name}
    assert run(own_results).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_given_weights_are_only_tested(own_results):
    done = run(own_results, "--weights", f"base={weights_of(own_results)}", "--set", "test.noise_repeats=2", "--json")
    assert done.returncode == 0, done.stderr
    record = next(row for row in json.loads(done.stdout)["rows"] if row["id"] == "base")["record"]
    assert record["data"]["train"] is None
    assert record["metrics"] == record_of_trained(own_results)["metrics"]
    assert record["evaluation_noise"]["options"] == {"density_noise": 1e-6}
    assert len(record["evaluation_noise"]["repeats"]) == 2


def record_of_trained(results):
    records = [json.loads(path.read_text()) for path in results.glob("imagenet/smoke/base-*/record.json")]
    return next(record for record in records if record["data"]["train"])


@pytest.mark.parametrize(("table", "row"), [("table_s2", "tcformer_large"), ("table_s3", "tcformer")])
def test_pose_tables_start_from_its_weights(own_results, table, row):
    weights = weights_of(own_results)
    few = ["--set", "train.steps_per_epoch=1", "--set", "train.batch_size=2"]
    plain = ["run", table, "--profile", "smoke", "--rows", row, "--seed", "0", "--results", own_results,
             "--device", "cpu", *few]
    arguments = [*plain, "--init", f"{row}={weights}"]
    keys = [re.search(r"key (\w+)", harness(*words, "--dry-run").stdout)[1] for words in (plain, arguments)]
    assert keys[0] != keys[1], "the weights' hash is in the key"
    done = harness(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    record = next(r for r in json.loads(done.stdout)["rows"] if r["id"] == row)["record"]
    assert record["hashes"]["init"]
    assert record["weights"]["init_tensors"]["left"] == ["head.bias", "head.weight"]
    assert any("started from final.pth" in note for note in record["notes"])


def test_own_images_and_a_broken_one(own_results, tmp_path):
    root = tmp_path / "images"
    write_images(root / "train", {"cat": 8, "dog": 8})
    write_images(root / "val", {"cat": 2, "dog": 2})
    (root / "train" / "cat" / "3.JPEG").write_bytes(b"no image")
    arguments = ["--data", "image-folder", "--data-root", root]
    assert_user_error(run(own_results, *arguments), "1 row(s) failed: base")
    failure = next(own_results.glob("imagenet/smoke/base-*/failure.json"))
    assert "1 of 16 images of image-folder/train cannot be read" in json.loads(failure.read_text())["error"]
    done = run(own_results, *arguments, "--set", "train.max_broken_images=0.1", "--json")
    assert done.returncode == 0, done.stderr
    record = next(row for row in json.loads(done.stdout)["rows"] if row["id"] == "base")["record"]
    assert record["data"]["eval"]["classes"] == 2
    assert any("1 of 16 images could not be read" in note for note in record["notes"])


@pytest.mark.parametrize(("name", "word"), [("text", "Wilson"), ("md", "# ImageNet"), ("csv", "top5"),
                                            ("latex", r"\documentclass"), ("json", '"parts"')])
def test_report_in_every_format(results, name, word):
    done = harness("report", "imagenet", "--profile", "smoke", "--format", name, "--results", results)
    assert done.returncode == 0, done.stderr
    assert word in done.stdout


def test_nothing_to_explain_and_nothing_for_a_gate(results):
    from harness.gate.reading import read_file

    row = next(results.glob("imagenet/smoke/base-*"))
    assert_user_error(harness("explain", row, "seed_s2_tcformer_large"), "there to train classifiers",
                      "nothing to explain")
    assert read_file(row / "record.json") is None


def test_the_second_protocol_and_another_network_run(own_results):
    done = run(own_results, "--rows", "base_authors,base_grid")
    assert done.returncode == 0, done.stderr
    assert record_of(own_results, "base_authors")["protocol"]["augment"]["rand_augment"] == "rand-m9-mstd0.5-inc1"
    assert len(list(own_results.glob("trainings/*/final.pth"))) == 3


def test_several_processes_train_one_classifier(own_results):
    """The launcher's road, on the CPU: two processes, gloo. They share steps and tests between them."""
    settings = ["--set", "train.processes=2", "--set", "train.evaluate_every=1"]
    assert run(own_results, "--seed", "9", *settings).returncode == 0
    folder = next(p.parent for p in own_results.glob("imagenet/smoke/base-*/job.json")
                  if json.loads(p.read_text())["seed"] == 9)
    shutil.rmtree(own_results / "trainings")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m",
               "harness.job", str(folder), str(own_results), "--train-only"]
    launched = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert launched.returncode == 0, launched.stderr
    result = json.loads(next(own_results.glob("trainings/*/training.json")).read_text())
    assert result["processes"] == 2
    assert all(0 <= epoch["top1"] <= 1 for epoch in result["history"])
    assert result["best"]["value"] == max(epoch["top1"] for epoch in result["history"])
