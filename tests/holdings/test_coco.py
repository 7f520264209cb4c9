"""`harness data` on data in COCO-WholeBody's form, whole and damaged."""

import json
import os
import shutil
from collections import namedtuple

import cv2
import pytest

from harness.errors import UserError
from tests.holdings.conftest import looked

VAL = "annotations/coco_wholebody_val_v1.0.json"
TRAIN = "annotations/coco_wholebody_train_v1.0.json"


def images(root, split="val2017"):
    return sorted((root / split).iterdir())


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_whole_data_has_no_fault_but_that_it_is_small(root):
    found = looked(root)
    assert found.faults == []
    assert found.say("4 images there, each can be decoded", level="ok")
    assert found.say("4 images; a whole copy has 5,000")
    assert found.say("no image in both", level="ok")
    assert found.say("not prepared", level="note")
    assert not (root / ".harness-index").exists()  # verify writes nothing


def test_prepare_writes_an_index_and_remembers(root):
    assert looked(root, remember=True).faults == []
    names = {path.name.split("-")[0] for path in (root / ".harness-index").glob("*.safetensors")}
    assert names == {"train", "val", "train.images.safetensors", "val.images.safetensors"}
    found = looked(root)
    assert found.faults == []
    assert not found.say("not prepared", level="note")


@pytest.mark.parametrize("quick", [True, False])
def test_an_image_that_is_missing(root, quick):
    gone = images(root)[1]
    gone.unlink()
    assert looked(root, quick).say("1 image of 4", gone.name)


def test_images_that_are_broken_are_named_with_the_reason(root):
    cut, empty, text, small = images(root)
    cut.write_bytes(cut.read_bytes()[:-200])
    empty.write_bytes(b"")
    text.write_text("<html>404</html>")
    cv2.imwrite(str(small), cv2.imread(str(small))[:50])
    found = looked(root)
    assert found.say("4 images cannot be used", f"{cut.name} (the file is cut off)",
                     f"{empty.name} (the file is empty)", f"{text.name} (not an image that OpenCV reads)")
    assert looked(root, splits=["val"]).say("and 1 more")
    assert not looked(root, quick=True).say("cannot be used")


def test_an_image_of_another_size_than_annotated(root):
    path = images(root)[0]
    cv2.imwrite(str(path), cv2.imread(str(path))[:50])
    assert looked(root).say("320x50 pixels, annotated as 320x240")


def test_a_changed_image_is_noticed_by_its_content_though_size_and_time_stay(root):
    looked(root, remember=True)
    path, stat = images(root)[2], images(root)[2].stat()
    content = bytearray(path.read_bytes())
    content[6:11] = b"JFIX\0"  # a comment to a decoder: the pixels stay
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert looked(root, quick=True).faults == []
    found = looked(root)
    assert found.say("1 image changed since the data was prepared (content is another)", path.name)
    looked(root, remember=True)  # what is there now is what is wanted
    assert looked(root).faults == []


def test_a_changed_size_is_noticed_quickly_and_a_new_time_alone_is_no_change(root):
    looked(root, remember=True)
    bigger, touched = images(root)[:2]
    bigger.write_bytes(bigger.read_bytes() + b"\0")
    os.utime(touched, (1, 1))
    assert looked(root, quick=True).say("2 images changed", "size or time", bigger.name, touched.name)
    assert looked(root).say("1 image changed", "content", bigger.name)


def test_prepared_quickly_a_change_of_time_is_a_change(root):
    looked(root, quick=True, remember=True)
    assert looked(root).faults == []
    os.utime(images(root)[0], (1, 1))
    assert looked(root).say("1 image changed", images(root)[0].name)


def test_annotations_written_in_another_way_have_the_same_content(root):
    looked(root, remember=True)
    path = root / VAL
    content = json.loads(path.read_text())
    content["annotations"].reverse()
    path.write_text(json.dumps(dict(reversed(content.items())), indent=4))
    assert looked(root).faults == []
    change(path, lambda c: c["annotations"][0]["keypoints"].__setitem__(0, 7.25))
    assert looked(root).say("what is annotated changed")


def test_an_annotation_file_that_is_cut_off(root):
    path = root / TRAIN
    path.write_bytes(path.read_bytes()[:-1000])
    found = looked(root)
    assert found.say(f"{path} breaks off after {path.stat().st_size:,} bytes", "copied by half")
    assert found.say("4 images there", level="ok")  # the other split is looked at all the same


def test_folders_that_are_mixed_up(root):
    (root / "train2017").rename(root / "x")
    (root / "val2017").rename(root / "train2017")
    (root / "x").rename(root / "val2017")
    found = looked(root, quick=True)
    assert found.say("4 of them are in", root / "train2017", "mixed up")
    assert found.say("6 of them are in", root / "val2017", "mixed up")


