"""Files that CI reads: whole, at their place, and none lost for another's sake."""

import json
import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from harness.errors import UserError
from harness.gate.findings import Comparison
from harness.gate.present import as_json, write
from harness.gate.present.markdown import LIMIT, markdown
from harness.gate.present.outputs import STEP_SUMMARY, append
from tests.gate.comparisons import EXAMPLE, SLOWER, compare


@pytest.fixture(autouse=True)
def no_github(monkeypatch):
    monkeypatch.delenv(STEP_SUMMARY, raising=False)


def test_every_file_that_was_asked_for(tmp_path, capsys):
    write(EXAMPLE, junit=str(tmp_path / "new" / "gate.xml"), summary=tmp_path / "gate.md", out=tmp_path / "gate.json")
    assert ElementTree.parse(tmp_path / "new" / "gate.xml").getroot().tag == "testsuites"
    assert (tmp_path / "gate.md").read_text() == markdown(EXAMPLE)
    data = json.loads((tmp_path / "gate.json").read_text())
    assert Comparison.from_json(data, "gate.json") == EXAMPLE
    assert capsys.readouterr().out == ""


def test_nothing_asked_for_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(STEP_SUMMARY, str(tmp_path / "summary.md"))
    write(EXAMPLE)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_github_gets_annotations_and_its_summary_grows(tmp_path, capsys, monkeypatch):
    step = tmp_path / "summary.md"
    step.write_text("# Of an earlier command\n")
    monkeypatch.setenv(STEP_SUMMARY, str(step))
    write(EXAMPLE, github=True)
    write(EXAMPLE, github=True)
    assert step.read_text() == "# Of an earlier command\n" + 2 * ("\n" + markdown(EXAMPLE))
    assert capsys.readouterr().out.startswith("::error title=worse%3A sbl_small%3A face AP::")


def test_github_without_a_summary_file_still_annotates(capsys):
    write(EXAMPLE, github=True)
    assert capsys.readouterr().out.count("::error ") == 3


def test_strict_reaches_annotations_and_junit(tmp_path, capsys):
    write(EXAMPLE, github=True, junit=tmp_path / "gate.xml", strict=True)
    assert capsys.readouterr().out.count("::error ") == 5
    assert len(list(ElementTree.parse(tmp_path / "gate.xml").getroot().iter("failure"))) == 5


def test_what_is_in_the_summary_counts_towards_githubs_limit(tmp_path):
    step = tmp_path / "summary.md"
    for size in (LIMIT - 3000, LIMIT - 20, LIMIT + 5):
        step.write_text("x" * size)
        append(step, EXAMPLE)
        assert step.stat().st_size <= max(LIMIT, size + 1)


def test_nan_is_null_in_json(tmp_path):
    odd = compare(replace(SLOWER, change=math.nan, high=math.inf), details={"pairs": [[1.0, math.nan]], "n": (1,)})
    write(odd, out=tmp_path / "gate.json")
    data = json.loads((tmp_path / "gate.json").read_text(), parse_constant=pytest.fail)
    assert data["findings"][0]["change"] is None
    assert data["findings"][0]["high"] is None
    assert data["details"] == {"pairs": [[1.0, None]], "n": [1]}
    assert as_json(EXAMPLE) == json.loads(json.dumps(EXAMPLE.to_json()))


def test_one_file_that_cannot_be_written_costs_no_other(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(STEP_SUMMARY, str(tmp_path / "no" / "summary.md"))
    with pytest.raises(UserError) as raised:
        write(EXAMPLE, out=tmp_path / "file" / "gate.json", junit=tmp_path / "gate.xml", summary=tmp_path / "gate.md",
              github=True)
    for name in ("gate.json", "summary.md"):
        assert name in str(raised.value)
    assert ElementTree.parse(tmp_path / "gate.xml").getroot().tag == "testsuites"
    assert (tmp_path / "gate.md").read_text() == markdown(EXAMPLE)
    assert "::error " in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "gate.md", "gate.xml"]
