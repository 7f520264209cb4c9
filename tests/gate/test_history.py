"""Histories: a planted change is laid at its commit, and what may not be compared stays apart."""

import json
import os
import subprocess
import sys

import pytest

from harness.errors import UserError
from harness.gate import baselines
from harness.gate.history.build import history
from harness.gate.history.commits import Repository
from harness.gate.history.levels import CANNOT_TELL, DRIFT, LEVEL, STEPS
from harness.gate.history.words import sentences
from tests.gate.repositories import (
    ROW,
    extend,
    git,
    leave_gate,
    leave_profile,
    leave_row,
    make_repository,
    noisy,
)
from tests.gate.results_on_disk import MACHINE, write_block
from tests.helpers import ROOT

SUBJECTS = [f"Change number {number}" for number in range(24)]
OTHER = {**MACHINE, "processor": "Other CPU"}


@pytest.fixture
def place(tmp_path):
    """A repository of 24 commits, and a results folder."""
    commits = make_repository(tmp_path / "project", SUBJECTS)
    (tmp_path / "runs").mkdir()
    return Repository(tmp_path / "project"), commits, tmp_path / "runs"


def look(place, row="tcformer_small", metric="time", **options):
    repository, _, runs = place
    return history(row, metric, [runs], runs.parent / "baselines", repository, **options)


def only(found):
    (series,) = found.series
    return series


def said(series, metric="time"):
    return "\n".join(sentences(series, metric))


def test_a_planted_step_is_laid_at_its_commit(place):
    _, commits, runs = place
    for number, ms in enumerate(noisy([100] * 13 + [112] * 11)):
        leave_profile(runs, commits[number], ms, number)
    series = only(look(place))
    (change,) = series.changes
    assert series.verdict == STEPS
    assert [one.id for one in change.commits] == [commits[13]]
    assert change.low < 0.12 < change.high
    assert 0.08 < change.low < change.high < 0.16
    assert f"at {commits[13][:7]} (2026-01-14): Change number 13" in said(series)
    assert series.levels[12] == pytest.approx(100, rel=0.02)
    assert series.levels[13] == pytest.approx(112, rel=0.02)


def test_without_a_step_it_is_level_and_a_ramp_is_drift(place):
    _, commits, runs = place
    for number, ms in enumerate(noisy([100] * 24, seed=1)):
        leave_profile(runs, commits[number], ms, number)
        leave_profile(runs, commits[number], ms + 4 * number, number, "hrnet_small", OTHER)
    assert only(look(place)).verdict == LEVEL
    assert only(look(place, "hrnet_small")).verdict == DRIFT


def test_where_not_every_commit_was_measured_a_step_names_all_that_may_have_made_it(place):
    repository, commits, runs = place
    measured = [*range(0, 10, 2), *range(16, 24, 2)]  # 10 to 15 were not
    for turn in range(2):
        for number, ms in zip(measured, noisy([100] * 5 + [112] * 4, seed=turn), strict=True):
            leave_profile(runs / str(turn), commits[number], ms, number)
    series = only(look(place))
    (change,) = series.changes
    assert [one.id for one in change.commits] == commits[9:17]
    words = said(series)
    assert f"between {commits[8][:7]} (excluded) and {commits[16][:7]}: 8 commits" in words
    assert "Change number 9" in words
    assert "Change number 13" in words
    assert "Change number 14" not in words
    assert "... and 3 more" in words
    assert repository.is_before(commits[8], commits[16])


def test_the_order_is_that_of_the_commits_not_of_the_measurements(place):
    _, commits, runs = place
    for number, ms in enumerate(noisy([100] * 13 + [112] * 11)):
        leave_profile(runs, commits[number], ms, 99 - number)  # the newest commit was measured first
    series = only(look(place))
    assert [point.measured.commit for point in series.points] == commits
    assert series.changes[0].commits[0].id == commits[13]


