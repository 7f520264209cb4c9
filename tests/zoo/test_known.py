"""The list of known published files: whole, right, and read without anything heavy."""

import json
import subprocess
import sys

import pytest

from harness.errors import UserError
from harness.published import load_facts, load_published
from harness.registry import model_spec, spec_data
from harness.zoo.known import checked_hash, hash_in_name, known_files
from tests.helpers import ROOT, assert_user_error, harness

FILES = known_files()


def test_every_checkpoint_of_the_published_numbers_is_known():
    named = {row.checkpoint for row in load_published().values()} | {f.checkpoint for f in load_facts("classification")}
    assert named - {None} <= set(FILES)


@pytest.mark.parametrize("file", FILES.values(), ids=list(FILES))
def test_a_file_agrees_with_what_it_names(file):
    if file.model is not None:
        assert model_spec(file.model).weights in ("tcformer", "sbl", "hrnet", "openmmlab")
    for result in file.results:
        assert result.checkpoint == file.name
    for place in (*file.rows, *file.starts):
        table, row = place.split("/")
        found = next(r for r in spec_data("tables", table)["rows"] if r["id"] == row)
        assert found["model"] == file.model
    for place in file.rows:
        table, row = place.split("/")
        found = next(r for r in spec_data("tables", table)["rows"] if r["id"] == row)
        assert file.expected[0] in found["published"]
    assert file.sha256 == file.name.rsplit("-", 1)[1].split("_")[0].split(".")[0]
    assert file.licence
    assert file.source


def test_every_initial_file_that_a_table_names_is_known():
    for table in ("table_s2", "table_s3"):
        for row in spec_data("tables", table)["rows"]:
            first = str(row.get("init_expected", "")).split()[:1]
            if first and first[0].endswith(".pth") and "model" in row:
                assert f"{table}/{row['id']}" in FILES[first[0]].starts


@pytest.mark.parametrize(("name", "digits"), [
    ("res152_coco_wholebody_384x288-eab8caa8_20201004.pth", "eab8caa8"), ("resnet152-b121ed2d.pth", "b121ed2d"),
    ("tcformer-4e1adbf1_20220421.pth", "4e1adbf1"), ("hrnet_w48-8ef0771d.safetensors", "8ef0771d"),
    ("final.pth", None), ("best-epoch_210.pth", None), ("run-20240101.pth", "20240101"),
])
def test_hashes_in_names(name, digits):
    assert hash_in_name(name) == digits


def test_a_file_that_is_not_what_its_name_says(tmp_path):
    path = tmp_path / "resnet152-b121ed2d.pth"
    path.write_bytes(b"x")
    with pytest.raises(UserError, match=r"is not what its name says: SHA-256 2d711642\.\.\., and b121ed2d in the name"):
        checked_hash(path)
    right = tmp_path / "x-2d711642.pth"
    right.write_bytes(b"x")
    assert checked_hash(right).startswith("2d711642")


def test_the_list_as_text_and_as_json():
    text = harness("weights", "list").stdout
    assert all(name in text for name in FILES)
    assert "whole-body AP 0.610 (mmpose0x_res152_384x288)" in text
    assert "top-1 0.823 (tcformer_repo_cls_base)" in text
    data = json.loads(harness("weights", "list", "--table", "table_s2", "--json").stdout)
    assert {place for file in data for place in file["rows"]} >= {
        "table_s2/sbl_res152", "table_s2/hrnet_w48", "table_s2/tcformer_large"}
    assert_user_error(harness("weights", "list", "--table", "table_s1"), "table_s1", "table_s2")


@pytest.mark.parametrize("arguments", [["weights", "list"], ["weights", "import", "--help"]])
def test_listing_and_helping_import_nothing_heavy(arguments):
    code = (f"import sys\nfrom harness.cli import app\ntry:\n    app({arguments!r})\nexcept SystemExit:\n    pass\n"
            "bad = {'torch', 'pandas', 'scipy', 'cv2', 'numpy', 'timm', 'safetensors'} & set(sys.modules)\n"
            "sys.exit(f'imported {bad}' if bad else 0)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
