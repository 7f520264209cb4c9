"""`harness predict` on weights of the smoke run."""

import json
import shutil

import cv2
import numpy as np
import pytest

from tests.helpers import assert_user_error, harness

pytestmark = pytest.mark.slow


@pytest.fixture
def weights(smoke_results):
    return next(smoke_results.glob("trainings/hrnet_small-*/final.pth"))


@pytest.fixture
def photos(smoke_results, tmp_path):
    """Three images with numbers as names, as COCO has them."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in sorted((smoke_results / "data").glob("synthetic-*/val2017/*.jpg"))[:3]:
        shutil.copy(path, folder)
    return folder


def test_whole_images_results_and_pictures(weights, photos, tmp_path):
    done = harness("predict", "--weights", weights, "--images", photos, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "whole image" in done.stdout
    assert "ids count from 1" not in done.stdout  # they are the images' names
    results = json.loads((tmp_path / "out" / "predictions.json").read_text())
    images = {image["id"]: image for image in json.loads((tmp_path / "out" / "images.json").read_text())}
    assert len(results) == len(images) == 3
    for result in results:
        assert result["category_id"] == 1
        assert [len(result[k]) for k in ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")] == \
            [51, 18, 204, 63, 63]
        name = images[result["image_id"]]["file_name"]
        assert int(name.split(".")[0]) == result["image_id"]
        drawn = cv2.imread(str(tmp_path / "out" / name.replace(".jpg", "-pose.png")))
        assert drawn.shape == cv2.imread(str(photos / name)).shape


def test_boxes_as_numbers_and_as_a_file(weights, photos, tmp_path):
    done = harness("predict", "--weights", weights, "--images", photos, "--out", tmp_path / "a",
                   "--boxes", "50,20,100,200")
    assert done.returncode == 0, done.stderr
    ids = [int(p.stem) for p in sorted(photos.iterdir())]
    boxes = [{"image_id": ids[0], "category_id": 1, "bbox": [50, 20, 100, 200], "score": 0.9},
             {"image_id": ids[1], "category_id": 1, "bbox": [10, 20, 100, 200], "score": 0.5}]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    done = harness("predict", "--weights", weights, "--images", photos, "--out", tmp_path / "b", "--boxes",
                   tmp_path / "boxes.json")
    assert done.returncode == 0, done.stderr
    one, two = (json.loads((tmp_path / d / "predictions.json").read_text()) for d in "ab")
    assert (len(one), len(two)) == (3, 2)
    first = {r["image_id"]: r for r in one}[ids[0]]
    same = {r["image_id"]: r for r in two}[ids[0]]
    assert np.allclose(first["keypoints"], same["keypoints"], atol=1e-3)
    assert same["score"] == pytest.approx(0.9 * first["score"])


def test_images_without_numbers_as_names_are_counted_which_is_said(weights, photos, tmp_path):
    first = sorted(photos.iterdir())[0]
    first.rename(photos / "a.jpg")
    done = harness("predict", "--weights", weights, "--images", photos, "--out", tmp_path / "out")
    assert "ids count from 1 by name (see images.json)" in done.stdout
    assert {image["id"] for image in json.loads((tmp_path / "out" / "images.json").read_text())} == {1, 2, 3}


@pytest.mark.parametrize(("arguments", "word"), [
    (["--weights", "none.pth"], "none.pth"),
    (["--images", "nowhere"], "nowhere"),
    (["--boxes", "1,2,3"], "four numbers"),
    (["--boxes", "1,2,nan,4"], "four numbers"),
    (["--boxes", "5000,5000,10,10"], "outside of every image"),
    (["--boxes", "1,2,0,4"], "positive"),
    (["--model", "hrnet_w48x"], "hrnet_w48"),
    (["--model", "tcformer_small"], "hrnet_small"),
    (["--input", "64"], "HxW"),
    (["--layout", "lsp"], "shape"),
])
def test_mistakes(weights, photos, tmp_path, arguments, word):
    given = {"--weights": weights, "--images": photos, "--out": tmp_path / "out"}
    given |= dict(zip(arguments[::2], arguments[1::2], strict=True))
    done = harness("predict", *[x for pair in given.items() for x in pair])
    assert_user_error(done, word)
    assert not (tmp_path / "out" / "predictions.json").exists()


def test_a_folder_without_images_or_with_a_broken_one(weights, tmp_path):
    (tmp_path / "photos").mkdir()
    assert_user_error(harness("predict", "--weights", weights, "--images", tmp_path / "photos"), "no image")
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8 nothing more")
    assert_user_error(harness("predict", "--weights", weights, "--images", tmp_path / "photos"), "broken.jpg")
