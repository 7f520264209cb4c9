"""Tokens of every stage: their shares by hand-made assignments, their pictures, and what the command refuses."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.cli import app
from harness.data.types import Boxes, Images, People, Split
from harness.errors import UserError
from harness.figures import shares, token_figure, tokens
from harness.figures.photos import Photos, nobody
from harness.figures.rows import open_row
from harness.layout import load_layout
from harness.profiling.figures import save

LAYOUT = load_layout("coco-wholebody")
GRID = (2, 4)
HALVES = tokens.Stage(np.array([0, 0, 1, 2, 0, 0, 1, 3]), GRID)
"""Two rows of four cells: one token on the left half, one on the third column, the last two cells by themselves."""


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
    assert first["people"] == shares.Share(pytest.approx(0.2), 1.0, (1.0, 1.0))
    assert second["people"].density == pytest.approx(2.5)
    assert second["people"].interval == pytest.approx((2.5, 2.5))
    assert second["background"].density == pytest.approx(0.625)
    assert second["faces"] == shares.Share(0.0, None, None)
    assert shares.summarise(of, np.zeros(40))[1]["people"].interval is None  # one image


def test_intervals_hold_the_ratio_of_images_that_differ():
    noise = np.random.default_rng(1).uniform(0.1, 0.3, 200)
    of = np.stack([np.tile(noise[:, None], 4), np.tile((noise * np.random.default_rng(2).uniform(1, 2, 200))[:, None],
                                                       4)], axis=1)
    found = shares.summarise(of, np.repeat(np.arange(100), 2))[1]["people"]
    low, high = found.interval
    assert 1.4 < low < found.density < high < 1.6


def test_density_of_a_cell():
    assert tokens.density(HALVES).tolist() == [[0.5, 0.5, 1, 2], [0.5, 0.5, 1, 2]]
    assert HALVES.tokens == 4


def test_regions_have_the_mean_colour_and_a_border():
    crop = np.zeros((2, 4, 3), np.uint8)
    crop[:, :2] = 200
    crop[0, 0] = 100  # token 0: 100 and three times 200
    crop[:, 2] = 90
    picture = tokens.regions(HALVES, crop, 5)
    assert picture.shape == (10, 20, 3)
    assert picture[4, 4].tolist() == [175] * 3
    assert picture[:, 10].tolist() == [list(tokens.BORDERS[0])] * 10  # where token 1 begins
    assert picture[3, 12].tolist() == [90] * 3
    assert picture[3, 15].tolist() == list(tokens.BORDERS[1])  # of a dark token
    assert picture[5, 17].tolist() == list(tokens.BORDERS[1])  # token 3 below token 2
    assert (picture[:, 1:10] == 175).all()  # no border within a token


def test_only_the_largest_box_of_an_image_is_drawn():
    boxes = Boxes(np.array([1, 2, 1]), np.array([[0, 0, 5, 5], [0, 0, 1, 1], [0, 0, 6, 5.0]]), np.ones(3))
    assert tokens.largest(boxes).box[:, 2].tolist() == [6, 1]


def test_views_are_the_crops_of_the_protocol_or_the_centre_of_the_image():
    images = Images(np.array([1]), (None,), np.array([[200, 100]]))
    photos = Photos(Split("x", "x", LAYOUT, images, nobody(LAYOUT)),
                    Boxes(np.array([1]), np.array([[10.0, 10, 30, 40]]), np.ones(1)), [])
    row = open_row("tcformer_small", Path("nowhere"))
    (view,) = tokens.views_of(photos, row, "pose")
    crop = row.protocol.crop
    assert (view.width, view.height) == (crop.width, crop.height)
    assert view.center.tolist() == [25, 30]
    assert view.size == pytest.approx([30 * crop.padding, 40 * crop.padding])
    (view,) = tokens.views_of(photos, row, "classification")
    assert (view.width, view.height) == (224, 224)
    assert view.center.tolist() == [100, 50]
    assert view.size.tolist() == [90, 90]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_equal_tokens_give_equal_files(tmp_path, monkeypatch, suffix):
    crop = np.random.default_rng(0).integers(0, 256, (8, 16, 3)).astype(np.uint8)
    shown = [token_figure.Shown("network", "1.jpg", crop, [HALVES], np.array([[0.5, 0.05, 0, 0.5]]))]
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    save(first, lambda: token_figure.token_figure(shown, ["regions", "density"]))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")  # another day
    save(second, lambda: token_figure.token_figure(shown, ["regions", "density"]))
    assert first.read_bytes() == second.read_bytes()


def test_numbers_below_a_picture():
    assert token_figure.in_words(np.array([0.714, 0.052, 0.0, 0.286])) == \
        "people 71%, background 29%\nfaces 5.2%, hands 0.0%"


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


@pytest.mark.parametrize("task", ["pose", "classification"])
def test_the_command_draws_and_measures(photo, tmp_path, capsys, task):
    out = tmp_path / "tokens.png"
    app(["figure", "tokens", "--row", "tcformer_small,tcformer_small", "--image", str(photo), "--boxes",
         str(annotations(photo)), "--task", task, "--view", "density", "--out", str(out), "--json", "--results",
         str(tmp_path), "--device", "cpu"], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    one, two = found["networks"]
    assert one == two
    assert [len(of) for of in one["stages"]] == [4] * 4
    for stage in one["stages"]:
        assert stage["people"]["share"] + stage["background"]["share"] == pytest.approx(1)
        assert 0 < stage["faces"]["share"] < stage["people"]["share"]
    assert one["weights"] == "initial weights, not trained"
    assert out.stat().st_size > 3000


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
])
def test_mistakes_are_told_in_a_line(options, words, photo, tmp_path, monkeypatch):
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    options = [str(photo) if option == "PHOTO" else option for option in options]
    row = [] if "--row" in options else ["--row", "tcformer_small"]
    with pytest.raises(UserError, match=words):
        app(["figure", "tokens", *row, *options, "--results", str(tmp_path), "--device", "cpu"], standalone_mode=False)
    assert not list(folder.iterdir())
