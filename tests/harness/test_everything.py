"""`harness run all`: every table of a profile, then the figures of their rows."""

import os

import pytest
import typer

from harness import everything
from harness.cli import everything as command
from harness.errors import UserError
from harness.everything import figures, plans, tables
from harness.plan import Options, Plan, make_plan
from harness.record import RowFolder
from harness.registry import names, spec_data
from tests.helpers import assert_user_error, harness


def test_every_table_is_made_once():
    assert sorted([*tables(), "photographs"]) == sorted(names("tables"))


@pytest.mark.parametrize("figure", figures(), ids=lambda figure: figure.name)
def test_figures_are_of_rows_that_the_demo_runs(figure, tmp_path):
    for place in figure.rows:
        table, row = place.split("/")
        data, = (one for one in spec_data("tables", table)["rows"] if one["id"] == row)
        assert "demo" in data["stand_ins"]


def test_the_plan_is_shown_and_nothing_is_run(tmp_path):
    done = harness("run", "all", "--dry-run", "--results", tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    for name in tables():
        assert f"# {name}\n" in done.stdout
    assert "minutes for the rows of all tables together, each shared training once" in done.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("options", [["--rows", "x"], ["--set", "train.epochs=1"], ["--json"], ["--data", "lsp"]])
def test_options_of_one_table_are_refused(options):
    assert_user_error(harness("run", "all", *options), options[0], "one table")


def test_an_unknown_profile_is_named():
    assert_user_error(harness("run", "all", "--profile", "dmeo"), "dmeo", "demo")


def test_what_a_profile_cannot_make_is_said_and_the_rest_is_planned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no data here
    found = dict(plans(Options(profile="paper", results=str(tmp_path / "runs"))))
    assert isinstance(found["table_s2"], UserError)
    assert isinstance(found["table_s1"], Plan), "networks as built need no data"


def test_a_figure_is_drawn_again_when_a_row_is_newer(tmp_path):
    plan = make_plan("table_s2", Options(profile="smoke", results=str(tmp_path)))
    figure = next(one for one in figures() if one.rows == ("table_s2/tcformer_large",))
    assert figure.folders({"table_s2": plan}) is None, "no record yet"
    record = RowFolder.of(tmp_path, plan.jobs["tcformer_large"]).record
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    folders = figure.folders({"table_s2": plan})
    assert not figure.is_current(tmp_path, folders)
    figure.file(tmp_path).parent.mkdir()
    figure.file(tmp_path).touch()
    assert figure.is_current(tmp_path, folders)
    os.utime(record, (2e9, 2e9))
    assert not figure.is_current(tmp_path, folders)
    assert "," not in figure.command(tmp_path, folders, "cpu")[3]


@pytest.mark.slow
def test_a_table_and_its_figure_are_made_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(everything, "tables", lambda: ["table_s3", "no_such_table"])
    chosen = [one for one in figures() if one.name in ("figure_s1", "figure_s9")]
    monkeypatch.setattr(command, "figures", lambda: chosen)
    options = Options(profile="smoke", results=str(tmp_path), device="cpu")
    said = []
    for _ in range(2):
        with pytest.raises(typer.Exit):  # no_such_table
            command.run(options, dry_run=False, fresh=False, stale=False)
        said.append(dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[-5:]))
    first, second = said
    assert first["table_s3"] == "made: 3 of 3 run now"
    assert first["figure_s1.png"].startswith("made: ")
    assert first["figure_s9.png"].startswith("left out")
    assert first["no_such_table"].startswith("not made: unknown table")
    assert first["report.html"] == f"made: {tmp_path / 'report.html'}"
    assert second["table_s3"] == second["figure_s1.png"] == "made before"