def test_two_machines_are_two_series_and_each_is_named(place):
    _, commits, runs = place
    for number in range(24):  # together, they would look like a step
        leave_profile(runs, commits[number], 100.0 + number % 3, number, machine=MACHINE if number < 12 else OTHER)
    found = look(place)
    assert [series.differing["machine"] for series in found.series] == ["Example CPU, 2 cores", "Other CPU, 2 cores"]
    assert [len(series.points) for series in found.series] == [12, 12]
    assert not any(series.changes for series in found.series)


def test_another_torch_is_another_series_of_times(place):
    _, commits, runs = place
    for number, version in enumerate(("2.11.0", "2.12.0")):
        path = leave_profile(runs, commits[number], 100.0, number)
        data = json.loads(path.read_text())
        data["code"]["packages"]["torch"] = version
        path.write_text(json.dumps(data))
    assert [series.differing for series in look(place).series] == [{"torch": "2.11.0"}, {"torch": "2.12.0"}]


def test_too_few_values_cannot_tell_and_say_how_many_it_takes(place):
    _, commits, runs = place
    for number in range(10):
        leave_profile(runs, commits[number], 100.0 if number < 5 else 200.0, number)
    series = only(look(place))
    assert (series.verdict, series.needed, series.changes) == (CANNOT_TELL, 11, ())
    assert said(series) == "cannot tell: 10 measurements; 11 are the least that show a step"
    leave_profile(runs, commits[10], 200.0, 10)
    assert only(look(place)).changes[0].commits[0].id == commits[5]


def test_given_weights_have_no_noise_so_that_two_commits_tell(place):
    _, commits, runs = place
    for number, ap in ((3, 0.5), (7, 0.5), (8, 0.4992)):
        leave_row(runs, commits[number], ap, number, weights="a" * 64)
    series = only(look(place, "hrnet_small", "parts.wholebody.AP"))
    (change,) = series.changes
    assert change.exact
    assert change.change == pytest.approx(-0.0008)
    assert [one.id for one in change.commits] == [commits[8]]
    assert "step -0.001, 0.500 -> 0.499 (exact)" in said(series, "parts.wholebody.AP")


def test_other_weights_seeds_and_protocols_are_other_series(place):
    _, commits, runs = place
    leave_row(runs, commits[0], 0.5, 0, weights="a" * 64)
    leave_row(runs, commits[1], 0.4, 1, weights="b" * 64)
    leave_row(runs, commits[2], 0.3, 2, seed=0)
    leave_row(runs, commits[3], 0.2, 3, seed=1)
    leave_row(runs, commits[4], 0.1, 4, seed=1, protocol={"test": {"flip": False}})
    found = look(place, "hrnet_w48", "parts.wholebody.AP")
    assert len(found.series) == 5
    assert {"weights", "seed", "test.flip", "trained here"} <= set(found.series[0].differing)
    assert all(series.verdict == CANNOT_TELL for series in found.series)


def test_training_is_noise_however_often_it_is_the_same(place):
    _, commits, runs = place
    for number in range(4):
        leave_row(runs, commits[number], 0.5 - 0.1 * (number > 1), number)
    series = only(look(place, "table_s2/demo/hrnet_w48", "parts.wholebody.AP"))
    assert (series.verdict, series.needed) == (CANNOT_TELL, 11)


def test_memory_has_a_tolerance_and_operations_none(place):
    _, commits, runs = place
    for number, peak in enumerate((1000, 1010, 1010, 1200)):  # MiB
        leave_profile(runs, commits[number], 1.0, number, peak_bytes=peak * 2**20)
        leave_row(runs, commits[number], 0.5, number, model={"gmacs": 1.0 + 1e-9 * (number > 0)})
    (memory,) = only(look(place, metric="memory")).changes
    assert memory.commits[0].id == commits[3]
    assert memory.change == pytest.approx(1200 / 1010 - 1)
    (macs,) = only(look(place, "hrnet_w48", "multiply-adds")).changes
    assert macs.commits[0].id == commits[1]
    assert (macs.before, macs.after) == (10**9, 10**9 + 1)


