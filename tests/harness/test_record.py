"""Records that are found by the names of their rows."""

import json

import pytest

from harness.errors import UserError
from harness.record import SCHEMA, DamagedRecord, find_row, open_record, usable_rows


def put(results, place, row="hrnet_w48", day=1, seed=0, **more):
    """A record at table/profile/folder."""
    folder = results / place
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps({
        "schema": SCHEMA, "key": "k", "row": row, "created": f"2026-01-0{day}T00:00:00+00:00", "status": "measured",
        "seed": seed, "model": {}, "protocol": {}, "data": {}, "machine": {}, "metrics": {"parts": {}}, **more}))
    return folder


def measured(record):
    return record["status"] == "measured"


def found(name, results, **asked):
    return find_row(name, results, measured, **asked)[0]


def test_a_row_is_its_newest_record(tmp_path):
    old = put(tmp_path, "table_s2/demo/hrnet_w48-a")
    new = put(tmp_path, "table_s2/smoke/hrnet_w48-b", day=3, seed=1)
    put(tmp_path, "table_s2/demo/hrnet_w48-c", day=4, status="stand-in")
    assert found("hrnet_w48", tmp_path) == found("table_s2/hrnet_w48", tmp_path) == new
    assert found("table_s2/demo/hrnet_w48", tmp_path) == found("hrnet_w48", tmp_path, profile="demo") == old
    assert found("hrnet_w48", tmp_path, seed=0) == old
    assert find_row("hrnet", tmp_path, measured) is None
    with pytest.raises(UserError, match=r"seed 1 and profile demo in .* \(there are: seed 0 in profile demo, seed 1 in "
                                        r"profile smoke\)"):
        found("hrnet_w48", tmp_path, seed=1, profile="demo")


def test_a_name_of_two_tables_is_not_guessed(tmp_path):
    put(tmp_path, "imagenet/demo/base-a", "base")
    folder = put(tmp_path, "table_s1/demo/base-b", "base")
    with pytest.raises(UserError, match=r"several tables of .* have a row base: name imagenet/base or table_s1/base"):
        found("base", tmp_path)
    assert found("table_s1/base", tmp_path) == folder
    assert usable_rows(tmp_path, measured) == ["base"]


def test_a_damaged_record_of_the_row_is_named_and_others_are_not_in_the_way(tmp_path):
    put(tmp_path, "table_s2/demo/hrnet_w48-a")
    damaged = put(tmp_path, "table_s2/smoke/tcformer_large-b") / "record.json"
    damaged.write_text(damaged.read_text()[:40])
    assert found("hrnet_w48", tmp_path)
    assert usable_rows(tmp_path, measured) == ["hrnet_w48"]
    for name in ("tcformer_large", "table_s2/tcformer_large"):
        with pytest.raises(DamagedRecord, match=r"tcformer_large-b/record\.json is damaged"):
            found(name, tmp_path)
    assert find_row("tcformer_large", tmp_path, measured, profile="demo") is None


def test_a_folder_is_one_record(tmp_path):
    folder = put(tmp_path, "table_s2/demo/hrnet_w48-a")
    for name in (folder, folder / "record.json"):
        assert open_record(str(name), tmp_path, measured)[0] == folder
    with pytest.raises(UserError, match="--seed 0: for a row by its name"):
        open_record(str(folder), tmp_path, measured, seed=0)
