"""The command `harness data`: status, output, and mistakes in one line."""

import json

import pytest

from tests.helpers import assert_user_error, harness


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
