"""`harness history` as a user calls it: screen, JSON, figure, mistakes, and what it does not import."""

import json
import subprocess
import sys

import pytest

from harness.gate.history.build import history
from harness.gate.history.commits import Repository
from harness.gate.history.figure import MOST, history_figure, write_figure
from harness.profiling.figures import FORMATS
from tests.gate.repositories import leave_gate, leave_profile, leave_row, make_repository, noisy
from tests.gate.results_on_disk import MACHINE
from tests.helpers import ROOT, assert_user_error, harness


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A repository of 24 commits whose thirteenth made the network slower, measured on one machine and a half."""
    folder = tmp_path_factory.mktemp("place")
    commits = make_repository(folder / "project", [f"Change [bold]{number}[/bold] $x$" for number in range(24)])
    for number, ms in enumerate(noisy([100] * 13 + [112] * 11)):
        leave_profile(folder / "runs", commits[number], ms, number, samples_ms=[[ms - 1], [ms]] * 5)
        if number % 2:
            leave_profile(folder / "runs", commits[number], ms, number, machine={**MACHINE, "processor": "Other CPU"})
    leave_row(folder / "runs", commits[0], 0.5, 0)
    leave_gate(folder / "runs", commits[3], commits[4], 1.0, 4)
    (folder / "baselines").mkdir()
    return folder, commits


def call(place, row, *options):
    folder, _ = place
    return harness("history", row, "--results", folder / "runs", "--repository", folder / "project", "--baselines",
                   folder / "baselines", *options)


def look(place, row="tcformer_small", metric="time"):
    folder, _ = place
    return history(row, metric, [folder / "runs"], folder / "none", Repository(folder / "project"))


def test_the_screen_shows_the_table_and_says_which_commit_it_was(place):
    done = call(place, "tcformer_small", "--metric", "time")
    assert done.returncode == 0, done.stderr
    commit = place[1][13][:7]
    assert f"at {commit} (2026-01-14): Change [bold]13[/bold] $x$" in done.stdout
    lines = done.stdout.splitlines()
    (row,) = [line for line in lines if line.startswith(f"2026-01-14 {commit}") and "[" in line.split("$x$")[1]]
    assert "ms" in row
    assert any("Other CPU" in line for line in lines)
    assert any("may not be held against each other" in line for line in lines)


def test_json_on_the_screen_and_in_a_file_are_one(place, tmp_path):
    done = call(place, "tcformer_small", "--metric", "time", "--json", "--out", tmp_path / "history.json")
    data = json.loads(done.stdout)
    assert data == json.loads((tmp_path / "history.json").read_text())
    (step,) = next(of["steps"] for of in data["series"] if of["differs_in"].get("machine") == "Example CPU, 2 cores")
    assert [one["commit"] for one in step["commits"]] == [place[1][13]]
    assert {point["commit"] for series in data["series"] for point in series["points"]} == set(place[1])


def test_a_file_of_others_is_not_written_over(place, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text('{"mine": 1}')
    assert_user_error(call(place, "tcformer_small", "--metric", "time", "--out", file), "--out", "not written over")
    assert file.read_text() == '{"mine": 1}'


def test_mistakes_are_one_line(place, tmp_path):
    assert_user_error(call(place, "tcformer_smal", "--metric", "time"), "tcformer_small", "hrnet_w48")
    assert_user_error(call(place, "tcformer_small", "--metric", "speed"), "time", "multiply-adds", "wholebody")
    assert_user_error(call(place, "tcformer_small", "--figure", "x.bmp"), ".png")
    assert_user_error(harness("history", "x", "--results", tmp_path / "none"), "no such folder")
    assert_user_error(harness("history", "x", "--baselines", tmp_path / "none"), "--baselines", "no such folder")
    assert_user_error(harness("history", "x", "--results", tmp_path, "--repository", tmp_path / "none"), "--repository")
    assert_user_error(harness("history", "x", "--baselines", tmp_path / "none"), "--baselines", "no such folder")
    assert_user_error(harness("history", "x", "--results", tmp_path, "--baselines", tmp_path), "no measurement in")


@pytest.mark.parametrize("ending", FORMATS)
def test_a_figure_is_the_same_byte_for_byte(place, tmp_path, ending):
    first, second = tmp_path / f"first{ending}", tmp_path / f"second{ending}"
    write_figure(first, look(place))
    done = call(place, "tcformer_small", "--metric", "time", "--figure", second)
    assert done.returncode == 0, done.stderr
    assert first.read_bytes() == second.read_bytes()


def test_a_figure_draws_every_point_level_and_step(place):
    found = look(place)
    figure = history_figure(found)
    assert len(figure.axes) == len(found.series) == 3
    for axes, series in zip(figure.axes, found.series, strict=True):
        assert sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "o") == len(series.points)
        texts = " ".join(text.get_text() for text in axes.texts)
        assert all(change.first.name in texts for change in series.changes)
    assert any(series.changes for series in found.series)


def test_a_figure_of_many_series_draws_the_first_and_says_so(place, tmp_path):
    commits = place[1]
    for number in range(MOST + 2):
        leave_profile(tmp_path, commits[0], 1.0, number, machine={**MACHINE, "processor": f"CPU {number}"})
    found = history("tcformer_small", "time", [tmp_path], tmp_path / "none", Repository(place[0] / "project"))
    figure = history_figure(found)
    assert len(figure.axes) == MOST
    assert "2 more series" in figure.get_suptitle()


def test_help_imports_nothing_heavy():
    code = ("import sys\nfrom harness.cli import app\n"
            "try:\n    app(['history', '--help'])\nexcept SystemExit:\n    pass\n"
            "bad = {'torch', 'pandas', 'scipy', 'cv2', 'numpy', 'timm', 'matplotlib'} & set(sys.modules)\n"
            "sys.exit(f'imported {bad}' if bad else 0)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_history_imports_neither_torch_nor_pandas(place):
    folder, _ = place
    arguments = ["history", "tcformer_small", "--metric", "time", "--results", str(folder / "runs"), "--repository",
                 str(folder / "project")]
    code = (f"import sys\nfrom harness.cli import app\ntry:\n    app({arguments!r})\nexcept SystemExit:\n    pass\n"
            "bad = {'torch', 'pandas', 'cv2', 'timm', 'matplotlib'} & set(sys.modules)\n"
            "sys.exit(f'imported {bad}' if bad else 0)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
