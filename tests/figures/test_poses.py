"""Key points over images: what is chosen, what is drawn, and what the command refuses."""

import io
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from harness.cli import app
from harness.data.types import Images, People
from harness.errors import UserError
from harness.figures import chosen, panel, poses
from harness.layout import load_layout
from harness.profiling.figures import save
from harness.scoring.scored import Scored

LAYOUT = load_layout("coco-wholebody")
POSE = np.random.default_rng(0).integers(0, 91, (133, 2)).astype(float)


@pytest.fixture
def posed(tmp_path):
    """Three people on an image each: found exactly, found 3 px off, and missed; a prediction of nobody on image 3."""
    paths = []
    for i in (1, 2, 3):
        paths.append(tmp_path / f"{i}.png")
        cv2.imwrite(str(paths[-1]), np.full((120, 160, 3), 40 * i, np.uint8))
    keypoints = np.concatenate([np.tile(POSE + 10, (3, 1, 1)), np.full((3, 133, 1), 2.0)], axis=2)
    ids = np.array([1, 2, 3])
    people = People(ids, ids, np.tile([10.0, 10, 90, 90], (3, 1)), np.full(3, 8100.0), np.zeros(3, bool), keypoints,
                    np.full(3, 17))
    found = keypoints.copy()
    found[1, :, 0] += 3
    found[2, :, :2] += 900
    found[:, :, 2] = 0.5
    scored = Scored(ids, found, np.array([0.9, 0.8, 0.95]))
    return poses.Posed(Images(ids, tuple(paths), np.tile([160, 120], (3, 1))), people, scored, LAYOUT)


def test_links_join_points_of_the_layout_and_never_two_hands():
    for name in ("coco-wholebody", "lsp"):
        layout = load_layout(name)
        ends = np.array(layout.skeleton)
        assert ends.min() >= 0
        assert ends.max() < layout.size
        assert (ends[:, 0] != ends[:, 1]).all()
        assert len({frozenset(link) for link in layout.skeleton}) == len(layout.skeleton)
    flip = np.array(LAYOUT.flip_index)
    links = {frozenset(link) for link in LAYOUT.skeleton}
    assert {frozenset(flip[list(link)].tolist()) for link in links} == links  # the mirrored person has the same
    parts = {frozenset(LAYOUT.part_of(k) for k in link) for link in links}
    assert parts == {frozenset(p) for p in (["body"], ["body", "foot"], ["lefthand"], ["righthand"])}


def test_every_part_has_a_colour_of_its_own():
    found = panel.colours(LAYOUT)
    assert len(found) == 133
    assert len(set(found)) == 5
    assert len(set(panel.colours(load_layout("lsp")))) == 1


def test_images_are_ranked_by_the_oks_of_whom_predictions_mean(posed):
    ids, oks = chosen.image_oks(posed.people, posed.scored, LAYOUT, posed.images.id)
    assert ids.tolist() == [1, 2, 3]
    expected = np.exp(-9 / (2 * 8100 * (2 * LAYOUT.sigmas) ** 2)).mean()
    assert oks == pytest.approx([1.0, expected, 0.0])
    found = chosen.best_median_worst(oks, 3)
    assert {name: ids[places].tolist() for name, places in found.items()} == {"best": [1], "median": [2], "worst": [3]}


def test_equal_images_keep_their_order():
    found = chosen.best_median_worst(np.array([0.5] * 7), 2)
    assert found["best"].tolist() == [0, 1]
    assert found["median"].tolist() == [2, 3]
    assert found["worst"].tolist() == [6, 5]


def test_one_example_of_every_kind_that_is_there(posed):
    found = chosen.examples(posed.people, posed.scored, LAYOUT, posed.images.id)
    assert tuple(found) == chosen.MISTAKES
    assert set(chosen.MISTAKES) == set(poses.TITLES)
    assert found["missed"].person == 2
    assert (found["false_positive"].prediction, found["false_positive"].person) == (2, None)
    assert found["score_order"].prediction == 2  # 0.95, above both right ones
    assert found["jitter"].prediction == 1
    assert found["duplicate"] is None


