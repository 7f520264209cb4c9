"""`harness run TABLE --profile paper --weights-dir DIR`: known files by name, one verdict each, nothing trained."""

import hashlib
import json

import pytest
import torch
import yaml
from typer.testing import CliRunner

from harness.errors import UserError
from harness.plan import Options, make_plan
from harness.published import load_published
from harness.registry import build_model, model_spec, spec_data
from harness.report.build import build_report, published_rows
from harness.report.model import RowResult
from harness.zoo import importing, known
from harness.zoo.found import find
from harness.zoo.verdicts import lines
from tests.harness.test_plan import coco_folder
from tests.helpers import ROOT
from tests.zoo.conftest import renamed, state_of


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """A list of known files of our own, in place of the published ones; a function that adds a file to list and folder.

    The name gets the hash of the content, as publishers do.
    """
    specs, folder, files = tmp_path / "specs", tmp_path / "zoo", []
    (specs / "weights").mkdir(parents=True)
    folder.mkdir()
    monkeypatch.setattr(known, "specs_dir", lambda: specs)

    def add(stem, content, **fields):
        digits = hashlib.sha256(content).hexdigest()[:8]
        path = folder / f"{stem}-{digits}_20220627.pth"
        path.write_bytes(content)
        files.append({"name": path.name, **fields})
        text = yaml.safe_dump({"project": "Test", "source": "here", "licence": "MIT", "files": files})
        (specs / "weights" / "test.yaml").write_text(text)
        known._load.cache_clear()
        return path

    yield add
    known._load.cache_clear()


def plan(tmp_path, table, **options):
    data = tmp_path / "coco" if (tmp_path / "coco").is_dir() else coco_folder(tmp_path / "coco", ["val"])
    return make_plan(table, Options(profile="paper", results=str(tmp_path / "runs"), device="cpu", **{
        "data_root": str(data), "weights_dir": str(tmp_path / "zoo"), **options}))


S2 = {"sbl": {"model": "sbl_resnet152", "rows": ["table_s2/sbl_res152"], "expected": ["mmpose0x_res152_384x288"]},
      "hrnet": {"model": "hrnet_w48", "rows": ["table_s2/hrnet_w48"], "expected": ["mmpose0x_hrnet_w48_384x288"]}}


def test_rows_with_their_files_are_evaluated_and_the_others_are_missing(tmp_path, listed):
    there, gone = (listed(name, name.encode(), **fields) for name, fields in S2.items())
    gone.unlink()
    made = plan(tmp_path, "table_s2")
    assert list(made.jobs) == ["sbl_res152"]
    job = made.jobs["sbl_res152"]
    assert (job.weights, job.train, job.status) == (str(there), None, "measured")
    said = {row["id"]: row.get("missing") for row in made.rows if "model" in row}
    assert said["sbl_res152"] is None
    assert gone.name in said["hrnet_w48"]
    assert said["tcformer_large"] == "no published weights of it are known"


def test_weights_given_by_hand_go_before_the_folder(tmp_path, listed):
    listed("sbl", b"sbl", **S2["sbl"])
    (tmp_path / "mine.pth").write_bytes(b"mine")
    made = plan(tmp_path, "table_s2", weights={"hrnet_w48": str(tmp_path / "mine.pth")})
    assert {row: job.weights.rsplit("/", 1)[1][:4] for row, job in made.jobs.items()} == {
        "sbl_res152": "sbl-", "hrnet_w48": "mine"}


def test_of_two_files_the_one_of_the_first_published_numbers_is_taken(tmp_path, listed):
    port = listed("port", b"p", model="tcformer", rows=["table_s3/tcformer"], expected=["mmpose0x_tcformer_256x192"])
    own = listed("own", b"o", model="tcformer", rows=["table_s3/tcformer"], expected=["tcformer_repo_base_256x192"])
    made = plan(tmp_path, "table_s3")
    assert made.found["tcformer"].paths == (own, port)
    assert list(made.jobs) == ["tcformer"]
    own.unlink()
    assert plan(tmp_path, "table_s3").jobs["tcformer"].weights == str(port)


def test_classifiers_are_found_too(tmp_path, listed):
    listed("tc", b"t", model="tcformer", rows=["imagenet/base"], expected=["tcformer_repo_cls_base"])
    for synset in ("n01440764", "n01443537"):
        (tmp_path / "imagenet" / "val" / synset).mkdir(parents=True)
    found = find("imagenet", spec_data("tables", "imagenet")["rows"], tmp_path / "zoo")
    assert [name for name, one in found.items() if one.paths] == ["base"]


