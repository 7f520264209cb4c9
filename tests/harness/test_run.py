"""The main job end to end, with the smallest profile."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.inference.store import load_predictions
from harness.record import SCHEMA
from harness.scoring.bootstrap import interval
from harness.scoring.resample import load_samples
from tests.harness.conftest import FEW
from tests.helpers import ROOT, assert_user_error, harness

ROWS = {"sbl_res152": "sbl_small", "hrnet_w48": "hrnet_small", "tcformer_large": "tcformer_small"}
PARTS = ["body", "foot", "face", "lefthand", "righthand", "hand", "wholebody"]
METRICS = ["AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl"]

pytestmark = pytest.mark.slow


def records(results, profile="smoke"):
    found = [json.loads(p.read_text()) for p in (results / "table_s2" / profile).glob("*/record.json")]
    return {record["row"]: record for record in found}


def run(results, *arguments, **kwargs):
    return harness("run", "table_s2", "--profile", "smoke", "--results", results, "--device", "cpu", *arguments,
                   **kwargs)


def test_every_runnable_row_leaves_a_complete_record(smoke_results):
    found = records(smoke_results)
    assert {row: record["model"]["name"] for row, record in found.items()} == ROWS
    for record in found.values():
        assert record["schema"] == SCHEMA
        assert record["status"] == "stand-in"
        assert list(record["metrics"]["parts"]) == PARTS
        assert all(list(metrics) == METRICS for metrics in record["metrics"]["parts"].values())
        assert record["model"]["parameters"] > 1e5
        assert record["model"]["gmacs"] > 0
        assert record["model"]["gmacs_counted_share"] > 0.9
        assert record["times"]["images_per_second"] > 0
        assert record["memory"]["peak_bytes"] > 1e8
        assert len(record["weights"]["sha256"]) == 64
        assert record["seed"] == 0
        assert record["machine"]["cores"] >= 1
        assert record["code"]["packages"]["torch"] == torch.__version__.split("+")[0] or "+" in torch.__version__
        assert record["protocol"]["target"]["loss"] == "cross_entropy"
        assert any("cross_entropy" in note for note in record["notes"])
        for part, metrics in record["intervals"]["parts"].items():
            low, high = metrics["AP"] or (0, 0)
            assert low - 1e-9 <= (record["metrics"]["parts"][part]["AP"] or 0) <= high + 1e-9 or high == low


def test_predictions_are_kept_raw_with_the_record(smoke_results):
    folder = next((smoke_results / "table_s2" / "smoke").glob("hrnet_w48-*"))
    predictions = load_predictions(folder / "predictions.npz")
    assert predictions.keypoints.shape[1:] == (133, 3)
    assert len(predictions.box) == len(predictions.box_score) == len(predictions) > 5


def test_the_tables_say_stand_in_in_every_form(smoke_results):
    folder = smoke_results / "table_s2" / "smoke"
    for ending in ("md", "tex", "csv", "json"):
        text = (folder / f"table_s2.{ending}").read_text()
        assert "tand-in" in text
        for model in ROWS.values():
            assert model in text or model.replace("_", r"\_") in text
    lines = list(csv.DictReader((folder / "table_s2.csv").open()))
    stand_ins = [line for line in lines if line["status"] == "stand-in"]
    assert stand_ins
    assert all(line["difference"] == "" and line["verdict"] != "reproduced" for line in stand_ins)


def test_a_second_run_does_nothing(own_results):
    before = {p: p.stat().st_mtime_ns for p in own_results.glob("table_s2/smoke/*/record.json")}
    done = run(own_results)
    assert done.returncode == 0, done.stderr
    assert {p: p.stat().st_mtime_ns for p in own_results.glob("table_s2/smoke/*/record.json")} == before
    assert "HRNet-w48" in done.stdout


def test_fresh_gives_the_same_numbers_again_and_keeps_the_old_record(own_results):
    before = records(own_results)["hrnet_w48"]
    done = run(own_results, "--rows", "hrnet_w48", "--fresh")
    assert done.returncode == 0, done.stderr
    after = records(own_results)["hrnet_w48"]
    assert after["created"] > before["created"]
    assert after["metrics"] == before["metrics"]
    assert after["weights"]["sha256"] == before["weights"]["sha256"]
    assert len(list(own_results.glob("table_s2/smoke/hrnet_w48-*/record-*.old.json"))) == 1


def test_another_seed_and_repeated_evaluations_give_two_spreads(own_results):
    without = records(own_results)["tcformer_large"]
    assert without["evaluation_noise"] == {"options": {"density_noise": 1e-6}, "repeats": []}
    for seed in (0, 1):
        done = run(own_results, "--rows", "tcformer_large", "--seed", seed, "--set", "test.noise_repeats=2")
        assert done.returncode == 0, done.stderr
    found = [json.loads(p.read_text()) for p in own_results.glob("table_s2/smoke/tcformer_large-*/record.json")]
    repeated = {record["seed"]: record for record in found if record["evaluation_noise"]["repeats"]}
    assert len(found) == 3
    assert repeated[0]["metrics"] == without["metrics"]  # of the same training, which was not run again
    assert repeated[0]["weights"]["sha256"] == without["weights"]["sha256"]
    assert [list(parts) for parts in repeated[1]["evaluation_noise"]["repeats"]] == [PARTS, PARTS]
    assert records(own_results)["hrnet_w48"]["evaluation_noise"] == {"options": {}, "repeats": []}
    shown = json.loads(harness("report", "table_s2", "--profile", "smoke", "--results", own_results, "--json").stdout)
    row = next(row for row in shown["rows"] if row["id"] == "tcformer_large")
    assert row["seeds"] == [0, 1]
    cell = next(cell for cell in row["comparisons"] if (cell["part"], cell["metric"]) == ("body", "AP"))
    assert cell["training_spread"]["n"] == cell["evaluation_spread"]["n"] == 2
    assert cell["verdict"] == "not comparable"


def test_resampled_figures_are_kept_and_give_the_intervals(smoke_results):
    for folder in (smoke_results / "table_s2" / "smoke").glob("*/"):
        record = json.loads((folder / "record.json").read_text())
        samples = load_samples(folder / record["intervals"]["file"])
        assert list(samples) == PARTS
        for part, metrics in record["intervals"]["parts"].items():
            for metric, pair in metrics.items():
                found = interval(samples[part][metric], 0.95, record["intervals"]["images"][part])
                assert pair == ([found.low, found.high] if found else None)
                assert len(samples[part][metric]) == record["intervals"]["resamples"]


def test_given_weights_are_only_evaluated(own_results):
    record = records(own_results)["hrnet_w48"]
    weights = record["weights"]["file"]
    shutil.copy(weights, own_results / "given.pth")
    shutil.rmtree(own_results / "trainings")
    done = run(own_results, "--rows", "hrnet_w48", "--weights", f"hrnet_w48={own_results / 'given.pth'}")
    assert done.returncode == 0, done.stderr
    assert not (own_results / "trainings").exists()
    again = [json.loads(p.read_text()) for p in own_results.glob("table_s2/smoke/hrnet_w48-*/record.json")]
    assert len(again) == 2
    assert again[0]["metrics"] == again[1]["metrics"]
    assert again[0]["key"] != again[1]["key"]


def test_weights_of_another_model_are_refused(own_results):
    weights = records(own_results)["tcformer_large"]["weights"]["file"]
    done = run(own_results, "--rows", "hrnet_w48", "--weights", f"hrnet_w48={weights}")
    assert_user_error(done, "hrnet_w48")
    assert "tcformer_small" in done.stderr + done.stdout
    assert "failed" in done.stdout


def test_a_failed_row_is_shown_with_its_log_and_tried_again(own_results):
    done = run(own_results, "--rows", "hrnet_w48", "--set", "train.lr=1e30", "--set", "train.epochs=3")
    assert_user_error(done, "hrnet_w48")
    assert "the loss became" in done.stderr
    folder = next(p.parent for p in own_results.glob("table_s2/smoke/hrnet_w48-*/failure.json"))
    assert not (folder / "record.json").exists()
    assert str(folder / "log.txt") in done.stderr + done.stdout
    report = harness("report", "table_s2", "--profile", "smoke", "--results", own_results)
    assert "failed" in report.stdout
    again = run(own_results, "--rows", "hrnet_w48", "--set", "train.lr=1e30", "--set", "train.epochs=3", "--dry-run")
    assert "to run again" in again.stdout


DAMAGE = {
    "a figure is text": (lambda r: r["metrics"]["parts"]["body"].update(AP="x"), "metrics.parts.body.AP is 'x'"),
    "a figure is NaN": (lambda r: r["metrics"]["parts"]["body"].update(AP=float("nan")), "NaN is not a number"),
    "no metrics": (lambda r: r.pop("metrics"), "metrics is missing"),
    "no model": (lambda r: r.pop("model"), "model is missing"),
    "data is a list": (lambda r: r.update(data=[]), "data is missing or no object"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_record_that_is_json_but_damaged_is_named(own_results, damage):
    path = next(own_results.glob("table_s2/smoke/hrnet_w48-*/record.json"))
    record = json.loads(path.read_text())
    change, words = DAMAGE[damage]
    change(record)
    path.write_text(json.dumps(record))
    for command in (["report", "table_s2", "--profile", "smoke", "--results", own_results], ["explain", path.parent]):
        assert_user_error(harness(*command), path, words)


def test_a_damaged_record_is_reported_and_left_alone(own_results):
    path = next(own_results.glob("table_s2/smoke/hrnet_w48-*/record.json"))
    path.write_text('{"schema": 1, "key')
    done = run(own_results, "--rows", "hrnet_w48")
    assert_user_error(done, "hrnet_w48")
    assert str(path) in done.stderr
    assert path.read_text() == '{"schema": 1, "key'
    report = harness("report", "table_s2", "--profile", "smoke", "--results", own_results)
    assert_user_error(report, path)
    assert "TCFormer-Large" in report.stdout


@pytest.mark.parametrize(("arguments", "word"), [
    (["table_s3x"], "table_s2"),
    (["table_s2", "--rows", "hrnet"], "hrnet_w48"),
    (["table_s2", "--profile", "demos"], "demo"),
    (["table_s2", "--set", "train.epoch=3"], "train.epochs"),
    (["table_s2", "--data", "lsp", "--data-root", "missing-folder"], "missing-folder"),
    (["table_s2", "--device", "tpu"], "cuda"),
    (["table_s2", "--weights", "hrnet_w48"], "ROW=FILE"),
    (["table_s2", "--weights", "hrnet_w48=nothing.pth"], "nothing.pth"),
    (["table_s2", "--rows", "openmmlab:not-a-config"], "openmmlab"),
])
def test_mistakes_are_one_line_and_a_non_zero_exit(tmp_path, arguments, word):
    assert_user_error(harness("run", *arguments, "--results", tmp_path / "runs"), word)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_cuda_where_there_is_none(tmp_path):
    done = harness("run", "table_s2", "--profile", "smoke", "--results", tmp_path / "runs", "--device", "cuda")
    assert_user_error(done, "--device cuda", "cpu")


def test_an_unwritable_results_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert_user_error(run(tmp_path / "file" / "runs"), tmp_path / "file" / "runs")


def start(results, *arguments):
    command = [sys.executable, "-m", "harness", "run", "table_s2", "--profile", "smoke", "--device", "cpu",
               "--results", str(results), "--rows", "tcformer_large", *arguments]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)


def heed_interrupts():
    """A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(pattern, folder: Path, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if list(folder.glob(pattern)):
            return
        time.sleep(0.02)
    raise AssertionError(f"{pattern} did not appear under {folder}")


def training_processes(results):
    """Job processes that still work in a results folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue
        if b"harness.job" in line and str(results).encode() in line:
            found.append(entry)
    return found


LONG = ["--set", "train.epochs=60", "--set", "train.steps_per_epoch=1", "--set", "train.batch_size=4"]
ENDLESS = ["--set", "train.epochs=20000", *LONG[2:], "--seed", "5"]


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_continues_and_ends_in_the_same_result(own_results, tmp_path, kind):
    undisturbed = run(own_results, "--rows", "tcformer_large", *LONG)
    assert undisturbed.returncode == 0, undisturbed.stderr
    straight = newest(own_results)

    other = tmp_path / "other"
    os.makedirs(other)
    os.symlink(own_results / "data", other / "data")
    process = start(other, *LONG)
    wait_for("trainings/*/step-00000000[3-9].pth", other)  # only the three newest are there at a time
    process.send_signal(kind)
    process.wait(timeout=60)
    end = time.monotonic() + 30
    while training_processes(other) and time.monotonic() < end:
        time.sleep(0.05)
    assert not training_processes(other), "the job outlived the run"
    assert not list(other.glob("table_s2/smoke/*/record.json")), "killed too late to test anything"
    if kind == signal.SIGINT:
        assert "continues" in process.stderr.read()

    again = run(other, "--rows", "tcformer_large", *LONG)
    assert again.returncode == 0, again.stderr
    continued = newest(other)
    log = next(other.glob("table_s2/smoke/*/log.txt")).read_text()
    assert "continuing after epoch" in log
    assert continued["key"] == straight["key"]
    assert continued["metrics"] == straight["metrics"]
    assert [e["loss"] for e in continued["training"]["history"]] == [e["loss"] for e in straight["training"]["history"]]
    a, b = (torch.load(r["weights"]["file"], weights_only=True)["model"] for r in (straight, continued))
    assert all(torch.equal(a[key], b[key]) for key in a)


def newest(results):
    found = [json.loads(p.read_text()) for p in results.glob("table_s2/smoke/tcformer_large-*/record.json")]
    return max(found, key=lambda record: record["created"])


def test_two_runs_at_once_do_not_share_a_row(own_results, tmp_path):
    first = start(own_results, *ENDLESS)
    wait_for("trainings/*/step-0000000[1-9]?.pth", own_results)  # the smoke run's own trainings ended with step 2
    second = run(own_results, "--rows", "tcformer_large", *ENDLESS)
    assert_user_error(second, "another process")
    first.terminate()
    first.wait(timeout=60)


def test_real_photographs_with_detector_boxes(shared, own_results):
    """No training split there: trained on synthetic people, evaluated on the photographs, and the table says so."""
    done = run(own_results, "--data", "coco-wholebody", "--data-root", shared / "data/coco-wholebody-sample")
    assert done.returncode == 0, done.stderr
    found = [r for r in (json.loads(p.read_text()) for p in own_results.glob("table_s2/smoke/*/record.json"))
             if r["data"]["eval"]["dataset"] == "coco-wholebody"]
    assert len(found) == 3
    for record in found:
        assert record["data"]["train"]["dataset"] == "synthetic"
        assert record["data"]["eval"] | {"images": 4, "people": 14, "boxes": "detector"} == record["data"]["eval"]
        assert any("no training split" in note for note in record["notes"])
    text = (own_results / "table_s2/smoke/table_s2.md").read_text()
    assert "trained on synthetic people" in text
    assert "Trained on synthetic train" in done.stdout


def lsp_folder(root, count):
    """A data set in the LSP layout, from synthetic people: neck and head top from shoulders and eyes."""
    import cv2
    from scipy.io import savemat

    from harness.data.synthetic import draw_image

    (root / "images").mkdir(parents=True)
    joints = np.zeros((14, 3, count))
    order = [16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9]
    for number in range(count):
        image, annotations = draw_image(7, number, 320, 240)
        cv2.imwrite(str(root / "images" / f"im{number + 1:05d}.jpg"), image)
        points = np.array(annotations[0]["keypoints"], dtype=float).reshape(17, 3)
        points[:, 2] = points[:, 2] > 0
        joints[:12, :, number] = points[order]
        joints[12, :, number] = points[[5, 6]].mean(0)
        joints[13, :, number] = points[[1, 2]].mean(0)
    joints[12:, 2] = joints[12:, 2] == 1
    savemat(root / "joints.mat", {"joints": joints})
    return root


def test_the_lsp_layout_fills_the_body_and_says_why_the_rest_is_empty(own_results, tmp_path, shared):
    done = run(own_results, "--data", "lsp", "--data-root", shared / "data/lspet-mini", "--rows", "sbl_res152",
               "--eval-split", "0:12", *FEW)
    assert done.returncode == 0, done.stderr
    record = next(r for r in (json.loads(p.read_text()) for p in own_results.glob("table_s2/smoke/*/record.json"))
                  if r["data"]["eval"]["dataset"] == "lsp")
    assert list(record["metrics"]["parts"]) == ["body"]
    assert record["data"]["train"]["dataset"] == "lsp"
    assert record["data"]["eval"]["images"] == 12
    assert "14 body joints" in (own_results / "table_s2/smoke/table_s2.md").read_text()


def test_the_lsp_layout_without_the_reference_data(own_results, tmp_path):
    root = lsp_folder(tmp_path / "lsp", 20)
    spec = ["--data", "lsp", "--data-root", root, "--rows", "hrnet_w48", *FEW]
    done = run(own_results, *spec)
    assert_user_error(done, "hrnet_w48")  # 2,000 people are expected by the splits
    assert "1600" in done.stderr + done.stdout


def test_a_broken_image_is_counted_named_and_skipped(own_results, tmp_path):
    data = tmp_path / "coco"
    shutil.copytree(next((own_results / "data").glob("synthetic-*")), data)
    victim = sorted((data / "val2017").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:300])
    arguments = ["--data", "coco-wholebody", "--data-root", data, "--rows", "hrnet_w48", *FEW]
    refused = run(own_results, *arguments)
    assert_user_error(refused, "hrnet_w48")
    assert victim.name in refused.stderr
    done = run(own_results, *arguments, "--set", "train.max_broken_images=0.2")
    assert done.returncode == 0, done.stderr
    record = max((json.loads(p.read_text()) for p in own_results.glob("table_s2/smoke/hrnet_w48-*/record.json")),
                 key=lambda r: r["created"])
    assert any(victim.name in note for note in record["notes"])


def in_processes(results, folder, count):
    """Train a row's job in so many processes (gloo), and return the training's result and weights."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count), "-m",
               "harness.job", str(folder), str(results), "--train-only"]
    launched = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert launched.returncode == 0, launched.stderr + (folder / "log.txt").read_text()
    return trained(results)


