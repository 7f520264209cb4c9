"""The chart of levels by commit: what `harness history` finds, in git's order, with the record of each point."""

import pytest

from harness.gate.history.commits import Repository
from harness.page.history import chart
from tests.gate.repositories import leave_profile, leave_row, make_repository, noisy
from tests.page.conftest import EVIL


@pytest.fixture
def place(tmp_path):
    """A repository of 24 commits with hostile subjects, and a results folder."""
    commits = make_repository(tmp_path / "project", [f"Change {number} {EVIL}" for number in range(24)])
    (tmp_path / "runs").mkdir()
    return Repository(tmp_path / "project"), commits, tmp_path / "runs"


def test_a_planted_step_is_two_levels(place):
    repository, commits, runs = place
    for number, ms in enumerate(noisy([100] * 13 + [112] * 11)):
        leave_profile(runs, commits[number], ms, number)
    (found,), skipped = chart(runs, runs / "none", repository, {})
    assert skipped == []
    view = next(view for view in found.views if view.choice[1] == "time")
    values, levels = view.curves
    assert [point.x for point in values.points] == list(range(1, 25))
    assert [point.label.split(",")[0] for point in values.points] == [commit[:7] for commit in commits]
    assert len({point.y for point in levels.points}) == 2
    assert levels.step
    assert levels.points[12].y < levels.points[13].y
    assert view.note.startswith("step +1")
    assert EVIL[:20] in values.points[0].label


def test_points_lead_to_the_records_that_the_page_has(place):
    repository, commits, runs = place
    for number in range(3):
        leave_row(runs, commits[number], 0.5, number)
    paths = sorted(runs.rglob("record*.json"))
    assert len(paths) == 3
    (found,), _ = chart(runs, runs / "none", repository, {str(path): f"key {i}" for i, path in enumerate(paths)})
    view = next(view for view in found.views if view.choice[1] == "parts.wholebody.AP")
    refs = [point.ref for curve in view.curves if not curve.step for point in curve.points]
    assert {ref.id for ref in refs} == {"key 0", "key 1", "key 2"}
    assert {ref.path for ref in refs} == {("metrics", "parts", "wholebody", "AP")}


def test_what_was_measured_once_has_no_history(place):
    repository, commits, runs = place
    leave_profile(runs, commits[0], 100.0, 0)
    assert chart(runs, runs / "none", repository, {}) == ([], [])