def test_code_with_changes_is_shown_and_left_out_of_the_levels(place):
    _, commits, runs = place
    for number, ms in enumerate(noisy([100] * 24, seed=1)):
        leave_profile(runs, commits[number], ms if number < 13 else 3 * ms, number, dirty=number >= 13)
    found = look(place)
    series = only(found)
    assert (series.verdict, series.counted, len(series.points)) == (LEVEL, 13, 24)
    assert series.levels[13:] == (None,) * 11
    assert any(note.startswith("11 measurement(s) are of code with changes") for note in found.notes)


def test_nothing_but_code_with_changes_is_said_in_words(place):
    _, commits, runs = place
    leave_profile(runs, commits[0], 100.0, 0, dirty=True)
    assert "nothing but code with changes" in said(only(look(place)))


def test_a_shallow_clone_places_what_it_does_not_have_by_date_and_says_so(place):
    repository, commits, runs = place
    for number, ms in enumerate(noisy([100] * 13 + [112] * 11)):
        leave_profile(runs, commits[number], ms, number)
    shallow = runs.parent / "shallow"
    git(runs, "clone", "-q", "--depth", "5", f"file://{repository.root}", str(shallow))
    found = history("tcformer_small", "time", [runs], runs / "none", Repository(shallow))
    series = only(found)
    assert [point.measured.commit for point in series.points] == commits
    assert [point.commit is not None for point in series.points] == [False] * 19 + [True] * 5
    assert "19 commit(s) are not in" in found.notes[0]
    assert "a shallow clone, or the commits of another repository" in found.notes[0]
    (change,) = series.changes
    assert change.commits == ()
    assert (f"between {commits[12][:7]} (not in this repository), measured 2026-01-13, and {commits[13][:7]} (not in "
            "this repository)") in said(series)


def test_without_git_and_without_commits_it_goes_by_date(place):
    _, _, runs = place
    for number, ms in enumerate(noisy([100] * 13 + [112] * 11)):
        leave_profile(runs, None, ms, number)
    found = history("tcformer_small", "time", [runs], runs / "none", Repository(runs))
    assert len({point.group for point in only(found).points}) == 24
    assert "between no commit" in said(only(found))
    assert "24 measurement(s) state no commit" in found.notes[0]


def test_a_commit_that_is_no_commit_does_not_reach_git(place):
    _, commits, runs = place
    leave_profile(runs, "--output=pwned", 100.0, 0)
    leave_profile(runs, commits[0], 100.0, 1)
    found = look(place)
    assert [point.commit is not None for point in only(found).points] == [True, False]
    assert not list(runs.parent.rglob("pwned"))


def test_branches_are_said_to_be_apart(place):
    repository, commits, runs = place
    side = extend(repository.root, "side", ["On the side"], start=commits[10], day=30)
    leave_row(runs, commits[23], 0.5, 23, weights="a" * 64)
    leave_row(runs, side, 0.4, 31, weights="a" * 64)
    series = only(look(place, "hrnet_w48", "parts.wholebody.AP"))
    (change,) = series.changes
    assert change.apart
    assert [one.subject for one in change.commits] == ["On the side"]
    assert "different branches" in said(series, "parts.wholebody.AP")


def test_a_damaged_record_is_named_and_the_others_count(place):
    _, commits, runs = place
    for number in range(3):
        folder = leave_row(runs, commits[number], 0.5, number, weights="a" * 64)
    (folder / "record.json").write_text((folder / "record.json").read_text()[:100])
    leave_profile(runs, commits[0], 100.0, 0).write_text('{"kind": "profile", "schema": 1, "rows": 3}')
    found = look(place, "hrnet_w48", "parts.wholebody.AP")
    assert len(only(found).points) == 2
    assert len(found.skipped) == 2
    assert any(str(folder / "record.json") in line and "damaged" in line for line in found.skipped)


