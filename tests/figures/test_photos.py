"""Which boxes belong to which image file."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.errors import UserError
from harness.figures.photos import ids_of, of_images
from harness.figures.rows import open_row

ROW = open_row("tcformer_small", Path("nowhere"))


def images(folder, *names):
    for name in names:
        cv2.imwrite(str(folder / name), np.zeros((60, 40, 3), np.uint8))
    return [str(folder / name) for name in names]


def detections(folder, *ids):
    entries = [{"image_id": i, "category_id": 1, "bbox": [1, 2, 20, 30], "score": 0.9} for i in ids]
    (folder / "boxes.json").write_text(json.dumps(entries))
    return str(folder / "boxes.json")


def test_a_file_whose_name_is_a_number_has_the_boxes_of_that_id(tmp_path):
    shown = of_images(images(tmp_path, "000000000139.png", "7.png"), ROW, detections(tmp_path, 7, 139, 139, 1), None)
    assert shown.split.images.id.tolist() == [139, 7]
    assert sorted(shown.boxes.image_id.tolist()) == [7, 139, 139]


@pytest.mark.parametrize(("names", "ids"), [
    (["b.png", "7.png"], [1, 2]), (["x/7.png", "y/007.png"], [1, 2]), (["9.png", "7.png"], [9, 7])])
def test_ids_of_files(names, ids):
    assert ids_of([Path(name) for name in names]).tolist() == ids


def test_detections_on_other_images_say_what_would_tell(tmp_path):
    files = images(tmp_path, "photo.png")
    with pytest.raises(UserError, match=r"no box is of an image .*139\.jpg is 139.*annotations goes by names"):
        of_images(files, ROW, detections(tmp_path, 139), None)
    (tmp_path / "boxes.json").write_text('[{"image_id": "x"}]')
    with pytest.raises(UserError, match="neither detections nor annotations") as told:
        of_images(files, ROW, str(tmp_path / "boxes.json"), None)
    assert "goes by names" not in str(told.value)
