"""Whole comparisons of what lies on disk."""

import json

import pytest

from harness.errors import UserError
from harness.files import write_json
from harness.gate.findings import ACCURACY, OPERATIONS, SAME, SPEED, Comparison
from harness.gate.sides import Side, resolve
from harness.gate.stored import compare_stored
from tests.gate.results_on_disk import FEW, outcomes, profile, write_block, write_failure, write_row


def everything(folder, failed=False):
    """A results folder with two rows, a profile and a block of benchmarks."""
    for row, matches in zip(("sn", "paf"), outcomes(0, -0.2), strict=True):
        write_row(folder, matches, FEW, row=row)
    write_json(folder / "profile.json", profile())
    write_block(folder, 0, {"bench.py::test": 1e-3})
    if failed:
        write_failure(folder, "openpose")
    return folder


def compare(base, candidate, **options):
    return compare_stored(resolve(str(base)), resolve(str(candidate)), **options)


def test_a_folder_is_the_same_as_itself_in_everything(tmp_path):
    found = compare(*[everything(tmp_path / "runs")] * 2)
    assert {one.verdict for one in found.findings} == {SAME}
    assert (found.verdict, found.exit_status, found.notes) == (SAME, 0, ())
    assert {one.kind for one in found.findings} == {"accuracy", "speed", "memory", "operations"}
    assert len(found.findings) == 2 * (5 * 2 + 4) + 2 + 1


def test_it_goes_through_json_and_back(tmp_path):
    base, candidate = everything(tmp_path / "base", failed=True), everything(tmp_path / "candidate")
    found = compare(base, candidate)
    write_json(tmp_path / "found.json", found.to_json())
    assert Comparison.from_json(json.loads((tmp_path / "found.json").read_text()), "found.json") == found
    assert found.base["machine"] == "Example CPU, 2 cores"


def test_kinds_that_are_not_wanted_are_left_out_but_what_is_missing_is_said(tmp_path):
    base, candidate = everything(tmp_path / "base", failed=True), everything(tmp_path / "candidate")
    found = compare(base, candidate, kinds=(OPERATIONS,))
    assert {one.kind for one in found.findings if one.metric != "all"} == {OPERATIONS}
    assert [one.row for one in found.findings if one.metric == "all"] == ["table_s2/demo/openpose"]


def test_what_only_one_folder_has_is_not_passed_over(tmp_path):
    base, candidate = everything(tmp_path / "base"), everything(tmp_path / "candidate")
    (candidate / "profile.json").unlink()
    (candidate / "0000.json").unlink()
    missing = {one.row: one.reason for one in compare(base, candidate).findings if "only in" in one.reason}
    assert missing == {"tcformer 256x192 batch 1 fp32 eager": "only in the base", "bench.py::test": "only in the base"}


def test_a_record_against_a_folder_leaves_the_folders_other_content_alone(tmp_path):
    base = everything(tmp_path / "base")
    row = write_row(tmp_path / "candidate", outcomes(0)[0], FEW, row="sn", code={"commit": "b" * 40})
    for sides in ((base, row), (row, base)):
        found = compare(*sides)
        assert {one.row for one in found.findings} == {"table_s2/demo/sn"}
        assert {one.verdict for one in found.findings if one.kind != SPEED} == {SAME}


def test_a_margin_may_be_given(tmp_path):
    base, candidate = outcomes(0, -0.5)
    write_row(tmp_path / "base", base, FEW)
    write_row(tmp_path / "candidate", candidate, FEW)
    strict, lax = (compare(tmp_path / "base", tmp_path / "candidate", margin=margin, kinds=(ACCURACY,))
                   for margin in (0.005, 0.5))
    assert (strict.verdict, lax.verdict) == ("worse", "same")
    assert {one.margin for one in lax.findings} == {0.5}


def test_rows_of_several_commits_are_said(tmp_path):
    for row, letter, created in (("sn", "a", "2026-01-01"), ("paf", "b", "2026-01-02")):
        write_row(tmp_path / "base", row=row, code={"commit": letter * 40}, created=created)
        write_row(tmp_path / "candidate", row=row)
    note, = compare(tmp_path / "base", tmp_path / "candidate").notes
    assert note == "the base is of 2 commits: aaaaaaa, bbbbbbb"


def test_a_margin_below_zero_is_refused(tmp_path):
    write_row(tmp_path / "base")
    with pytest.raises(ValueError, match="below 0"):
        compare(tmp_path / "base", tmp_path / "base", margin=-0.1)


@pytest.mark.parametrize(("make", "words"), [
    (lambda folder: (resolve(str(everything(folder / "a"))), Side("main", "revision", commit="a" * 40)),
     "main is a revision, which is measured, and .*/a a results on disk: name two revisions"),
    (lambda folder: (Side("main", "revision"), Side(".", "worktree")), "main is a revision, which is measured, and"),
    (lambda folder: (resolve(str(write_row(folder / "a"))), resolve(str(write_block(folder, 0, {"x": 1.0})))),
     r"\(record\) and .*\(benchmarks\) have nothing in common: name two of one kind"),
])
def test_sides_of_different_kinds_are_refused_in_words(tmp_path, make, words):
    with pytest.raises(UserError, match=words):
        compare_stored(*make(tmp_path))
