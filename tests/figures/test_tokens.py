"""Tokens of every stage: their shares by hand-made assignments, and what the command draws, measures and refuses."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from harness.cli import app
from harness.cli.figure import Start, told_apart
from harness.data.types import People
from harness.errors import UserError
from harness.figures import shares
from harness.figures.photos import nobody
from harness.figures.rows import drawable, open_row
from harness.figures.tokens import network_of
from harness.layout import load_layout
from harness.record import SCHEMA, find_row
from harness.registry import build_model
from harness.weights import FORMAT
from tcformer.registry import tcformer_light
from tests.figures.test_regions import GRID, HALVES

LAYOUT = load_layout("coco-wholebody")


def person(box, **parts):
    """One person whose parts have two labelled points each, at opposite corners x0, y0, x1, y1."""
    keypoints = np.zeros((1, 133, 3))
    for name, (x0, y0, x1, y1) in parts.items():
        start = LAYOUT.parts[name].start
        keypoints[0, start] = x0, y0, 2
        keypoints[0, start + 1] = x1, y1, 1
    one = np.ones(1, np.int64)
    return People(one, one, np.array([box], float), np.ones(1), np.zeros(1, bool), keypoints, one)


def test_centres_of_cells_lie_in_the_crop():
    found = shares.cell_centres(GRID, np.array([50.0, 10.0]), np.array([40.0, 20.0]))
    assert found[0].tolist() == [35, 5]
    assert found[3].tolist() == [65, 5]
    assert found[-1].tolist() == [65, 15]


def test_areas_are_boxes_of_people_and_of_labelled_points():
    at = np.array([[5.0, 5], [15, 5], [25, 5], [35, 5], [45, 5]])
    people = person([0, 0, 20, 10], face=(10, 0, 20, 10), lefthand=(30, 0, 32, 10), righthand=(34, 0, 36, 10))
    inside = shares.areas(people, np.array([0]), LAYOUT, at)
    assert {area: np.flatnonzero(of).tolist() for area, of in inside.items()} == {
        "people": [0, 1, 3], "faces": [1], "hands": [3], "background": [2, 4]}  # a hand outside of its person's box
    empty = shares.areas(nobody(LAYOUT), np.zeros(0, int), LAYOUT, at)
    assert empty["background"].all()


def test_shares_of_tokens_by_hand():
    people = np.array([1, 0, 0, 0, 1, 0, 1, 1], bool)  # half of token 0, half of token 1, token 3
    assert shares.token_shares(HALVES.index, {"people": people})["people"] == (0.5 + 0.5 + 0 + 1) / 4
    cells = np.arange(8)
    assert shares.token_shares(cells, {"people": people})["people"] == 0.5  # every cell a token: the area
    gap = np.where(HALVES.index == 3, 9, HALVES.index)  # tokens 3 to 8 are empty
    assert shares.token_shares(gap, {"people": people})["people"] == 0.5


def test_density_is_held_against_stage_1_on_the_same_images():
    of = np.zeros((40, 2, 4))
    of[:, 0, 0], of[:, 1, 0] = 0.2, 0.5
    of[:, 0, 3], of[:, 1, 3] = 0.8, 0.5
    first, second = shares.summarise(of, np.arange(40))
    assert first["people"] == shares.Share(pytest.approx(0.2), 1.0, (1.0, 1.0), 0.0)
    assert second["people"].density == pytest.approx(2.5)
    assert second["people"].interval == pytest.approx((2.5, 2.5))
    assert second["background"].density == pytest.approx(0.625)
    assert second["faces"] == shares.Share(0.0, None, None)
    assert (second["people"].starved, second["background"].starved, second["faces"].starved) == (0.0, 1.0, None)
    assert shares.summarise(of, np.zeros(40))[1]["people"].interval is None  # one image


def test_some_starve_while_the_mean_rises():
    of = np.full((10, 2, 4), 0.2)
    of[:, 1, 1] = [0.9] * 6 + [0.1] * 4  # faces
    of[8:, :, 1] = 0  # two have none
    found = shares.summarise(of, np.arange(10))[1]["faces"]
    assert found.density > 2
    assert found.starved == 2 / 8
    assert shares.summarise(of, np.arange(10))[1]["hands"].starved == 0  # evenly spread


def test_intervals_hold_the_ratio_of_images_that_differ():
    noise = np.random.default_rng(1).uniform(0.1, 0.3, 200)
    of = np.stack([np.tile(noise[:, None], 4), np.tile((noise * np.random.default_rng(2).uniform(1, 2, 200))[:, None],
                                                       4)], axis=1)
    found = shares.summarise(of, np.repeat(np.arange(100), 2))[1]["people"]
    low, high = found.interval
    assert 1.4 < low < found.density < high < 1.6


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (96, 72, 3)).astype(np.uint8))
    return path


def annotations(photo):
    """A file with one fully labelled person on the left half of the photo."""
    points = {part.points: [20.0, 30.0, 2.0, 10.0, 60.0, 2.0] + [15.0, 40.0, 1.0] * (part.stop - part.start - 2)
              for part in LAYOUT.parts.values() if part.points}
    entry = {"id": 1, "image_id": 7, "category_id": 1, "bbox": [4, 8, 32, 80], "area": 1200, "iscrowd": 0, **points}
    path = photo.parent / "people.json"
    path.write_text(json.dumps({"images": [{"id": 7, "file_name": photo.name, "width": 72, "height": 96}],
                                "annotations": [entry]}))
    return path


def figure(*options, results, device="cpu"):
    app(["figure", "tokens", *map(str, options), "--results", str(results), "--device", device], standalone_mode=False)


def test_the_command_draws_and_measures_people_and_faces(photo, tmp_path, capsys):
    out = tmp_path / "tokens.svg"
    asked = ["--row", "tcformer_small,tcformer_small_topk", "--image", photo, "--boxes", annotations(photo), "--task",
             "pose,face", "--stages", "4", "--json", "--out", out]
    figure(*asked, results=tmp_path)
    found = json.loads(capsys.readouterr().out)
    assert len(found["networks"]) == 4
    for network in found["networks"]:
        assert [len(of) for of in network["stages"]] == [4] * 4
        assert network["weights"] == "initial weights, not trained"
        for stage in network["stages"]:
            assert stage["people"]["share"] + stage["background"]["share"] == pytest.approx(1)
    pose, face = (network["stages"][0]["faces"]["share"] for network in found["networks"][:2])
    assert 0 < pose < face  # a face fills more of its own crop
    assert any(note.startswith("Not yet Figure S7") for note in found["notes"])
    said = json.loads(out.with_suffix(".json").read_text())
    assert said["numbers"]["networks"] == found["networks"]
    assert said["options"] == {"tasks": ["pose", "face"], "views": ["regions"], "stages": [4]}
    assert [row["model"] for row in said["rows"]] == ["tcformer_small", "tcformer_small_topk"]
    assert any(note.startswith("Not yet Figure S7") for note in said["notes"])
    before = out.read_bytes(), out.with_suffix(".json").read_bytes()
    figure(*asked, results=tmp_path)
    assert (out.read_bytes(), out.with_suffix(".json").read_bytes()) == before


def test_trained_weights_are_held_against_initial_ones_of_the_same_network(photo, tmp_path, capsys):
    torch.manual_seed(1)
    row = open_row("tcformer_small", tmp_path)
    weights = tmp_path / "w.pth"
    small = {"crop": {"width": 96, "height": 128}}
    torch.save({"format": FORMAT, "meta": {"model": "tcformer_small", "protocol": small},
                "model": build_model(row.spec, 133).state_dict()}, weights)
    asked = ["--row", "tcformer_small", "--weights", weights, "--image", photo, "--boxes", annotations(photo), "--json"]
    figure(*asked, "--initial", results=tmp_path)
    trained, initial = json.loads(capsys.readouterr().out)["networks"]
    assert (trained["weights"], initial["weights"]) == ("weights w.pth", "initial weights, not trained")
    assert trained["stages"][0] == initial["stages"][0]  # the same crop, of the same size
    assert trained["stages"][3] != initial["stages"][3]


def test_a_figure_goes_to_the_results_where_it_is_not_told_where(photo, tmp_path):
    figure("--row", "tcformer_small", "--image", photo, "--view", "density", "--stages", "4", results=tmp_path)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "tokens-tcformer_small-density-photo.json", "tokens-tcformer_small-density-photo.png"]


def record(results, table, row, place=None, **more):
    """A record that has what rows are found by."""
    folder = results / table / "demo" / (place or f"{row}-0123")
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps({
        "schema": SCHEMA, "key": "0123", "row": row, "created": "2026-01-01T00:00:00+00:00", "status": "measured",
        "model": {"name": "tcformer_small"}, "protocol": {}, "data": {}, "machine": {}, "metrics": {"parts": {}},
        **more}))
    return folder


def test_a_classifier_stands_beside_pose_networks(photo, tmp_path, capsys):
    pose = open_row("tcformer_small", tmp_path).spec
    backbone = {name: value for name, value in pose.args.items() if not name.startswith(("variant", "neck"))}
    weights = tmp_path / "final.pth"
    torch.manual_seed(3)
    torch.save({"format": FORMAT, "meta": {"kind": "classification", "model": pose.name},
                "model": tcformer_light(num_classes=5, **backbone).state_dict()}, weights)
    record(tmp_path, "imagenet", "base", kind="classification", status="stand-in", title="TCFormer", seed=0,
           weights={"file": str(weights)},
           protocol={"crop": {"width": 96, "height": 96}, "test": {"crop_share": 0.875}})
    asked = ["--row", "tcformer_small,base", "--image", photo, "--boxes", annotations(photo)]
    figure(*asked, "--task", "pose,classification", "--json", "--stages", "4", results=tmp_path)
    found = json.loads(capsys.readouterr().out)["networks"]
    assert [of["title"] for of in found] == [
        "tcformer_small, crop of a person", "tcformer_small, centre of the image",
        "TCFormer, stand-in tcformer_small, classifier, centre of the image"]
    row = open_row("base", tmp_path)
    assert (row.centre.size, row.centre.share) == (96, 0.875)
    held = network_of(row, "classification", "cpu").state_dict()["backbone.block1.0.attn.q.weight"]
    torch.testing.assert_close(held, torch.load(weights)["model"]["block1.0.attn.q.weight"])
    with pytest.raises(UserError, match=r"--task pose: TCFormer, .* sees no people; name classification, too"):
        figure(*asked, results=tmp_path)
    with pytest.raises(UserError, match="its evaluation data have no annotated people"):
        figure("--row", "base", "--task", "classification", "--all", results=tmp_path)
    with pytest.raises(UserError, match="only `harness figure tokens --task classification` draws it"):
        app(["figure", "poses", "--row", "base", "--image", str(photo), "--results", str(tmp_path), "--device", "cpu"],
            standalone_mode=False)


def test_a_folder_that_happens_to_have_the_name_of_a_row_is_not_in_its_way(tmp_path, monkeypatch):
    (tmp_path / "tcformer").mkdir()
    monkeypatch.chdir(tmp_path)
    assert open_row("tcformer", tmp_path).folder is None


def test_rows_of_different_seeds_say_theirs(tmp_path):
    row = open_row("tcformer_small", tmp_path)
    one, two = (replace(row, record={"seed": seed}) for seed in (0, 1))
    titles = [of.title for of in told_apart([one, two, row])]
    assert titles == [f"{row.title}, seed 0", f"{row.title}, seed 1", row.title]
    assert told_apart([one, replace(one, title="other")])[0].title == row.title


def test_rows_of_different_trainings_are_told(tmp_path):
    row = open_row("tcformer_small", tmp_path)
    one = replace(row, record={"row": "a", "seed": 0, "profile": "demo"})
    two = replace(row, record={"row": "b", "seed": 0, "profile": "smoke"})
    assert [of.title for of in told_apart([one, two])] == [f"{row.title}, profile demo", f"{row.title}, profile smoke"]
    begun = Start([one, two, row], tmp_path, tmp_path / "x.png", "cpu", "")
    assert begun.mixed() == ["rows of different trainings: a (seed 0, profile demo), b (seed 0, profile smoke); --seed "
                             "and --profile choose"]
    assert Start([one, one, row], tmp_path, tmp_path / "x.png", "cpu", "").mixed() == []


def test_a_seed_is_of_rows_that_were_run(tmp_path):
    folders = [record(tmp_path, "table_s3", "tcformer", seed=seed, key=f"{seed}" * 4, place=f"tcformer-{seed}",
                      weights={"file": __file__}, data={"eval": {"layout": "coco-wholebody"}},
                      created=f"2026-01-0{9 - seed}T00:00:00+00:00") for seed in (0, 1)]
    assert open_row("tcformer", tmp_path).folder == folders[0]
    assert open_row("tcformer", tmp_path, seed=1).folder == folders[1]
    with pytest.raises(UserError, match=r"unknown row 'tcformer_small'.* \(choices: tcformer\) .*--seed and --profile"):
        open_row("tcformer_small", tmp_path, seed=1)  # a network, which would be drawn untrained


def test_networks_that_were_only_measured_are_no_rows_to_draw(tmp_path):
    record(tmp_path, "table_s2", "tcformer")
    measured = record(tmp_path, "table_s1", "tcformer", kind="architecture", created="2026-02-01T00:00:00+00:00")
    assert find_row("tcformer", tmp_path, drawable)[0].parent.parent.name == "table_s2"
    with pytest.raises(UserError, match="of a network that was only measured: there is nothing to draw"):
        open_row(str(measured), tmp_path)


@pytest.mark.parametrize(("options", "words"), [
    (["--view", "regoins", "--image", "PHOTO"], "unknown view 'regoins'; did you mean regions"),
    (["--task", "poses", "--image", "PHOTO"], "unknown task 'poses'; did you mean pose"),
    (["--out", "x.gif", "--image", "PHOTO"], r"--out x\.gif: the name must end in \.png"),
    ([], "nothing to show"),
    (["--all"], "no row that was run"),
    (["--first", "5", "--image", "PHOTO"], "--first 5 goes with --all"),
    (["--all", "--boxes", "1,2,3,4"], "--image names none"),
    (["--image", "PHOTO", "--boxes", "1,2,3"], "expected four numbers"),
    (["--row", "hrnet_small", "--image", "PHOTO"], "hrnet_small has no tokens"),
    (["--row", "tcformer_small,tcformer", "--weights", "x.pth", "--image", "PHOTO"], "for one row only"),
    (["--row", "tcformer_small,hrnet_small", "--image", "PHOTO"], "hrnet_small has no tokens"),
    (["--weights", "OTHER", "--image", "PHOTO"], r"other\.pth is of model hrnet_small, not of tcformer_small"),
    (["--image", "none.jpg"], r"--image none\.jpg: No such file"),
    (["--initial", "--image", "PHOTO"], "--initial: tcformer_small has initial weights already"),
    (["--stages", "5", "--image", "PHOTO"], r"unknown stage '5'.* in --stages"),
    (["--all", "--stages", "4"], "--stages 4: for what is drawn, but --image names none"),
    (["--image", "PHOTO", "--out", "BESIDE"], r"photo\.json: is there and is no description of a figure"),
])
def test_mistakes_are_told_in_a_line(options, words, photo, tmp_path, monkeypatch):
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (photo.parent / "photo.json").write_text("{}")
    torch.save({"format": FORMAT, "meta": {"model": "hrnet_small"}, "model": {}}, photo.parent / "other.pth")
    files = {"PHOTO": photo, "OTHER": photo.parent / "other.pth", "BESIDE": photo.with_suffix(".pdf")}
    options = [str(files.get(option, option)) for option in options]
    row = [] if "--row" in options else ["--row", "tcformer_small"]
    with pytest.raises(UserError, match=words):
        figure(*row, *options, results=tmp_path)
    assert not list(folder.iterdir())
