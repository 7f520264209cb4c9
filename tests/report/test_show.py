"""From the folder that runs leave to a table: newest records, rows without one, damaged files, JSON on its own."""

import json

from harness.files import write_json
from harness.plan import Options, make_plan, own_settings
from harness.protocol import make_protocol, merge
from harness.record import RowFolder
from harness.report import show_plan_report, show_report
from harness.report.show import row_result


def put(results, record, name, file="record.json"):
    folder = results / record["table"] / record["profile"] / name
    write_json(folder / file, record)
    return folder


def shown(results, capsys, json_output=True, damaged=()):
    assert show_report("table_s2", "demo", results, "json" if json_output else "text") == list(damaged)
    text = capsys.readouterr().out
    return json.loads(text) if json_output else text


def statuses(data):
    return {row["id"]: row["status"] for row in data["rows"]}


def test_without_records_rows_are_cited_or_missing(tmp_path, capsys):
    found = statuses(shown(tmp_path, capsys))
    assert found["tcformer_large"] == found["sbl_res152"] == found["hrnet_w48"] == "missing"
    assert {status for name, status in found.items() if found[name] != "missing"} == {"cited"}


def test_an_attempt_that_failed_takes_nothing_from_what_was_measured(tmp_path, capsys, make, table):
    row = make.row(table, "hrnet_w48")
    failure = make.stand_in(row, status="failed", created="2026-01-02T00:00:00+00:00", error="it broke", metrics=None)
    folder = put(tmp_path, failure, "hrnet_w48-b", "failure.json")
    data = shown(tmp_path, capsys)
    assert statuses(data)["hrnet_w48"] == "failed"
    assert str(folder) in next(row for row in data["rows"] if row["id"] == "hrnet_w48")["log"]
    put(tmp_path, make.stand_in(row, "hrnet_small", created="2026-01-01T00:00:00+00:00"), "hrnet_w48-a")
    assert statuses(shown(tmp_path, capsys))["hrnet_w48"] == "stand-in"
    text = " ".join(shown(tmp_path, capsys, json_output=False).split())
    assert "hrnet_w48: a later attempt failed and is not shown: it broke (log: " in text


def test_other_settings_are_said(tmp_path, capsys, make, table, profiles):
    row = make.row(table, "hrnet_w48")
    layers = own_settings(table, profiles["demo"], row, "synthetic")
    own = make_protocol(merge(*layers), "test").model_dump(mode="json")
    put(tmp_path, make.stand_in(row, "hrnet_small", protocol=own, key="a"), "hrnet_w48-a")
    text = " ".join(shown(tmp_path, capsys, json_output=False).split())
    assert "own settings" not in text
    other = make_protocol(merge(own, {"test": {"flip": False, "batch_size": 1}}), "test").model_dump(mode="json")
    put(tmp_path, make.stand_in(row, "hrnet_small", protocol=other, key="b", created="2026-01-02T00:00:00+00:00"),
        "hrnet_w48-b")
    text = " ".join(shown(tmp_path, capsys, json_output=False).split())
    assert "HRNet-w48: not the profile's own settings: test.flip off instead of on" in text
    assert "batch_size" not in text
    assert "hrnet_w48: 1 other record, with other settings, weights or code, is not shown" in text


def test_evaluating_on_what_was_trained_on_is_said(tmp_path, capsys, make, table):
    row, one = make.row(table, "hrnet_w48"), {"dataset": "synthetic", "split": "train", "root": "data"}
    put(tmp_path, make.stand_in(row, data={"train": one, "eval": {**one, "layout": "coco-wholebody"}}), "hrnet_w48-a")
    assert "synthetic train, which was trained on: a measure of memory" in " ".join(
        shown(tmp_path, capsys, json_output=False).split())


def test_rows_on_different_images_never_stand_in_one_table(tmp_path, capsys, make, table):
    hrnet, sbl = make.row(table, "hrnet_w48"), make.row(table, "sbl_res152")
    put(tmp_path, make.stand_in(hrnet, "hrnet_small"), "hrnet_w48-a")
    put(tmp_path, make.stand_in(sbl, "sbl_small"), "sbl_res152-a")
    on_lsp = {"eval": {"dataset": "lsp", "split": "test", "images": 400, "people": 400, "layout": "lsp"}, "train": None}
    put(tmp_path, make.stand_in(hrnet, data=on_lsp, created="2026-01-02T00:00:00+00:00"), "hrnet_w48-b")
    data = shown(tmp_path, capsys)
    assert statuses(data)["hrnet_w48"] == "stand-in"
    assert statuses(data)["sbl_res152"] == "missing"
    text = " ".join(shown(tmp_path, capsys, json_output=False).split())
    assert "Evaluated on lsp test (400 images, 400 people): tcformer_small." in text
    assert "2 record(s) on other images are not shown: synthetic val" in text
    failed = make.stand_in(hrnet, status="failed", created="2026-01-03T00:00:00+00:00", error="broke", metrics=None)
    put(tmp_path, failed, "hrnet_w48-c", "failure.json")
    assert statuses(shown(tmp_path, capsys))["hrnet_w48"] == "stand-in", "it failed on other images"


