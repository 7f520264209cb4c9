"""Baselines: what is kept, that it comes back the same, and that no writer can harm another one's."""

import errno
import json
import os
import subprocess
import sys
import time

import pytest

from harness.errors import UserError
from harness.files import sha256_file
from harness.gate import baselines
from harness.gate.baselines import find_baseline, history, load, materialise, names, remove, save
from tests.gate.kept import benchmarks, leave, profile, record, write
from tests.helpers import ROOT, assert_user_error, harness


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def runs(tmp_path):
    """A results folder with two rows, a profile, and what no baseline keeps."""
    results = tmp_path / "runs"
    leave(results, record("hrnet_w48"), predictions=b"predicted")
    leave(results, record("sbl_res152", ap=0.4), predictions=b"predicted too")
    write(results / "profile.json", profile())
    write(results / "table_s2" / "demo" / "table_s2.json", {"schema": 1, "table": "table_s2"})
    write(results / "data" / "drawn" / "annotations.json", {"images": []})
    (results / "trainings" / "hrnet").mkdir(parents=True)
    (results / "trainings" / "hrnet" / "final.pth").write_bytes(b"weights")
    return results


def tree(folder):
    """Every file below a folder with its hash."""
    return {str(path.relative_to(folder)): sha256_file(path) for path in folder.rglob("*") if path.is_file()}


def objects(store):
    return sorted(path for path in (store / "objects").glob("*/*"))


def test_what_is_kept_comes_back_as_it_lay(runs, store, tmp_path):
    saved, new = save("v1", runs, store)
    assert new
    assert saved.version == 1
    back = materialise("v1", tmp_path / "back", store)
    kept = {name: sha for name, sha in tree(runs).items()
            if name.endswith(("record.json", ".npz", "profile.json"))}
    assert len(kept) == 7
    assert tree(back) == kept


def test_the_manifest_says_what_it_is_of(runs, store):
    manifest = save("v1", runs, store)[0].manifest
    assert (manifest["source"], manifest["source_kind"]) == (str(runs), "results folder")
    assert [(one["kind"], one["title"], one["commit"], one["machine"]) for one in manifest["contents"]] == [
        ("profile", "1 row(s) of hrnet_small", "a" * 40, "Example CPU, 2 cores"),
        ("record", "hrnet_w48 (table_s2, demo)", "a" * 40, "Example CPU, 2 cores"),
        ("record", "sbl_res152 (table_s2, demo)", "a" * 40, "Example CPU, 2 cores")]


def test_equal_content_is_stored_once(runs, store):
    save("v1", runs, store)
    before = len(objects(store))
    save("v2", runs, store)
    assert len(objects(store)) == before + 1  # the second manifest, which has another time


def test_a_row_alone_lies_where_a_table_looks_for_it(runs, store, tmp_path):
    row = next((runs / "table_s2" / "demo").glob("hrnet_w48-*"))
    for number, source in enumerate((row, row / "record.json", row.parent)):
        save(f"row{number}", source, store)
        back = materialise(f"row{number}", tmp_path / f"back{number}", store)
        assert (back / row.relative_to(runs) / "record.json").is_file()
        assert (back / row.relative_to(runs) / "predictions.npz").is_file()


@pytest.mark.parametrize(("name", "data"), [
    ("profile.json", profile()), ("bench.json", benchmarks({"test_x": 0.1})),
    ("comparison.json", {"schema": 1, "kind": "comparison", "created": "2026-01-01", "base": {"name": "HEAD~1"},
                         "candidate": {"name": "."}, "findings": []})])
def test_a_single_file(tmp_path, store, name, data):
    path = write(tmp_path / name, data)
    save("one", path, store)
    assert tree(materialise("one", tmp_path / "back", store)) == {name: sha256_file(path)}


def test_large_predictions_are_left_out_and_said(runs, store, monkeypatch):
    monkeypatch.setattr("harness.gate.selection.SMALL", 10)
    manifest = save("v1", runs, store)[0].manifest
    assert [(file["bytes"], file["why"]) for file in manifest["left_out"]] == [
        (13, "large; --predictions stores them")]
    assert len(save("all", runs, store, predictions=True)[0].manifest["files"]) == 7
    assert len(save("none", runs, store, predictions=False)[0].manifest["files"]) == 5


def test_failed_and_unreadable_are_left_out_and_said(runs, store):
    row = leave(runs, record("zoomnet"))
    (row / "record.json").rename(row / "record-1.old.json")
    write(row / "failure.json", {"schema": 1, "key": "k", "row": "zoomnet", "status": "failed", "error": "no memory",
                                 "created": "2026-01-01"})
    (runs / "half.json").write_text("{")
    left_out = save("v1", runs, store)[0].manifest["left_out"]
    assert {file["why"] for file in left_out} == {"failed: no memory", "not valid JSON"}