def trained(results):
    """Result and weights of the one training there."""
    training = next(results.glob("trainings/*/training.json"))
    return json.loads(training.read_text()), torch.load(training.parent / "final.pth", weights_only=True)["model"]


def job_folder(results, seed):
    return next(p.parent for p in results.glob("table_s2/smoke/tcformer_large-*/job.json")
                if json.loads(p.read_text())["seed"] == seed)


SHARED = ["--set", "train.epochs=3", "--set", "train.batch_size=4", "--set", "target.loss=mse", "--set",
          "train.lr=1e-3"]


@pytest.mark.slow
def test_two_processes_learn_as_one_that_accumulates(own_results, tmp_path):
    """The launcher's road, on the CPU (gloo), for a network without batch norm: one loss curve, within rounding."""
    shutil.rmtree(own_results / "trainings")
    done = run(own_results, "--rows", "tcformer_large", "--seed", "9", "--set", "train.processes=2", *SHARED)
    assert done.returncode == 0, done.stderr
    alone, first = trained(own_results)
    record = json.loads((job_folder(own_results, 9) / "record.json").read_text())
    assert any("each accumulated the gradients of 2 batches of 4 a step, so that steps have 8 people" in note
               for note in record["notes"])
    assert not any("batch norm" in note for note in record["notes"])
    shutil.rmtree(own_results / "trainings")

    shared, second = in_processes(own_results, job_folder(own_results, 9), 2)
    assert (alone["processes"], shared["processes"], shared["shares"]) == (1, 2, 2)
    curves = [[epoch["loss"] for epoch in result["history"]] for result in (alone, shared)]
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)
    assert all(torch.allclose(value, second[key], rtol=1e-3, atol=2e-4) for key, value in first.items())


@pytest.mark.parity
def test_mmpose_configurations_run_as_rows(own_results):
    pytest.importorskip("mmpose", reason="mmpose is not installed")
    name = "openmmlab:td-hm_res50_8xb64-210e_coco-wholebody-256x192"
    done = run(own_results, "--rows", name, *FEW)
    assert done.returncode == 0, done.stderr + done.stdout
    record = next(json.loads(p.read_text()) for p in own_results.glob("table_s2/smoke/openmmlab*/record.json"))
    assert record["model"]["parameters"] == 34_029_509
    assert record["status"] == "stand-in"
