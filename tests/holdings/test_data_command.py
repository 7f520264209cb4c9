"""The command `harness data`: status, output, and mistakes in one line."""

import json
import subprocess
import sys

import pytest

from harness.data.synthetic import write_synthetic
from tests.classification.conftest import write_images
from tests.helpers import ROOT, assert_user_error, harness


def test_describe_says_what_is_there_and_what_is_not(root):
    done = harness("data", "describe", "coco-wholebody", "--data-root", root)
    assert done.returncode == 0, done.stderr
    assert "there    annotations/coco_wholebody_train_v1.0.json" in done.stdout
    assert "or as annotations/person_detections.json" in done.stdout
    (root / "annotations/coco_wholebody_train_v1.0.json").unlink()
    data = json.loads(harness("data", "describe", "coco-wholebody", "--data-root", root, "--json").stdout)
    there = {file["path"]: file["there"] for file in data["files"]}
    assert not there["annotations/coco_wholebody_train_v1.0.json"]
    assert there["train2017/"]
    assert data["missing_gb"] == 3.2


@pytest.mark.parametrize("name", ["synthetic", "synthetic-classes", "image-folder", "lsp", "imagenet-1k"])
def test_describe_is_quick_and_says_something(name):
    assert name in harness("data", "describe", name).stdout


def test_verify_ends_with_1_where_something_is_wrong(root):
    done = harness("data", "verify", "coco-wholebody", "--data-root", root)
    assert done.returncode == 1
    assert "FAILED  val: 4 images; a whole copy has 5,000" in done.stdout
    assert "2 fault(s)" in done.stdout
    assert done.stderr == ""
    data = json.loads(harness("data", "verify", "coco-wholebody", "--data-root", root, "--json", "--quick").stdout)
    assert data["faults"] == 2


def test_made_data_is_prepared_where_a_run_looks_for_it(tmp_path):
    few = ["--set", "train=3", "--set", "val=2", "--results", tmp_path]
    assert_user_error(harness("data", "verify", "synthetic", *few), "not drawn yet", "harness data prepare synthetic")
    done = harness("data", "prepare", "synthetic", *few)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "data").glob("synthetic-*/train2017"))
    done = harness("data", "verify", "synthetic", *few)
    assert done.returncode == 0
    assert "nothing wrong" in done.stdout


def test_made_data_of_other_options_says_which(tmp_path):
    root = tmp_path / "people"
    write_synthetic(root, {"train": 2, "val": 1}, seed=0, workers=1)
    said = "give --set train=2 --set val=1"
    for options in (["--data-root", root], ["--data-root", root, "--set", "train=3"], ["--results", tmp_path]):
        (tmp_path / "data").mkdir(exist_ok=True)
        if "--results" in options:
            root.rename(tmp_path / "data" / "synthetic-0")
        assert_user_error(harness("data", "verify", "synthetic", *options), said)
    other = harness("data", "verify", "synthetic", "--data-root", tmp_path)
    assert_user_error(other, f"--data-root {tmp_path}: synthetic was not drawn there", "harness list datasets")


def test_a_split_alone_is_whole(tmp_path):
    write_images(tmp_path / "val", {"cat": 1, "ant": 1})
    done = harness("data", "verify", "image-folder", "--data-root", tmp_path)
    assert done.returncode == 1
    assert "note    train: nothing of it is in" in done.stdout
    assert harness("data", "verify", "image-folder", "--data-root", tmp_path, "--split", "val").returncode == 0


def test_a_wrong_folder_is_told_without_anything_heavy(tmp_path):
    code = ("import sys\nfrom harness.cli import app\n"
            f"arguments = ['data', 'verify', 'coco-wholebody', '--data-root', {str(tmp_path)!r}]\n"
            "try:\n    app(arguments)\nexcept SystemExit as end:\n    status = end.code\n"
            "bad = {'torch', 'cv2', 'numpy'} & set(sys.modules)\n"
            "sys.exit(f'imported {bad}' if bad else status)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert "FAILED  train:" in done.stdout


@pytest.mark.parametrize(("arguments", "words"), [
    (["verify", "cocoo", "--data-root", "x"], ("coco-wholebody",)),
    (["verify", "lsp"], ("--data-root DIR",)),
    (["verify", "lsp", "--data-root", "nowhere"], ("nowhere", "harness data describe lsp")),
    (["prepare", "synthetic", "--set", "train"], ("--set train", "train=600")),
    (["prepare", "synthetic", "--set", "test=3"], ("test", "train")),
    (["verify", "synthetic", "--split", "tset"], ("tset", "val")),
    (["verfy"], ("verfy", "verify")),
])
def test_mistakes_are_one_line(arguments, words, tmp_path):
    assert_user_error(harness("data", *arguments, env={"HARNESS_RESULTS": str(tmp_path)}), *words)