def test_a_name_is_not_taken_from_its_content(runs, store):
    save("v1", runs, store)
    assert save("v1", runs, store) == (load("v1", store), False)
    leave(runs, record("hrnet_w48", ap=0.6))
    with pytest.raises(UserError, match="v1 is there already"):
        save("v1", runs, store)
    saved, new = save("v1", runs, store, force=True)
    assert (saved.version, new) == (2, True)
    values = [json.loads(one.read(f"table_s2/demo/hrnet_w48-{'ab' * 6}/record.json"))["metrics"]["parts"]["body"]["AP"]
              for one in history("v1", store)]
    assert values == [0.5, 0.6]
    assert load("v1@1", store).title == "v1@1"
    assert load("v1@2", store).title == "v1"
    with pytest.raises(UserError, match="2 version"):
        load("v1@3", store)


def test_removing_leaves_what_others_need(runs, store, tmp_path):
    save("v1", runs, store)
    leave(runs, record("hrnet_w48", ap=0.6))
    save("v1", runs, store, force=True)
    save("v2", runs, store)
    (store / "objects" / "ff").mkdir(exist_ok=True)
    (store / "objects" / "ff" / ".half.part").write_bytes(b"of a killed writer")
    count, _ = remove("v1", store)
    assert count == 4  # two manifests, the earlier record, the half
    assert names(store) == ["v2"]
    materialise("v2", tmp_path / "back", store)
    remove("v2", store)
    assert objects(store) == []


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "a b", "x" * 101, "v1@2", "a\n"])
def test_names_that_could_be_paths_are_refused(runs, store, name):
    with pytest.raises(UserError, match="baseline name"):
        save(name, runs, store)
    with pytest.raises(UserError):
        load(name, store)
    with pytest.raises(UserError):
        remove(name, store)
    assert find_baseline(name, store) is None
    assert not store.exists() or not list(store.rglob("*.json"))


def test_nothing_to_save(tmp_path, store):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "other.json", {"a": 1})
    for source, word in (("empty", "nothing to save"), ("other.json", "none of what"), ("none", "no such")):
        with pytest.raises(UserError, match=word):
            save("v1", tmp_path / source, store)
    assert names(store) == []


def test_a_damaged_object_is_named_and_saving_again_heals(runs, store, tmp_path):
    saved, _ = save("v1", runs, store)
    file = next(file for file in saved.manifest["files"] if "hrnet" in file["path"] and "record" in file["path"])
    path = store / "objects" / file["sha256"][:2] / file["sha256"][2:]
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.9"))
    with pytest.raises(UserError, match=r"hrnet_w48-.*/record\.json of baseline v1 is damaged"):
        materialise("v1", tmp_path / "back", store)
    assert not (tmp_path / "back").exists()
    save("again", runs, store)
    materialise("v1", tmp_path / "back", store)
    path.unlink()
    with pytest.raises(UserError, match="not in the store any more"):
        load("v1", store).read(file["path"])


def test_with_a_damaged_name_nothing_is_collected(runs, store):
    save("v1", runs, store)
    save("v2", runs / "profile.json", store)
    (store / "names" / "v1.json").write_text("{")
    with pytest.raises(UserError, match=r"v1\.json"):
        load("v1", store)
    before = objects(store)
    remove("v2", store)
    assert objects(store) == before
    remove("v1", store)  # what is damaged can go
    assert objects(store) == []


def test_a_manifest_cannot_lead_out_of_the_folder(runs, store, tmp_path, monkeypatch):
    monkeypatch.setattr("harness.gate.selection._place", lambda path, top, data: "../../escaped.json")
    with pytest.raises(UserError, match="escaped"):
        save("v1", runs / "profile.json", store)
    assert names(store) == []
    assert objects(store) == []


def test_a_record_that_changes_meanwhile_is_not_saved(runs, store, monkeypatch):
    whole = baselines.select

    def then_changed(*given):
        chosen = whole(*given)
        leave(runs, record("hrnet_w48", ap=0.7))
        return chosen

    monkeypatch.setattr(baselines, "select", then_changed)
    with pytest.raises(UserError, match="changed while it was being saved"):
        save("v1", runs, store)
    assert names(store) == []
    assert objects(store) == []


def test_a_full_disk_leaves_the_store_as_it_was(runs, store, tmp_path, monkeypatch):
    save("v1", runs / "profile.json", store)
    before = tree(store)
    real, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        save("v2", runs, store)
    assert tree(store) == before


