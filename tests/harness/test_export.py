"""`harness weights export`: a row's weights with its record and a card, and back again."""

import contextlib
import json

import pytest
import torch

from harness.weights import read_checkpoint
from tests.helpers import assert_user_error, harness


@pytest.fixture
def row(own_results):
    return next(own_results.glob("table_s2/smoke/tcformer_large-*"))


def export(row, out, *more):
    return harness("weights", "export", row, "--out", out, *more)


def test_exported_weights_are_evaluated_as_the_row_was(row, own_results, tmp_path):
    done = export(row, tmp_path / "given")
    assert done.returncode == 0, done.stderr
    record = json.loads((row / "record.json").read_text())
    file = tmp_path / "given" / "tcformer_large.safetensors"
    data = read_checkpoint(file)
    kept = data["meta"]["record"]
    assert kept["metrics"] == record["metrics"]
    assert kept["weights"]["file"] == "final.pth"  # where it lay is nobody's business
    assert str(own_results) not in json.dumps(kept)
    original = torch.load(record["weights"]["file"], weights_only=True)["model"]
    assert original.keys() == data["model"].keys()
    assert all(torch.equal(value, data["model"][key]) for key, value in original.items())

    again = harness("run", "table_s2", "--profile", "smoke", "--device", "cpu", "--results", own_results, "--rows",
                    "tcformer_large", "--weights", f"tcformer_large={file}")
    assert again.returncode == 0, again.stderr
    records = [json.loads(path.read_text()) for path in own_results.glob("table_s2/smoke/tcformer_large-*/record.json")]
    evaluated = next(one for one in records if one["key"] != record["key"])
    assert evaluated["metrics"] == record["metrics"]
    assert evaluated["weights"]["source"]["record"] == record["key"]


def test_the_card_says_what_it_is_and_how_to_use_it(row, tmp_path):
    assert export(row / "record.json", tmp_path / "given").returncode == 0
    card = (tmp_path / "given" / "README.md").read_text()
    record = json.loads((row / "record.json").read_text())
    for words in ("**A stand-in**", "tcformer_small", "| wholebody | ", "harness predict --weights", "Licence",
                  record["weights"]["sha256"], "loss \"cross_entropy\""):
        assert words in card
    text = card.partition("```python\n")[2].partition("```")[0]
    here = dict[str, torch.nn.Module]()
    with contextlib.chdir(tmp_path / "given"):
        exec(text, here)
    assert here["model"](torch.zeros(1, 3, 64, 64)).shape == (1, 133, 16, 16)
    assert "(B, 3, 64, 64)" in card


def test_a_results_folder_that_was_moved(row, own_results, tmp_path):
    moved = own_results.rename(tmp_path / "elsewhere")
    assert export(moved / row.relative_to(own_results), tmp_path / "given").returncode == 0
    assert export("table_s2/tcformer_large", tmp_path / "named", "--results", moved).returncode == 0


def test_what_is_in_the_way_or_not_there_is_named(row, own_results, tmp_path):
    assert_user_error(export(own_results, tmp_path / "given"), "unknown row", "ROW-KEY")
    assert_user_error(export("hrnet", tmp_path / "given", "--results", own_results), "did you mean hrnet_w48")
    assert export(row, tmp_path / "given").returncode == 0
    assert_user_error(export(row, tmp_path / "given"), "is there already", "--force")
    assert export(row, tmp_path / "given", "--force").returncode == 0
    assert_user_error(export(row, row / "record.json"), "expected a folder")
    assert_user_error(export(row, tmp_path / "mine.safetensors"), "expected a folder")
    weights = next((own_results / "trainings").glob("tcformer_small-*")) / "final.pth"
    with weights.open("ab") as file:
        file.write(b"x")
    assert_user_error(export(row, tmp_path / "other"), "changed since", weights)
    record = json.loads((row / "record.json").read_text())
    record["weights"]["file"] = "trainings/nowhere/final.pth"
    (row / "record.json").write_text(json.dumps(record))
    assert_user_error(export(row, tmp_path / "other"), "are gone", "nowhere")
    assert not (tmp_path / "other").exists()
