"""A model for hands only, from its training to its figures (Figure S9)."""

import json

import pytest
import torch

from harness.cli import app
from harness.figures.rows import open_row
from harness.layout import load_layout
from tests.helpers import harness

pytestmark = pytest.mark.slow

LAYOUT = load_layout("coco-wholebody")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s9") / "runs"
    done = harness("run", "figure_s9", "--profile", "smoke", "--rows", "hands_only", "--set", "train.weight_decay=0",
                   "--results", folder, "--device", "cpu")
    assert done.returncode == 0, done.stderr + done.stdout
    return folder


def figure(kind, *options, results):
    app(["figure", kind, "--row", "hands_only", "--results", str(results), "--device", "cpu", *options],
        standalone_mode=False)


def test_nothing_moves_the_last_layer_of_points_that_are_not_trained(results):
    row = open_row("hands_only", results)
    assert row.protocol.train.parts == ("lefthand", "righthand")
    trained, initial = (of.network("cpu").state_dict() for of in (row, row.untrained()))
    heads = [name for name, value in trained.items() if value.shape[:1] == (LAYOUT.size,)]
    assert heads
    hands = list(LAYOUT.points_of(row.protocol.train.parts))
    others = [k for k in range(LAYOUT.size) if k not in hands]
    for name in heads:
        assert torch.equal(trained[name][others], initial[name][others])
        assert not torch.equal(trained[name][hands], initial[name][hands])
    moved = [name for name, value in trained.items() if name.startswith("backbone.")
             and not torch.equal(value, initial[name])]
    assert len(moved) > 20


def test_its_figures_and_their_numbers_lead_to_the_record(results, capsys):
    figure("tokens", "--image", "1", "--initial", "--all", "--first", "4", "--json", results=results)
    found = json.loads(capsys.readouterr().out)
    said = json.loads((results / "figures" / "tokens-hands_only-1.json").read_text())
    assert said["numbers"]["networks"] == found["networks"]
    record = json.loads((results / said["rows"][0]["record"] / "record.json").read_text())
    assert said["rows"][0]["weights"]["sha256"] == record["weights"]["sha256"]
    assert said["rows"][0]["parts"] == record["protocol"]["train"]["parts"] == ["lefthand", "righthand"]
    assert said["rows"][1]["record"] is None  # initial weights are no row's


def test_its_poses_show_hands_only_and_say_so(results, capsys):
    figure("poses", results=results)
    assert "trained for lefthand, righthand only" in capsys.readouterr().out
    said = json.loads((results / "figures" / "poses-hands_only.json").read_text())
    assert set(said["numbers"]["oks"]) == {"best", "median", "worst"}
    assert said["images"]
