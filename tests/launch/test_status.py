"""Where rows stand, told from what they left."""

import json
import os
import subprocess
import sys
import time

import pytest

from harness.cli import app
from harness.errors import UserError
from harness.launch.status import SILENCE, status_of, statuses
from harness.launch.telling import Teller, myself, read_status, say_stopped, say_waiting, start_of, write_status
from harness.launch.words import duration
from harness.record import SCHEMA, RowFolder
from tests.helpers import assert_user_error, harness


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "table_s2" / "demo" / "hrnet_w48-0123456789ab"
    path.mkdir(parents=True)
    (path / "job.json").write_text(json.dumps(
        {"table": "table_s2", "profile": "demo", "row": "hrnet_w48", "key": "0123456789ab", "seed": 1}))
    return RowFolder(path)


def state(folder, queued=None):
    found = status_of(folder, queued)
    return found.state, found.text


def ended_process():
    """Who a process was that is no more."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    who = {**myself(), "pid": process.pid, "started": start_of(process.pid)}
    process.communicate()
    return who


def end(folder, kind, **more):
    data = {"schema": SCHEMA, "key": "k", "row": "hrnet_w48", "created": "2026-01-01T00:00:00+00:00", **more}
    (folder.path / f"{kind}.json").write_text(json.dumps(data))


DONE = {"model": {}, "protocol": {}, "data": {}, "machine": {}, "metrics": {"parts": {}}}


def test_a_row_tells_its_phases_steps_and_time_left(folder):
    tell = Teller(folder)
    tell("data", 0, 1, "synthetic/val")
    tell("train", 20, 100, "loss 0.5")
    tell.begun -= 10.0
    tell.last = 0.0
    tell("train", 40, 100, "loss 0.4", people_per_second=31.0)
    found = status_of(folder)
    assert (found.state, found.phase, found.done, found.total, found.text) == ("running", "train", 40, 100, "loss 0.4")
    assert found.left_s == pytest.approx(30.0, rel=0.05)  # 20 steps in 10 s; what was done before does not count
    assert found.facts == {"people_per_second": 31.0}
    assert (found.pid, found.seed) == (os.getpid(), 1)
    assert [phase["name"] for phase in read_status(folder)["phases"]] == ["data", "train"]
    assert not list(folder.path.glob(".*.part"))


def test_within_a_phase_it_is_written_only_so_often(folder):
    tell = Teller(folder)
    tell("train", 1, 100)
    tell("train", 2, 100)
    assert status_of(folder).done == 1
    tell("train", 100, 100)
    assert status_of(folder).done == 100


def test_a_process_of_the_training_goes_on_telling_for_the_row(folder):
    tell = Teller(folder)
    tell("data", 0, 1)
    joined = Teller(folder, joined=True)
    joined("data", 0, 1)
    joined("train", 5, 10)
    joined.ended("done")  # only the row's process has the last word
    assert status_of(folder).phase == "train"
    tell("predict", 0, 4)
    assert [phase["name"] for phase in read_status(folder)["phases"]] == ["data", "train", "predict"]
    assert status_of(folder).state == "running"


def test_a_full_disk_does_not_end_a_row(folder, monkeypatch):
    tell = Teller(folder)

    def full(*arguments, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    tell("train", 1, 10)


@pytest.mark.parametrize(("kind", "more", "expected"), [
    ("record", DONE, ("done", "")),
    ("failure", {"status": "failed", "error": "the loss became nan"}, ("failed", "the loss became nan")),
])
def test_the_record_has_the_last_word(folder, kind, more, expected):
    write_status(folder, {"state": "running", "process": ended_process()})
    end(folder, kind, **more)
    assert state(folder) == expected


def test_a_row_that_runs_again_runs_though_it_failed_before(folder):
    end(folder, "failure", status="failed", error="the disk was full")
    Teller(folder)("train", 1, 10)
    assert state(folder)[0] == "running"


def test_a_damaged_record_is_named(folder):
    folder.record.write_text("{")
    name, text = state(folder)
    assert name == "damaged"
    assert str(folder.record) in text


def test_a_process_that_is_gone_without_a_word(folder):
    write_status(folder, {"state": "running", "phase": "train", "process": ended_process()})
    name, text = state(folder)
    assert name == "gone"
    assert "ended without a word" in text


def test_a_process_whose_number_was_given_to_another(folder):
    write_status(folder, {"state": "running", "process": {**myself(), "started": 1}})
    assert state(folder)[0] == "gone"


def test_a_process_of_another_host_lives_while_it_gives_a_sign(folder):
    write_status(folder, {"state": "running", "phase": "train", "process": {**myself(), "boot": "b", "host": "node7"}})
    assert state(folder)[0] == "running"
    silent = time.time() - SILENCE - 60
    os.utime(folder.status, (silent, silent))
    name, text = state(folder)
    assert name == "gone"
    assert "no sign of life from node7 for 4 min" in text


def test_stopped_rows_say_how_to_go_on(folder):
    tell = Teller(folder)
    tell("train", 1, 10)
    tell.ended("stopped")
    name, text = state(folder)
    assert name == "stopped"
    assert "the same command continues" in text


def test_a_row_that_was_ended_before_it_could_speak_is_stopped(folder):
    write_status(folder, {"state": "running", "process": ended_process(), "phase": "data"})
    say_stopped(folder)
    assert state(folder)[0] == "stopped"
    Teller(folder).ended("failed", "its own word stays")
    say_stopped(folder)
    assert read_status(folder)["how"] == "failed"


def test_a_row_waits_while_somebody_is_there_to_start_it(folder):
    say_waiting(folder)
    assert state(folder)[0] == "waiting"
    write_status(folder, {"state": "waiting", "runner": ended_process()})
    assert state(folder) == ("gone", "never started: its run has ended")


def test_a_submitted_row_is_what_the_queue_says(folder):
    say_waiting(folder)
    folder.submitted.write_text('{"cluster": "slurm", "job": "77_1"}')
    assert state(folder, {"77_1": "pending (Resources)"}) == ("waiting", "pending (Resources)")
    assert state(folder, {}) == ("gone", "never started: job 77_1 is not in the queue any more")
    assert state(folder, None)[0] == "waiting"  # no squeue here
    tell = Teller(folder)
    tell("train", 1, 10)
    assert status_of(folder).slurm_job == "77_1"
    tell.ended("stopped")
    assert state(folder, {"77_1": "pending (BeginTime)"})[0] == "waiting"  # requeued after its time-out
    assert state(folder, {})[0] == "stopped"


def test_the_command_shows_rows_by_table_and_counts_them(folder, tmp_path):
    Teller(folder)("train", 5, 10, "loss 0.25")
    folder.log.write_text("")
    done = harness("status", "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "table_s2/demo\n  hrnet_w48, seed 1  running  train 5/10, loss 0.25, process " in done.stdout
    assert str(folder.log) in done.stdout
    assert done.stdout.endswith("1 running\n")
    data = json.loads(harness("status", "table_s2", "--results", tmp_path, "--json").stdout)
    assert [row["state"] for row in data] == ["running"]
    assert json.loads(harness("status", "--state", "failed", "--results", tmp_path, "--json").stdout) == []


def test_where_there_are_no_rows(folder, tmp_path, monkeypatch, capsys):
    def said(*words):
        app(["status", *words], standalone_mode=False)
        return capsys.readouterr().out

    assert said("table_s3", "--results", str(tmp_path)) == f"no rows of table_s3 in {tmp_path}\n"
    shown = said("--state", "failed,done", "--results", str(tmp_path))
    assert shown == f"no rows that are failed or done in {tmp_path}\n"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_RESULTS", raising=False)
    assert said() == "no rows in runs\n"


def test_tables_are_those_there_are_and_those_that_have_rows(folder, tmp_path, capsys):
    of_plugin = tmp_path / "their_table" / "demo" / "theirs-0123456789ab"
    of_plugin.mkdir(parents=True)
    (of_plugin / "job.json").write_text(folder.job.read_text().replace("table_s2", "their_table"))
    app(["status", "their_table", "--results", str(tmp_path)], standalone_mode=False)
    assert "their_table/demo" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"unknown table 'bogus' \(choices: table_s2, their_table, .*table_s3"):
        app(["status", "bogus", "--results", str(tmp_path)], standalone_mode=False)


@pytest.mark.parametrize(("arguments", "words"), [
    (["--results", "nowhere"], ["nowhere"]),
    (["--state", "finished"], ["finished", "done"]),
    (["--watch", "--json"], ["--watch"]),
])
def test_mistakes(arguments, words, tmp_path):
    assert_user_error(harness("status", *arguments, cwd=tmp_path, env={"HARNESS_RESULTS": str(tmp_path)}), *words)


def test_other_folders_are_no_rows(tmp_path):
    (tmp_path / "trainings" / "x" / "y").mkdir(parents=True)
    (tmp_path / "trainings" / "x" / "y" / "job.json").write_text("[]")
    assert statuses(tmp_path) == []


@pytest.mark.parametrize(("seconds", "words"), [
    (0.4, "0 s"), (99, "99 s"), (120, "2 min"), (5999, "1 h 40 min"), (7200, "2 h"), (12_000, "3 h 20 min"),
    (190_800, "2 d 5 h"), (172_800, "2 d")])
def test_times_in_words(seconds, words):
    assert duration(seconds) == words