def test_records_that_lack_their_settings_are_skipped_with_a_word(place):
    _, commits, runs = place
    leave_row(runs, commits[0], 0.5, 0)
    folder = leave_row(runs, commits[1], 0.5, 1)
    record = json.loads((folder / "record.json").read_text())
    del record["hashes"]["evaluate"]
    (folder / "record.json").write_text(json.dumps(record))
    found = look(place, "hrnet_w48", "parts.wholebody.AP")
    assert len(only(found).points) == 1
    assert "evaluate" in found.skipped[0]


@pytest.mark.parametrize("change", [{"code": {"commit": 7}}, {"code": [1]}, {"machine": {"gpu": {}, "cores": []}}])
def test_whatever_stands_in_a_profile_there_is_no_traceback(place, change):
    _, commits, runs = place
    leave_profile(runs, commits[0], 100.0, 0)
    path = leave_profile(runs, commits[1], 100.0, 1)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    found = look(place)
    assert len(found.skipped) + sum(len(series.points) for series in found.series) == 2


def test_records_set_aside_by_a_later_run_are_history_too(place):
    _, commits, runs = place
    folder = leave_row(runs, commits[0], 0.5, 0, weights="a" * 64)
    (folder / "record.json").rename(folder / "record-1.old.json")
    leave_row(runs, commits[1], 0.4, 1, weights="a" * 64)
    assert len(only(look(place, "hrnet_w48", "parts.wholebody.AP")).points) == 2


def test_baselines_count_in_all_their_versions_and_nothing_counts_twice(place):
    _, commits, runs = place
    for number in range(3):
        leave_row(runs / str(number), commits[number], 0.5, number, weights="a" * 64)
        baselines.save("release", runs / str(number), runs.parent / "baselines", force=True)
    series = only(look(place, "hrnet_w48", "parts.wholebody.AP"))
    assert [point.measured.commit for point in series.points] == commits[:3]
    repository, _, _ = place
    kept = history("hrnet_w48", "parts.wholebody.AP", [], runs.parent / "baselines", repository)
    assert [point.measured.source.split(":")[0] for point in only(kept).points] == [
        "baseline release@1", "baseline release@2", "baseline release@3"]


def test_since_a_date_and_since_a_commit(place):
    _, commits, runs = place
    for number in range(6):
        leave_profile(runs, commits[number], 100.0, number)
    for since in ("2026-01-04", commits[3][:9], "main~20"):
        assert [point.measured.commit for point in only(look(place, since=since)).points] == commits[3:6], since
    with pytest.raises(UserError, match="neither a date"):
        look(place, since="yesteryear")
    with pytest.raises(UserError, match="older"):
        look(place, since="2027-01-01")


def test_gates_make_a_chain_of_ratios_each_told_by_its_own_pairs(place):
    _, commits, runs = place
    for number in range(1, 6):
        leave_gate(runs, commits[number - 1], commits[number], 1.2 if number == 4 else 1.0, number,
                   macs=(100, 120) if number == 4 else (100, 100) if number < 4 else (120, 120))
    series = only(look(place, ROW))
    assert series.relative_to == commits[0]
    assert [point.measured.value for point in series.points] == pytest.approx([1, 1, 1, 1, 1.2, 1.2], rel=0.01)
    (change,) = series.changes
    assert [one.id for one in change.commits] == [commits[4]]
    assert change.low < 0.2 < change.high
    (macs,) = only(look(place, "tcformer_small", "multiply-adds")).changes
    assert macs.commits[0].id == commits[4]


def test_gates_of_a_working_tree_are_counted_and_said(place):
    _, commits, runs = place
    leave_gate(runs, commits[1], commits[1], 1.2, 2, dirty=True)
    with pytest.raises(UserError, match=r"all there is of .* 1 gate\(s\) of a working tree with changes.*002.json"):
        look(place, ROW)
    leave_gate(runs, commits[0], commits[1], 1.0, 1)
    found = look(place, ROW)
    assert [point.measured.commit for point in only(found).points] == commits[:2]
    assert "1 gate(s) of a working tree" in found.notes[-1]


