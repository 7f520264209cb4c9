import json
import os

import pytest

from harness.errors import UserError, unknown
from harness.files import atomic_write, check_replaceable, digest, is_json_with, read_json, read_yaml, write_json


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "record.json"
    write_json(path, {"a": 1})

    def interrupted():
        with atomic_write(path) as file:
            file.write(b"half of i")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["record.json"]


def test_nan_is_refused_in_json(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert os.listdir(tmp_path) == []


def test_unwritable_place_is_a_user_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/below"):
        write_json(tmp_path / "file" / "below" / "x.json", {})


@pytest.mark.parametrize(("read", "text"), [(read_json, "{"), (read_yaml, "a: [")])
def test_malformed_and_missing_files_are_named(tmp_path, read, text):
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=r"bad\.txt"):
        read(path)
    with pytest.raises(UserError, match=r"none\.txt"):
        read(tmp_path / "none.txt")


def test_digest_ignores_order_but_not_values():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert digest([1, 2]) != digest([2, 1])


def test_unknown_names_come_with_the_nearest_and_all_choices():
    text = str(unknown("row", "hrnet_w49", ["sn", "hrnet_w48", "hrnet_w48"]))
    assert text.count("hrnet_w48") == 2  # once as the nearest, once as a choice
    assert "hrnet_w49" in text
    assert "did you mean hrnet_w48" in text
    assert "sn" in text


def test_only_what_a_command_made_itself_is_written_over(tmp_path):
    path = tmp_path / "x.json"

    def check():
        check_replaceable(path, "--out", "output of this command", lambda given: is_json_with(given, "changes"))

    check()  # nothing is there
    for text in ("no JSON", "[1]", '{"other": 1}'):
        path.write_text(text)
        with pytest.raises(UserError, match=r"--out .*x\.json: is there and is no output of this command"):
            check()
    path.write_text('{"changes": []}')
    check()