def test_records_of_other_code_are_stale(tmp_path, capsys, make, table):
    row = make.row(table, "tcformer_large")
    put(tmp_path, make.stand_in(row, code={"hash": "0" * 64}), "tcformer_large-a")
    text = shown(tmp_path, capsys, json_output=False)
    assert "stale stand-in" in " ".join(text.split())


def test_rows_that_are_not_the_tables_own_follow(tmp_path, capsys, make):
    row = {"id": "openmmlab:config", "title": "a configuration"}
    put(tmp_path, make.stand_in(row, "tcformer_small"), "openmmlab-config-a")
    data = shown(tmp_path, capsys)
    assert [row["id"] for row in data["rows"]][-1] == "openmmlab:config"
    assert data["rows"][-1]["published"] == []


def test_damaged_records_are_reported_and_the_rest_shown(tmp_path, capsys, make, table):
    folder = put(tmp_path, make.stand_in(make.row(table, "hrnet_w48"), "hrnet_small"), "hrnet_w48-a")
    (folder / "record.json").write_text("{")
    lines = show_report("table_s2", "demo", tmp_path, "json")
    assert len(lines) == 1
    assert str(folder / "record.json") in lines[0]
    data = json.loads(capsys.readouterr().out)
    assert data["damaged"] == lines
    assert statuses(data)["hrnet_w48"] == "missing"


def test_nothing_is_written_where_no_records_are(tmp_path, capsys):
    assert "written:" not in shown(tmp_path / "runs", capsys, json_output=False)
    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_written_do_not_hide_the_table(tmp_path, capsys, make, table):
    folder = put(tmp_path, make.stand_in(make.row(table, "hrnet_w48"), "hrnet_small"), "hrnet_w48-a")
    (folder.parent / "table_s2.md").mkdir()  # a folder where the file should go
    text = " ".join(shown(tmp_path, capsys, json_output=False).split())
    assert "hrnet_small" in text
    assert "not written to files: cannot write" in text


def test_json_goes_alone_to_standard_output(tmp_path, capsys, make, table):
    put(tmp_path, make.stand_in(make.row(table, "hrnet_w48"), "hrnet_small"), "hrnet_w48-a")
    show_report("table_s2", "demo", tmp_path, "json")
    output = capsys.readouterr()
    assert json.loads(output.out)["table"] == "table_s2"
    assert "written:" in output.err


def test_files_are_written_beside_the_records(tmp_path, capsys, make, table):
    put(tmp_path, make.stand_in(make.row(table, "hrnet_w48"), "hrnet_small"), "hrnet_w48-a")
    text = shown(tmp_path, capsys, json_output=False)
    for ending in ("md", "tex", "csv", "json"):
        path = tmp_path / "table_s2" / "demo" / f"table_s2.{ending}"
        assert path.is_file()
        assert str(path) in text


def test_a_row_without_model_or_stand_in_is_cited(table, profiles, make):
    assert row_result(make.row(table, "zoomnet"), profiles["paper"], None, None).status == "cited"
    assert row_result(make.row(table, "hrnet_w48"), profiles["paper"], None, None).status == "missing"


def test_a_run_of_some_rows_shows_them_and_writes_the_whole_table(tmp_path, capsys, make, table):
    plan = make_plan("table_s2", Options(rows=("hrnet_w48",), device="cpu", results=str(tmp_path)))
    own = RowFolder.of(tmp_path, plan.jobs["hrnet_w48"]).path.name
    put(tmp_path, make.stand_in(make.row(table, "sbl_res152"), "sbl_small"), "sbl_res152-a")
    put(tmp_path, make.stand_in(make.row(table, "hrnet_w48"), "hrnet_w48", created="2026-01-02"), "hrnet_w48-b")
    put(tmp_path, make.stand_in(make.row(table, "hrnet_w48"), "hrnet_small"), own)
    put(tmp_path, make.stand_in({"id": "openmmlab:x", "title": "X"}, "tcformer_small"), "openmmlab-x-a")
    show_plan_report(plan)
    screen = capsys.readouterr().out
    assert "hrnet_small" in screen
    assert "sbl_small" not in screen
    written = json.loads((tmp_path / "table_s2" / "demo" / "table_s2.json").read_text())["rows"]
    assert [row["id"] for row in written] == [*(row["id"] for row in table["rows"] if not row.get("alternative_to")),
                                              "openmmlab:x"]
    models = {row["id"]: row["record"]["model"]["name"] for row in written if row["record"]}
    assert models == {"sbl_res152": "sbl_small", "hrnet_w48": "hrnet_small", "openmmlab:x": "tcformer_small"}
