"""Results that are published on purpose."""

import json

import pytest

from harness.errors import UserError
from harness.promoting import promote
from harness.report import show_report
from harness.report.write import PROMOTED
from tests.gate.kept import leave, record, write
from tests.helpers import harness


def committed(row, **changes):
    """A record of a clean commit whose data and weights lay somewhere on a machine."""
    data = record(row, **changes)
    data["code"] = {**data.get("code", {}), "commit": "a" * 40, "dirty": False}
    data["data"] = {**data["data"], "train": {"dataset": "lsp", "root": "/home/me/my data/lspet"}}
    data["weights"] = {"file": "/scratch/me/final.pth", "sha256": "0" * 64}
    data["notes"] = ["read from /home/me/my data/lspet; 3 images/s, no path: 1/2"]
    return data


@pytest.fixture
def runs(tmp_path):
    results = tmp_path / "runs"
    leave(results, committed("hrnet_w48"), predictions=b"predicted")
    leave(results, committed("sbl_res152"))
    (results / "table_s2" / "demo" / "table_s2.md").write_text(f"from /home/me/my data/lspet, {results}/log")
    write(results / "trainings" / "x.json", {"a": 1})
    return results


def test_records_arrays_and_tables_without_the_machines_paths(runs, tmp_path):
    done = promote(runs, tmp_path / "kept")
    assert len(done.records) == 2
    files = sorted(path for path in (tmp_path / "kept").rglob("*") if path.is_file())
    assert {path.name for path in files} == {"record.json", "predictions.npz", "resamples.npz", "table_s2.md", PROMOTED}
    assert not any(b"/home/me" in path.read_bytes() or b"/scratch" in path.read_bytes() for path in files)
    assert (tmp_path / "kept/table_s2/demo/table_s2.md").read_text() == "from lspet, runs/log"
    kept = json.loads(next((tmp_path / "kept").rglob("record.json")).read_text())
    assert kept["data"]["train"]["root"] == "lspet"
    assert kept["weights"]["file"] == "final.pth"
    assert kept["notes"] == ["read from lspet; 3 images/s, no path: 1/2"]
    before = json.loads(next(runs.rglob("record.json")).read_text())
    assert kept["metrics"] == before["metrics"]


def test_again_it_writes_nothing_and_other_content_needs_force(runs, tmp_path):
    promote(runs, tmp_path / "kept")
    again = promote(runs, tmp_path / "kept")
    assert (again.files, again.same) == (0, 7)
    table = tmp_path / "kept/table_s2/demo/table_s2.md"
    table.write_text("mine")
    with pytest.raises(UserError, match=r"table_s2\.md is there with other content; --force"):
        promote(runs, tmp_path / "kept")
    assert table.read_text() == "mine"
    assert promote(runs, tmp_path / "kept", force=True).files == 1


def test_tables_of_a_folder_that_was_moved_name_paths_from_it_on(runs, tmp_path):
    folder = runs / "table_s2" / "demo"
    old = "/old/my runs/table_s2/demo/hrnet_w48-ab/log.txt"
    (folder / "table_s2.md").write_text(f"it broke (log: {old})")
    (folder / "table_s2.tex").write_text(f"it broke (log: {old})".replace("_", r"\_"))
    (folder / "table_s2.json").write_text(json.dumps({"log": old, "file": "runs/trainings/x-1/final.pth"}))
    promote(runs, tmp_path / "kept")
    kept, new = tmp_path / "kept" / "table_s2" / "demo", "table_s2/demo/hrnet_w48-ab/log.txt"
    assert (kept / "table_s2.md").read_text() == f"it broke (log: {new})"
    assert (kept / "table_s2.tex").read_text() == f"it broke (log: {new})".replace("_", r"\_")
    assert json.loads((kept / "table_s2.json").read_text()) == {"log": new, "file": "trainings/x-1/final.pth"}


def test_a_report_leaves_promoted_tables_as_they_are(runs, tmp_path, capsys):
    promote(runs, tmp_path / "kept")
    show_report("table_s2", "demo", tmp_path / "kept")
    assert "which stay as they are" in " ".join(capsys.readouterr().out.split())
    assert (tmp_path / "kept/table_s2/demo/table_s2.md").read_text() == "from lspet, runs/log"
    assert not (tmp_path / "kept/table_s2/demo/table_s2.csv").exists()


@pytest.mark.parametrize("code", [{"commit": None, "dirty": None}, {"commit": "a" * 40, "dirty": True}])
def test_what_is_in_no_commit_is_refused(runs, tmp_path, code):
    leave(runs, {**committed("hrnet_w32"), "code": code})
    with pytest.raises(UserError, match=r"hrnet_w32 .* in no commit"):
        promote(runs, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    assert len(promote(runs, tmp_path / "kept", force=True).records) == 3


@pytest.mark.parametrize("place", [".", "inside", ".."])
def test_a_folder_is_never_promoted_into_itself(runs, place):
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="must stay as they are"):
        promote(runs, runs / place, force=True)
    assert {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()} == before


def test_nothing_to_promote(tmp_path):
    write(tmp_path / "runs" / "x.json", {"a": 1})
    with pytest.raises(UserError, match="nothing to save"):
        promote(tmp_path / "runs", tmp_path / "kept")


def test_the_command_and_the_report_of_what_was_promoted(runs, tmp_path):
    done = harness("results", "promote", runs, "--to", tmp_path / "kept")
    assert done.returncode == 0, done.stderr
    assert "promoted 2 record(s)" in done.stdout
    assert harness("results", "promote", tmp_path / "nowhere", "--to", tmp_path / "kept").returncode == 1
