"""The command `harness report`: a folder that is not there, and records of another profile."""

import json

from tests.helpers import assert_user_error, harness


def test_a_folder_that_is_not_there(tmp_path):
    done = harness("report", "table_s2", "--results", tmp_path / "nowhere")
    assert_user_error(done, "nowhere", "harness run table_s2")
    assert_user_error(harness("report", "table_s9", "--results", tmp_path), "table_s9", "table_s2")


def test_where_nothing_was_run_the_published_numbers_are_shown(tmp_path):
    done = harness("report", "table_s2", cwd=tmp_path)
    assert done.returncode == 0
    assert "0.644" in done.stdout
    assert "nothing was run yet" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_records_of_another_profile_are_named(tmp_path, make, table):
    folder = tmp_path / "table_s2" / "smoke" / "hrnet_w48-a"
    folder.mkdir(parents=True)
    record = make.stand_in(make.row(table, "hrnet_w48"), "hrnet_small", profile="smoke")
    (folder / "record.json").write_text(json.dumps(record))
    assert "of smoke (--profile)" in harness("report", "table_s2", "--results", tmp_path).stderr
    assert "note" not in harness("report", "table_s2", "--profile", "smoke", "--results", tmp_path).stderr
