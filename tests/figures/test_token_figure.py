"""How pictures of tokens are laid out, and that equal input gives equal files."""

import numpy as np
import pytest

from harness.errors import UserError
from harness.figures import token_figure
from harness.profiling.figures import save
from tests.figures.test_regions import HALVES

CROP = np.random.default_rng(0).integers(0, 256, (8, 16, 3)).astype(np.uint8)


def shown(title="network", image="1.jpg", crop=CROP):
    return token_figure.Shown(title, "weights", "crop of a person", image, crop, [HALVES] * 4,
                              np.array([[0.5, 0.05, 0, 0.5]] * 4))


def laid_out(images, views=("regions",), stages=(1, 2, 3, 4)):
    """For each line the heads of its places, "" where there is nothing."""
    figure = token_figure.token_figure(images, list(views), list(stages))
    figure.draw_without_rendering()
    axes = [of for of in figure.axes if of.get_label() != "<colorbar>"]
    columns = axes[0].get_subplotspec().get_gridspec().ncols
    heads = [of.get_title() if of.axison else "" for of in axes]
    return [heads[i:i + columns] for i in range(0, len(heads), columns)]


def test_stages_of_one_network_stand_side_by_side():
    assert laid_out([[shown()], [shown(image="2.jpg")]], ["regions", "density"], [2, 4]) == [
        ["1.jpg", "stage 2: 4 tokens", "stage 4: 4 tokens"]] * 2 + [
        ["2.jpg", "stage 2: 4 tokens", "stage 4: 4 tokens"]] * 2


def test_networks_stand_side_by_side_as_in_figure_s1():
    images = [[shown(name, image) for name in ("grid", "CTM", "CTM-topk")] for image in ("1.jpg", "2.jpg")]
    first, second = laid_out(images, stages=[4])
    assert [head.split("\n")[0] for head in first] == ["1.jpg", "grid", "CTM", "CTM-topk"]
    assert second == ["2.jpg\ncrop of a person", *["stage 4: 4 tokens"] * 3]
    stage_by_stage = laid_out(images)
    assert len(stage_by_stage) == 8
    assert [line[0] != "" for line in stage_by_stage] == [True, False, False, False] * 2  # the input once an image


def test_an_input_of_its_own_stands_left_of_its_tokens():
    images = [[shown(), shown(crop=CROP[:, ::-1]), shown("other", crop=CROP[:, ::-1])]]
    (line,) = laid_out(images, stages=[4])
    assert [head.split("\n")[0] for head in line] == ["1.jpg", "network", "1.jpg", "network", "other"]


def test_an_image_without_a_face_leaves_its_place_empty():
    lines = laid_out([[shown(), shown()], [shown(image="2.jpg"), None]], stages=[3])
    assert lines[1] == ["2.jpg\ncrop of a person", "stage 3: 4 tokens", ""]


def test_more_networks_than_fit_are_refused():
    with pytest.raises(UserError, match=r"8 networks and tasks, 9 pictures with their inputs, .* at most 8"):
        token_figure.token_figure([[shown()] * 8], ["regions"], [4])


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_equal_tokens_give_equal_files(tmp_path, monkeypatch, suffix):
    images = [[shown("<one> & $other$"), shown(r"$\frac{1$")]]
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    save(first, lambda: token_figure.token_figure(images, ["regions", "density"], [4]))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")  # another day
    save(second, lambda: token_figure.token_figure(images, ["regions", "density"], [4]))
    assert first.read_bytes() == second.read_bytes()
    if suffix == "svg":
        assert b"<one>" not in first.read_bytes()  # names are drawn or escaped, never markup


def test_numbers_below_a_picture():
    assert token_figure.in_words(np.array([0.714, 0.052, 0.0, 0.286])) == \
        "people\u00a071%, background\u00a029%\nfaces\u00a05.2%, hands\u00a00.0%"  # a name stays with its number


def test_long_names_are_broken():
    assert token_figure._wrapped("TCFormer w/ CTM-topk, stand-in tcformer_small_topk", 1.1).split("\n") == [
        "TCFormer w/ CTM-topk,", "stand-in", "tcformer_small_topk"]


@pytest.mark.parametrize("text", ["5", "0", "2,x", "-1"])
def test_stages_that_are_none_are_refused(text):
    with pytest.raises(UserError, match=r"unknown stage .*choices: 1, 2, 3, 4.* in --stages"):
        token_figure.parse_stages(text)
    assert token_figure.parse_stages("4, 2,2") == [2, 4]
    assert token_figure.parse_stages("") == [1, 2, 3, 4]