def test_evaluation_images_in_the_training_folder_without_its_annotations(root):
    (root / TRAIN).unlink()
    for path in images(root):
        shutil.copy(path, root / "train2017")
    assert looked(root, quick=True).say("4 images of it also in", root / "train2017", "mixed up")
    shutil.rmtree(root / "val2017")
    assert looked(root).say(f"{root / 'val2017'}/ not found; the images that", f"names are in {root / 'train2017'}")
    (root / "val2017").mkdir()
    assert looked(root).say("val2017/ is empty; the images that", f"names are in {root / 'train2017'}")


def test_one_annotation_file_under_both_names(root):
    shutil.copy(root / VAL, root / TRAIN)
    for path in images(root):
        shutil.copy(path, root / "train2017")
    found = looked(root)
    assert found.say("4 images in both, by their ids")
    assert found.say("bit-equal in both", "the same images under two names")


def test_some_training_images_again_in_val(root):
    shutil.copy(images(root, "train2017")[0], images(root)[0])
    found = looked(root)
    assert found.faults == []
    assert found.say("1 image bit-equal in both", images(root)[0].name, level="note")


@pytest.mark.parametrize("below", ["coco", "images/coco"])
def test_data_one_or_two_folders_deeper(root, tmp_path, below):
    outer = tmp_path / "outer"
    (outer / below).parent.mkdir(parents=True)
    root.rename(outer / below)
    assert looked(outer).say(f"{outer} is not the data set's folder", f"give --data-root {outer / below}")


def test_data_one_folder_up(root):
    assert looked(root / "annotations").say(f"give --data-root {root}")


def test_images_in_another_place(root):
    (root / "images").mkdir()
    (root / "val2017").rename(root / "images" / "val2017")
    there = root / "images" / "val2017"
    assert looked(root).say(f"{root / 'val2017'}/ not found", f"there is {there}: move or link it")


def test_one_split_alone(root):
    (root / TRAIN).unlink()
    assert not looked(root, quick=True).say("--split val", level="note")
    shutil.rmtree(root / "train2017")
    assert looked(root, quick=True).say("nothing of it is in", "--split val looks at the rest alone", level="note")
    assert looked(root, splits=["val"]).faults == []


def test_an_archive_that_is_not_unpacked(root):
    shutil.rmtree(root / "val2017")
    (root / "val2017.zip").write_bytes(b"PK")
    assert looked(root).say("val2017/ not found", "val2017.zip is there", "not unpacked")


def test_empty_folder_and_file(root):
    shutil.rmtree(root / "val2017")
    (root / "val2017").mkdir()
    (root / TRAIN).write_bytes(b"")
    found = looked(root)
    assert found.say("val2017/ is empty")
    assert found.say(f"{root / TRAIN} is empty")


def test_detections_may_be_missing(root):
    (root / "annotations/person_detections.json").unlink()
    found = looked(root)
    assert found.faults == []
    assert found.say("COCO_val2017_detections_AP_H_56_person.json not found", level="note")


def test_files_that_nobody_annotated(root):
    shutil.copy(images(root)[0], root / "val2017" / "more.jpg")
    assert looked(root).say("1 image", "not annotated: more.jpg", level="note")


def test_points_far_outside_of_their_images(root):
    change(root / VAL, lambda c: c["annotations"][0].update(keypoints=[5000, 10, 2] * 17))
    assert looked(root).say("17 labelled points more than an image's size outside")


@pytest.mark.parametrize("v", [7, -1])
def test_a_visibility_that_there_is_not(root, v):
    change(root / VAL, lambda c: c["annotations"][0]["keypoints"].__setitem__(2, v))
    assert looked(root).say("1 point with a visibility v outside of 0 to 2", f"first: {v}, annotation")
    change(root / VAL, lambda c: c["annotations"][0]["keypoints"].__setitem__(2, 0.5))
    assert looked(root).faults == []


def test_boxes_without_area(root):
    change(root / VAL, lambda c: c["annotations"][0].update(bbox=[3, 3, 0, 9]))
    assert looked(root).say("1 box without width or height", level="note")


def test_too_little_disk_is_said_before_anything_is_read(root, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    found = looked(root, remember=True)
    assert found.say("the index needs up to", "MiB free")
    assert not list((root / ".harness-index").glob("*.safetensors"))


def test_a_folder_that_cannot_be_written_uses_the_cache(root, monkeypatch, tmp_path):
    monkeypatch.setattr("harness.data.index.FOLDER", "annotations/coco_wholebody_val_v1.0.json/x")  # below a file
    looked(root, remember=True)
    assert list((tmp_path / "cache").rglob("val.images.safetensors"))
    assert looked(root).faults == []


@pytest.mark.parametrize("path", ["nowhere", "file"])
def test_no_folder(tmp_path, path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=f"{path}.*harness data describe coco-wholebody"):
        looked(tmp_path / path)


def test_a_damaged_listing_is_made_again(root):
    looked(root, remember=True)
    (root / ".harness-index" / "val.images.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{")
    assert looked(root).say("not prepared", level="note")
    looked(root, remember=True)
    assert looked(root).faults == []

