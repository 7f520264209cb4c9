"""Sizes from headers are those of the decoded images."""

import json

import cv2
import numpy as np
import pytest

from harness.data.image_size import image_size, jpeg_size
from harness.errors import UserError


@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("size", [(1, 1), (37, 21), (640, 480)])
def test_jpeg(tmp_path, size, progressive):
    width, height = size
    path = tmp_path / "a.jpg"
    cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])
    with path.open("rb") as file:
        assert jpeg_size(file) == size
    assert image_size(path) == size


def test_padding_and_comments_before_the_frame(tmp_path):
    path = tmp_path / "a.jpg"
    cv2.imwrite(str(path), np.zeros((5, 7, 3), np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xff\xff\xfe\x00\x05abc" + b"\xff\x01" + data[2:])
    assert image_size(path) == (7, 5)


def test_other_formats_are_decoded(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(cv2.imencode(".png", np.zeros((5, 7, 3), np.uint8))[1].tobytes())
    assert image_size(path) == (7, 5)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00\x00", b"no image",
                                  b"\xff\xd8\xff\xc0\x00\x11\x08\x00"])
def test_what_is_no_image_is_named(tmp_path, data):
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"a\.jpg is not an image"):
        image_size(path)


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read image .*a\.jpg: No such file"):
        image_size(tmp_path / "a.jpg")


@pytest.mark.shared
def test_real_images(shared):
    folder = shared / "data" / "coco-wholebody-sample"
    images = json.loads((folder / "annotations" / "coco_wholebody_val_v1.0.json").read_text())["images"]
    for image in images:
        assert image_size(folder / "val2017" / image["file_name"]) == (image["width"], image["height"])
    for path in sorted((shared / "data" / "lspet-mini" / "images").iterdir())[:50]:
        height, width, _ = cv2.imread(str(path)).shape
        assert image_size(path) == (width, height)