WRITER = """
import resource, sys
from pathlib import Path
from harness.errors import UserError
from harness.gate.baselines import materialise, remove, save
from tests.gate.kept import leave, record
store, folder, turn, job = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
if job == "small":  # files of more than 20,000 bytes cannot be written
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    save("large", folder, store)
for i in range(int(sys.argv[5])):
    try:
        if job == "remove":
            remove("shared", store)
        else:
            runs = folder / f"{turn}-{i}"
            leave(runs, record(ap=(i + 1) / 1000), predictions=b"common" * 1000, resamples=turn.encode() * 1000)
            save("shared" if job == "same" else f"own-{turn}", runs, store, force=True)
    except UserError as error:
        assert "unknown baseline" in str(error), error
"""


def start(store, folder, turn, job, count):
    return subprocess.Popen([sys.executable, "-c", WRITER, store, folder, turn, job, str(count)],
                            stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def finish(*processes):
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said


def every_file_of(store):
    """Read and check every file of every version."""
    return [file["path"] for name in names(store) for one in history(name, store) for file in one.manifest["files"]
            if one.read(file["path"]) is not None]


def test_writers_at_once_lose_nothing(store, tmp_path):
    """Four processes: two under one name, two under their own, all with some common content."""
    finish(*[start(store, tmp_path / "in", turn, job, 12) for turn, job in
             (("a", "same"), ("b", "same"), ("c", "own"), ("d", "own"))])
    assert names(store) == ["own-c", "own-d", "shared"]
    assert [len(history(name, store)) for name in names(store)] == [12, 12, 24]
    assert len(every_file_of(store)) == 3 * 48


def test_removing_while_others_save_takes_nothing_from_them(store, tmp_path):
    finish(start(store, tmp_path / "in", "a", "same", 15), start(store, tmp_path / "in", "c", "own", 15),
           start(store, tmp_path / "in", "d", "own", 15), start(store, tmp_path / "in", "x", "remove", 60))
    assert [len(history(name, store)) for name in ("own-c", "own-d")] == [15, 15]
    assert len(every_file_of(store)) >= 3 * 30
    for name in names(store):
        remove(name, store)
    assert objects(store) == []


def test_a_killed_writer_leaves_nothing_half_written(runs, store, tmp_path):
    save("before", runs, store)
    for turn in range(4):
        process = start(store, tmp_path / "in", str(turn), "own", 10_000)
        while not (store / "names" / f"own-{turn}.json").exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.05 + 0.03 * turn)
        process.kill()
        process.communicate()
        every_file_of(store)
        save(f"after-{turn}", runs, store)  # the lock went with its process
    for name in names(store):
        if name != "before":
            remove(name, store)
    assert not [path for path in store.rglob("*.part")]
    every_file_of(store)
    assert len(objects(store)) == 7  # seven files, two of them equal, and the manifest


def test_a_file_too_large_for_the_disk_is_a_user_error_with_nothing_left(runs, store, tmp_path):
    leave(runs, record("hrnet_w48"), predictions=b"p" * 100_000)
    process = start(store, runs, "a", "small", 0)
    _, said = process.communicate(timeout=60)
    assert "UserError: cannot write" in said
    assert names(store) == []
    assert objects(store) == []


def test_a_store_that_cannot_be_written(runs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot change the baselines"):
        save("v1", runs, tmp_path / "file")


def test_find_baseline_gives_a_folder_of_results(runs, store, monkeypatch):
    save("v1", runs, store)
    found = find_baseline("v1", store)
    assert found.name == "v1"
    assert (found / "table_s2" / "demo").is_dir()
    assert find_baseline("HEAD~1", store) is None
    monkeypatch.setenv("HARNESS_BASELINES", str(store))
    assert tree(find_baseline("v1@1")) == tree(found)


def test_the_command(runs, tmp_path):
    def call(*words):
        return harness("baseline", *words, cwd=tmp_path)

    done = call("save", "v1")
    assert done.returncode == 0, done.stderr
    assert "saved v1 (version 1): 3 record(s), 7 files" in done.stdout
    assert (tmp_path / "results" / "baselines" / "names" / "v1.json").is_file()
    assert "nothing to do" in call("save", "v1").stdout
    assert "v1" in call("list").stdout
    assert json.loads(call("list", "--json").stdout)[0]["records"] == 3
    shown = call("show", "v1").stdout
    assert "hrnet_w48 (table_s2, demo)" in shown
    assert "aaaaaaa" in shown
    assert json.loads(call("show", "v1@1", "--json").stdout)["version"] == 1
    assert_user_error(call("show", "v2"), "v2", "v1")
    assert_user_error(call("rm", "v1@1"), "v1@1")
    assert "removed v1: 7 object(s)" in call("rm", "v1").stdout
    assert "no baselines" in call("list").stdout
    assert_user_error(call("save", "../x"), "../x")
