"""What `explain` and `errors` take, and what they refuse to be told of it."""

import json

import pytest

from harness.cli import app
from harness.errors import UserError
from harness.explain.subjects import PUBLISHED, RESULTS, Subject, check_given, open_subject
from harness.registry import spec_data
from harness.zoo import container
from tests.report.conftest import row_of, stand_in_record


def run(*words):
    app([str(word) for word in words], standalone_mode=False)


def put(results, row="hrnet_w48", table="table_s2", profile="demo", **changes):
    """A record without its predictions, in a results folder."""
    made = stand_in_record(row_of(spec_data("tables", "table_s2"), "hrnet_w48"), "hrnet_small")
    made |= {"row": row, "table": table, "profile": profile, "hashes": {"evaluate": "e" * 64},
             "code": {"hash": "h" * 64}, "predictions": "predictions.npz"} | changes
    made["data"]["eval"] |= {"root": "/nowhere", "options": {}}
    folder = results / table / profile / f"{row}-{made['key'][:12]}-{made['seed']}"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(made))
    return folder


@pytest.mark.parametrize("option", [["--gt", "people.json"], ["--layout", "lsp"], ["--score-key", "part"]])
def test_a_record_is_told_nothing_that_it_says_itself(tmp_path, option):
    folder = put(tmp_path)
    for words in (["errors", folder], ["explain", folder, "seed_s2_hrnet_w48"]):
        with pytest.raises(UserError, match=rf"^{option[0]} {option[1]}: .*{folder.name}.* is a record and says it"):
            run(*words, *option)


@pytest.mark.parametrize(("command", "option", "name"), [
    ("explain", "--out", "notes.json"), ("errors", "--out", "notes.json"), ("errors", "--figure", "photo.png")])
def test_what_they_did_not_write_they_do_not_write_over(tmp_path, command, option, name):
    folder, path = put(tmp_path), tmp_path / name
    path.write_text('{"of": "mine"}')
    with pytest.raises(UserError, match=rf"{option} .*{name}: is there and is no .*; choose another name"):
        run(command, folder, option, path)
    assert path.read_text() == '{"of": "mine"}'


def test_a_row_goes_by_its_name(tmp_path):
    folder = put(tmp_path)
    for name in ("hrnet_w48", "table_s2/hrnet_w48", "table_s2/demo/hrnet_w48", str(folder)):
        assert open_subject(name, results=tmp_path).name == str(folder)
    with pytest.raises(UserError, match="unknown row or published number 'hrnet_w49'; did you mean hrnet_w48 or"):
        open_subject("hrnet_w49", results=tmp_path)
    with pytest.raises(UserError, match=rf"unknown row 'nope' \(choices: hrnet_w48\) in {tmp_path}"):
        run("errors", "nope", "--results", tmp_path)
    with pytest.raises(UserError, match=r"did you .* \(choices: hrnet_w48, seed_s2_hrnet_w48, ") as raised:
        run("explain", "hrnet_w48", "seed_s2_hrnet", "--results", tmp_path)
    assert "vitpose" not in str(raised.value), "published numbers of other names"
    with pytest.raises(UserError, match=r"hrnet_w48-\w+-0 is a record that cannot be scored again"):
        run("errors", "hrnet_w48", "--results", tmp_path)


def test_exported_weights_can_come_second(tmp_path):
    record = json.loads((put(tmp_path) / "record.json").read_text())
    container.write(tmp_path / "x.safetensors", {}, {"record": record})
    found = open_subject(str(tmp_path / "x.safetensors"))
    assert (found.settings["model"], found.metrics["body"]["AP"]) == ("hrnet_small", 0.1)
    with pytest.raises(UserError, match="cannot be scored again: exported weights: the predictions stay with the row"):
        run("explain", tmp_path / "x.safetensors", "seed_s2_hrnet_w48")
    container.write(tmp_path / "y.safetensors", {}, {"model": "hrnet_small"})
    with pytest.raises(UserError, match=r"y\.safetensors holds weights without a record .*; name a row"):
        open_subject(str(tmp_path / "y.safetensors"))


def test_options_are_for_the_side_that_uses_them():
    of_file, published = (Subject(kind, "x", {}, None, None) for kind in (RESULTS, PUBLISHED))
    check_given([published, of_file], {"--gt": "people.json", "--data-root": None})
    with pytest.raises(UserError, match="--data-root d: for a record, but x is a file of results; leave it out"):
        check_given([published, of_file], {"--gt": "people.json", "--data-root": "d"})