def test_what_is_not_there_or_not_right_is_said_before_anything_runs(tmp_path, listed):
    path = listed("sbl", b"sbl", **S2["sbl"])
    path.write_bytes(b"other")
    with pytest.raises(UserError, match=rf"{path.name} is not what its name says"):
        plan(tmp_path, "table_s2")
    path.unlink()
    with pytest.raises(UserError, match=rf"no known file is there; looked for {path.name}"):
        plan(tmp_path, "table_s2")
    with pytest.raises(UserError, match="no published weights are known for rows of table_s3"):
        plan(tmp_path, "table_s3")
    with pytest.raises(UserError, match="no such folder"):
        plan(tmp_path, "table_s2", weights_dir=str(tmp_path / "none"))
    with pytest.raises(UserError, match="profile demo runs other networks than the published ones"):
        make_plan("table_s2", Options(weights_dir=str(tmp_path / "zoo"), results=str(tmp_path / "runs")))


def test_a_file_imported_under_the_same_name_is_found_by_its_origin(tmp_path, listed):
    path = tmp_path / "w.pth"
    torch.save({"state_dict": renamed(state_of("hrnet_w48"), "head.", "keypoint_head.")}, path)
    path = listed("hrnet", path.read_bytes(), **S2["hrnet"])
    target = path.with_suffix(".safetensors")
    importing.write(importing.read(path, "hrnet_w48"), target)
    path.unlink()
    assert plan(tmp_path, "table_s2").jobs["hrnet_w48"].weights == str(target)
    other = tmp_path / "renamed.pth"
    torch.save({"state_dict": renamed(state_of("hrnet_w48"), "head.", "keypoint_head.")}, other)
    importing.write(importing.read(other, "hrnet_w48"), target)
    with pytest.raises(UserError, match=rf"does not say that it was imported from {path.name}"):
        plan(tmp_path, "table_s2")


def test_each_file_gets_a_verdict_against_what_it_should_reach(tmp_path, listed, request):
    """Records as a run of the published weights on val2017 would leave them."""
    from tests.report.conftest import given_weights

    path = listed("sbl", b"sbl", **S2["sbl"])
    made = plan(tmp_path, "table_s2")
    row = next(r for r in made.rows if r["id"] == "sbl_res152")
    for offset, verdict in ((0.0, "reproduced"), (-0.05, "not reproduced")):
        record = given_weights(row, "eab8caa8" + "0" * 56, offset)
        published = published_rows(row, load_published())
        report = build_report(made.table, made.profile, [RowResult(row, "measured", record, published=published)])
        said = "\n".join(lines(made, report))
        assert f"sbl_res152: {path.name}" in said
        assert "whole-body AP 0.610 in MMPose 0.x (mmpose0x_res152_384x288)" in said
        assert f"here: {verdict} (" in said
        assert "hrnet_w48: missing: no published weights of it are known" in said


@pytest.mark.slow
@pytest.mark.shared
def test_the_command_on_real_photographs(shared, tmp_path, listed, monkeypatch):
    """The whole road with a network of the published size and form; four photographs are too few to be compared."""
    from harness.cli import app

    saved = tmp_path / "w.pth"
    torch.manual_seed(0)
    fresh = build_model(model_spec("tcformer"), 133).state_dict()  # heat maps of made-up values would not be finite
    torch.save({"meta": {"epoch": 210}, "state_dict": renamed(
        fresh, "backbone.patch_embed1.proj.", "backbone.patch_embed1.projection.")}, saved)
    path = listed("tcformer_coco-wholebody_256x192", saved.read_bytes(), model="tcformer", rows=["table_s3/tcformer"],
                  expected=["mmpose0x_tcformer_256x192"])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = CliRunner().invoke(app, [
        "run", "table_s3", "--profile", "paper", "--weights-dir", str(path.parent), "--data-root",
        str(shared / "data" / "coco-wholebody-sample"), "--results", str(tmp_path / "runs"), "--device", "cpu",
        "--boxes", "gt", "--set", "test.batch_size=4", "--set", "test.noise_repeats=1"])
    assert done.exit_code == 0, done.output
    record = json.loads(next((tmp_path / "runs" / "table_s3" / "paper").glob("tcformer-*/record.json")).read_text())
    assert record["status"] == "measured"
    assert record["data"]["train"] is None
    assert record["hashes"]["weights"].startswith(path.name.split("-")[-1][:8])
    assert not (tmp_path / "runs" / "trainings").exists()
    assert f"tcformer: {path.name} (SHA-256 " in done.output
    assert "not comparable" in done.output
    assert "wo_ctm: missing: no published weights of it are known" in done.output