def test_swapped_hands_are_the_example_of_a_swap(posed):
    points = posed.people.keypoints.copy()
    points[0, :, 2] = 0.5
    points[0] = points[0, LAYOUT.flip_index]
    scored = replace(posed.scored, keypoints=np.concatenate([points[:1], posed.scored.keypoints[1:]]))
    example = chosen.examples(posed.people, scored, LAYOUT, posed.images.id)["swap"]
    assert example.prediction == 0
    assert example.points[91:].sum() > 30


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_equal_predictions_give_equal_files(posed, tmp_path, monkeypatch, suffix):
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    choice = poses.choose(posed)
    save(first, lambda: poses.grid_figure(posed, choice, "title"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")  # another day
    save(second, lambda: poses.grid_figure(posed, choice, "title"))
    assert first.read_bytes() == second.read_bytes()


def test_what_a_grid_shows_is_said_beside_it(posed):
    choice = poses.choose(posed)
    assert choice.image_ids == [1, 2, 3]
    said = json.loads(json.dumps(choice.as_json()))
    assert said["oks"]["best"] == [{"image": 1, "oks": 1.0}]
    assert list(said["mistakes"]) == list(chosen.MISTAKES)
    assert said["mistakes"]["false_positive"] == {"image": 3, "points": 0, "score": 0.95}
    assert said["mistakes"]["missed"]["score"] is None
    assert said["mistakes"]["duplicate"] is None


def test_names_with_dollars_are_no_formulas(posed):
    from matplotlib.figure import Figure

    figure = poses.grid_figure(posed, poses.choose(posed), r"a $\frac{1}$ row")
    assert isinstance(figure, Figure)
    assert figure._suptitle.get_text() == r"a $\frac{1}$ row"
    figure.savefig(io.BytesIO())  # a formula that cannot be read would raise here


def test_only_trained_parts_are_drawn(posed):
    hands = replace(posed, trained=("lefthand", "righthand"))
    found = hands.drawn(0)
    assert np.isfinite(found[91:]).all()
    assert np.isnan(found[:91]).all()
    assert panel.confidence(found, LAYOUT) == "left hand 0.50, right hand 0.50"
    assert np.isfinite(posed.drawn(0)).all()


def test_less_sure_points_are_fainter(posed):
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    keypoints = posed.scored.keypoints[0].copy()
    keypoints[:, 2] = np.linspace(0, 1, 133)
    keypoints[7] = np.nan
    panel.draw_person(axes, keypoints, LAYOUT)
    opacity = axes.collections[-1].get_facecolors()[:, 3]
    assert len(opacity) == 132  # what is not finite is left out, and no link leads there
    assert opacity[0] == pytest.approx(panel.FAINTEST)
    assert opacity[-1] == 1
    assert (np.diff(opacity) > 0).all()
    assert len(axes.collections[0].get_segments()) == len(LAYOUT.skeleton) - 2


def test_a_window_keeps_inside_of_the_image():
    size = np.array([100, 50])
    assert panel.window_around(np.array([[-20.0, 10, 40, 90]]), size) == (0.0, 0.0, 53.6, 50.0)
    assert panel.window_around(np.array([[200.0, 10, 300, 40]]), size) == (0.0, 0.0, 100.0, 50.0)  # outside: all of it
    assert panel.window_around(np.full((1, 4), np.nan), size) == (0.0, 0.0, 100.0, 50.0)


def test_images_of_a_network_with_initial_weights(posed, tmp_path, capsys):
    image = str(posed.images.path[0])
    out = tmp_path / "x.png"
    app(["figure", "poses", "--row", "tcformer_small", "--image", image, "--boxes", "10,10,90,90", "--out", str(out),
         "--results", str(tmp_path), "--device", "cpu"], standalone_mode=False)
    assert "1 person on 1 image: " in capsys.readouterr().out
    assert out.stat().st_size > 3000
    said = json.loads((tmp_path / "x.json").read_text())
    assert (said["kind"], said["figure"], said["file"]) == ("figure", "poses", "x.png")
    assert said["rows"][0]["model"] == "tcformer_small"
    assert said["rows"][0]["weights"] == {"said": "initial weights, not trained", "file": None, "sha256": None}
    assert said["images"][0]["name"] == "1.png"
    assert said["command"].startswith("harness figure poses --row tcformer_small --image ")


@pytest.mark.parametrize(("options", "words"), [
    (["--row", "tcformer_smal"], "unknown row 'tcformer_smal'; did you mean tcformer_small"),
    (["--row", "tcformer_small", "--out", "x.gif"], r"--out x\.gif: the name must end in \.png"),
    (["--row", "tcformer_small"], "it has no evaluation data"),
    (["--row", "tcformer_small", "--image", "5"], "it has no evaluation data"),
    (["--row", "tcformer_small", "--image", "none.jpg"], r"--image none\.jpg: No such file"),
    (["--row", "tcformer_small", "--boxes", "1,2,3,4"], "--boxes needs --image"),
    (["--row", "tcformer_small", "--weights", "none.pth"], r"weights file none\.pth not found"),
    (["--row", "."], r"no record\.json"),
    (["--row", "tcformer_small,hrnet_small"], "poses are of one row, 2 are named"),
])
def test_mistakes_are_told_in_a_line(options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words):
        app(["figure", "poses", *options, "--results", str(tmp_path)], standalone_mode=False)
    assert not list(tmp_path.iterdir())
