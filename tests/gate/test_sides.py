"""What a text names, and what is refused with one line."""

import json
import subprocess

import pytest

from harness.errors import UserError
from harness.files import write_json
from harness.gate.findings import Comparison
from harness.gate.reading import SCHEMAS
from harness.gate.sides import BENCHMARKS, PROFILE, RECORD, RESULTS, REVISION, WORKTREE, resolve
from tests.gate.results_on_disk import profile, record, write_block, write_failure, write_row


@pytest.fixture
def checkout(tmp_path):
    """A repository with one commit on a branch called main."""
    root = tmp_path / "checkout"
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["git", "init", "-q", "-b", "main", str(root)], [*git, "commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(command, check=True)
    return root


def suite(**groups):
    return {"schema": 1, "kind": "suite", "suite": "speed", "groups": groups or {"one": profile()}}


def written(path, data):
    write_json(path, data)
    return path


@pytest.mark.parametrize(("make", "kind"), [
    (lambda folder: write_row(folder), RECORD),
    (lambda folder: write_row(folder) / "record.json", RECORD),
    (lambda folder: write_row(folder).rename(folder / "elsewhere"), RECORD),
    (lambda folder: write_failure(folder), RECORD),
    (lambda folder: write_row(folder).parents[2], RESULTS),
    (lambda folder: write_row(folder).parent, RESULTS),
    (lambda folder: written(folder / "any name.json", profile()), PROFILE),
    (lambda folder: written(folder / "machine.json", suite()), PROFILE),
    (lambda folder: written(folder / "speed" / "machine.json", suite()).parent, PROFILE),
    (lambda folder: write_block(folder, 0, {"a": 1.0}), BENCHMARKS),
    (lambda folder: write_block(folder / "blocks", 0, {"a": 1.0}).parent, BENCHMARKS),
    (lambda folder: written(write_row(folder).parent / "profile.json", profile()).parent, RESULTS),
])
def test_what_lies_on_disk_is_known_by_its_content(tmp_path, make, kind):
    path = make(tmp_path)
    side = resolve(str(path))
    assert (side.name, side.kind, side.stored) == (str(path), kind, True)
    assert side.files


def test_a_side_says_where_its_newest_figures_come_from(tmp_path):
    write_row(tmp_path, row="sn", code={"commit": "b" * 40})
    write_row(tmp_path, row="paf", created="2026-03-01T00:00:00+00:00", code={"dirty": True})
    write_failure(tmp_path, "openpose", created="2026-04-01T00:00:00+00:00")
    assert resolve(str(tmp_path)).describe() == {
        "name": str(tmp_path), "kind": RESULTS, "commit": "a" * 40, "dirty": True, "machine": "Example CPU, 2 cores",
        "created": "2026-03-01T00:00:00.000000+00:00"}


def test_records_that_were_set_aside_and_other_files_do_not_count(tmp_path):
    folder = write_row(tmp_path)
    write_json(folder / "record-1.old.json", record(created="2020"))
    write_json(tmp_path / "table_s2.json", {"schema": 1, "table": "table_s2", "rows": []})
    write_json(tmp_path / "gate.json", Comparison({}, {}, ()).to_json())
    write_json(tmp_path / "data" / "annotations.json", [1])
    assert [file.path for file in resolve(str(tmp_path)).files] == [folder / "record.json"]


def test_a_suite_has_the_rows_of_its_groups(tmp_path):
    side = resolve(str(written(tmp_path / "machine.json", suite(one=profile(), two=profile()))))
    assert len(side.profiles) == 2


def test_revisions_and_the_working_tree(checkout):
    side = resolve("main", checkout)
    head = subprocess.run(["git", "-C", checkout, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    assert (side.kind, side.commit, side.stored) == (REVISION, head, False)
    assert resolve(head[:8], checkout).commit == head
    assert resolve(".", checkout).kind == WORKTREE
    assert side.describe() == {"name": "main", "kind": REVISION, "commit": head}


def test_a_path_wins_over_a_revision_and_a_baseline(checkout, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_row(tmp_path / "main")
    assert resolve("main", checkout, lambda name: pytest.fail("looked for a baseline")).kind == RESULTS
    assert resolve("heads/main", checkout).kind == REVISION


def test_a_baseline_is_what_it_holds(tmp_path, checkout):
    store = {"good": write_row(tmp_path / "store").parents[2]}
    side = resolve("good", checkout, store.get)
    assert (side.name, side.kind, side.baseline, side.path) == ("good", RESULTS, True, store["good"])
    assert side.describe()["baseline"]
    assert resolve("baseline:good", checkout, store.get).baseline


def test_a_name_of_two_things_is_ambiguous(tmp_path, checkout):
    store = {"main": write_row(tmp_path / "store").parents[2]}
    with pytest.raises(UserError, match=r"main is a baseline and a revision \(.*baseline:main"):
        resolve("main", checkout, store.get)
    assert resolve("baseline:main", checkout, store.get).baseline


@pytest.mark.parametrize("text", ["nosuch", "no/such.json", "", "--all", "x" * 5000, "a\0b", "main..main", "mäin"])
def test_a_text_that_names_nothing_is_told_the_choices(checkout, text):
    with pytest.raises(UserError, match=r"no such file or folder, no baseline, and no commit in .*choices: a row's"):
        resolve(text, checkout, lambda name: None)


def test_outside_a_checkout_there_are_no_revisions(tmp_path):
    with pytest.raises(UserError, match="no commit"):
        resolve("main", tmp_path)
    with pytest.raises(UserError, match="not a git checkout"):
        resolve(".", tmp_path)
    with pytest.raises(UserError, match="no baseline of that name"):
        resolve("baseline:main", tmp_path)


def truncated(path):
    path.write_bytes(path.read_bytes()[:200])
    return path


def with_schema(folder, version):
    path = write_row(folder) / "record.json"
    return written(path, {**json.loads(path.read_text()), "schema": version})


@pytest.mark.parametrize(("make", "words"), [
    (lambda folder: folder, "empty folder"),
    (lambda folder: written(folder / "x" / "y.json", {"a": 1}).parents[1], "holds no record of a row, no profile"),
    (lambda folder: written(folder / "y.json", {"a": 1}), "nothing that can be compared"),
    (lambda folder: written(folder / "y.json", [1]), "nothing that can be compared"),
    (lambda folder: written(folder / "y.json", Comparison({}, {}, ()).to_json()), "is a comparison already"),
    (lambda folder: with_schema(folder, 2), "record of schema 2; this version reads schema 1"),
    (lambda folder: with_schema(folder, None), "record without a schema"),
    (lambda folder: with_schema(folder, 7).parents[3], r"record\.json is a record of schema 7"),
    (lambda folder: written(folder / "y.json", profile(schema=3)), "of schema 3"),
    (lambda folder: written(folder / "y.json", suite(one=profile(schema=4))), "of schema 4"),
    (lambda folder: truncated(write_row(folder) / "record.json"), "cut short: no valid JSON"),
    (lambda folder: truncated(write_row(folder) / "record.json").parents[3], r"record\.json .*cut short"),
    (lambda folder: truncated(written(folder / "y.json", profile())).parent, r"y\.json .*cut short"),
    (lambda folder: written(write_row(folder) / "record.json", record(metrics={"parts": {"body": {"AP": "high"}}})),
     "'high', no number"),
    (lambda folder: written(folder / "y.json", profile(rows=[{"model": "tcformer"}])), "rows, machine or settings"),
    (lambda folder: written(folder / "y.json", {**suite(), "groups": {}}), "has no groups"),
    (lambda folder: write_block(folder, 0, {}), "without any benchmark"),
    (lambda folder: write_block(folder, 0, {"a": 0.0}), "without a name or median"),
])
def test_bad_input_is_named_in_one_line(tmp_path, make, words):
    place = tmp_path / "here"
    place.mkdir()
    path = make(place)
    with pytest.raises(UserError, match=words) as caught:
        resolve(str(path))
    assert str(place) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "words"), [
    (b"", "is empty"), (b" \n", "is empty"), (b"\x93NUMPY\x01\x00", "no JSON file"), (b"{\xff\xfe}", "no valid JSON"),
    (b"{" * 10, "no valid JSON"), (b"[" * 100_000, "no valid JSON"),
])
def test_files_that_are_no_json(tmp_path, content, words):
    (tmp_path / "x.json").write_bytes(content)
    for path in (tmp_path / "x.json", tmp_path):
        with pytest.raises(UserError, match=rf"x\.json.* {words}"):
            resolve(str(path))


def test_what_is_neither_a_file_nor_a_folder():
    with pytest.raises(UserError, match="neither a file nor a folder"):
        resolve("/dev/null")


def test_the_versions_that_are_read_are_those_that_are_written():
    from harness.profiling.session import SCHEMA

    assert SCHEMAS["profile"] == SCHEMA