def test_operations_of_which_others_were_counted_are_another_series(place):
    _, commits, runs = place
    for number, share in enumerate((0.98, 0.98, 0.99), start=1):
        leave_gate(runs, commits[number - 1], commits[number], 1.0, number, macs=(100, 100), share=share)
    found = look(place, metric="multiply-adds")
    assert [series.differing for series in found.series] == [{"counted share": "0.98"}, {"counted share": "0.99"}]
    assert [len(series.points) for series in found.series] == [4, 2]


def test_too_few_pairs_cannot_tell(place):
    _, commits, runs = place
    leave_gate(runs, commits[0], commits[1], 1.5, 1, pairs=5)
    series = only(look(place, ROW))
    assert (series.verdict, series.needed, series.of) == (CANNOT_TELL, 12, "pairs")
    assert "12 are the least that tell" in said(series)
    assert series.levels == (None, None), "no level where nobody can tell"


def test_gates_that_do_not_meet_are_chains_of_their_own(place):
    _, commits, runs = place
    leave_gate(runs, commits[0], commits[1], 1.0, 1)
    leave_gate(runs, commits[5], commits[6], 1.0, 2)
    leave_gate(runs, commits[1], commits[7], 1.0, 3)
    found = look(place, ROW)
    assert [[point.measured.commit for point in series.points] for series in found.series] == [
        [commits[0], commits[1], commits[7]], [commits[5], commits[6]]]


def test_benchmarks_have_a_history_by_name(place):
    _, _, runs = place
    for number in range(3):
        write_block(runs, number, {"bench.py::clustering": 1e-3})
    series = only(look(place, "clustering"))
    assert [point.measured.value for point in series.points] == [1.0] * 3


def test_an_unknown_row_names_those_there_are(place):
    _, commits, runs = place
    leave_profile(runs, commits[0], 100.0, 0)
    with pytest.raises(UserError, match=r"unknown row 'tcformer_smal'; did you mean tcformer_small"):
        look(place, "tcformer_smal")
    with pytest.raises(UserError, match=r"has parts.face.AP of it \(--metric: time, memory\)"):
        look(place, metric="parts.face.AP")
    with pytest.raises(UserError, match=r"unknown metric 'tme'; did you mean time.*memory.*wholebody.*AP50"):
        look(place, metric="tme")
    with pytest.raises(UserError, match=r"unknown metric 'parts.nose.AP'.*wholebody"):
        look(place, metric="parts.nose.AP")


def test_nothing_at_all_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no measurement in"):
        history("tcformer", "time", [tmp_path], tmp_path / "baselines", Repository(tmp_path))


WRITER = """
import sys
from pathlib import Path
from harness.gate.baselines import save
from tests.gate.repositories import leave_row
store, folder, turn = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
for i, commit in enumerate(sys.argv[4:]):
    runs = folder / f"{turn}-{i}"
    leave_row(runs, commit, 0.5, 2 * i + turn, weights="a" * 64)
    save("nightly", runs, store, force=True)
"""


def test_two_writers_at_once_and_a_reader_meanwhile(place):
    """Each saves every other commit's record under one name; whoever reads finds whole versions only."""
    repository, commits, runs = place
    store = runs.parent / "baselines"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, store, runs.parent / "in", str(turn),
                                 *commits[turn::2]], env={**os.environ, "PYTHONPATH": str(ROOT)}) for turn in range(2)]
    while any(writer.poll() is None for writer in writers):
        if baselines.names(store):
            found = history("hrnet_w48", "parts.wholebody.AP", [], store, repository)
            assert found.skipped == ()
    assert [writer.returncode for writer in writers] == [0, 0]
    series = only(history("hrnet_w48", "parts.wholebody.AP", [], store, repository))
    assert [point.measured.commit for point in series.points] == commits
    assert series.verdict == LEVEL
