"""`harness data` on folders of labelled images, and on the Leeds Sports Pose layout."""

import shutil

import cv2
import numpy as np
import pytest
import scipy.io

from harness.holdings.contents import contents_of
from harness.registry import names
from tests.classification.conftest import write_images
from tests.holdings.conftest import looked


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "images"
    write_images(root / "train", {"cat": 3, "ant": 2})
    write_images(root / "val", {"cat": 2, "ant": 2}, side=44)
    return root


def pictures(root, **how):
    return looked(root, name="image-folder", **how)


def test_labelled_folders(folder):
    found = pictures(folder, remember=True)
    assert found.faults == []
    assert found.say("5 images, 2 classes", level="ok")
    assert pictures(folder).faults == []


def test_an_image_that_is_none_and_one_that_changed(folder):
    pictures(folder, remember=True)
    (folder / "val/cat/0.JPEG").write_text("no image")
    shutil.copy(folder / "train/cat/0.JPEG", folder / "train/cat/1.JPEG")
    found = pictures(folder)
    assert found.say("cat/0.JPEG (cannot identify image file")
    assert found.say("1 image changed", "cat/1.JPEG")


def test_val_that_is_a_copy_of_train(folder):
    shutil.rmtree(folder / "val")
    shutil.copytree(folder / "train", folder / "val")
    assert pictures(folder).say("5 images bit-equal in both", "the same images under two names")


def test_labels_are_content(folder):
    pictures(folder, remember=True)
    (folder / "val/cat").rename(folder / "val/dog")
    assert pictures(folder).say("what is annotated changed")


def test_imagenet_that_is_not_whole(folder):
    found = looked(folder, name="imagenet-1k")
    assert found.say("has 2 class folders", "not 1000")


@pytest.fixture
def lsp(tmp_path):
    """The Leeds Sports Pose layout: as many people as the data set has, as small images as can be."""
    root = tmp_path / "lsp"
    (root / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(1, 2001):
        cv2.imwrite(str(root / f"images/im{number:05d}.jpg"), rng.integers(0, 255, (8, 8, 3), dtype=np.uint8))
    scipy.io.savemat(root / "joints.mat", {"joints": np.dstack([rng.uniform(0, 8, (2000, 14, 2)), np.ones((2000, 14))]
                                                               ).transpose(1, 2, 0)})
    return root


def test_the_leeds_layout(lsp):
    how = {"name": "lsp", "splits": ["train", "test"]}
    assert looked(lsp, remember=True, **how).faults == []
    (lsp / "images/im01999.jpg").write_bytes(b"")
    (lsp / "images/im01700.jpg").unlink()
    (lsp / "images/im01701.jpg").write_bytes((lsp / "images/im00001.jpg").read_bytes())
    found = looked(lsp, **how)
    assert found.say("1 image of 400 not in", "im01700.jpg")
    assert found.say("not opened: cannot read image", "im01700.jpg", level="note")
    assert len(found.faults) == 2
    assert found.say("1 image cannot be used", "im01999.jpg (the file is empty)")
    assert found.say("1 image bit-equal in both", "im01701.jpg", level="note")
    shutil.copy(lsp / "images/im00001.jpg", lsp / "images/im01700.jpg")
    shutil.copy(lsp / "images/im00001.jpg", lsp / "images/im01999.jpg")
    joints = scipy.io.loadmat(lsp / "joints.mat")["joints"]
    joints[:, 2] = 0
    joints[0, 2] = 1
    scipy.io.savemat(lsp / "joints.mat", {"joints": joints})
    assert looked(lsp, name="lsp", splits=["train"]).say("only 7% of the joints are marked visible", "1 means hidden")


@pytest.mark.parametrize("name", names("datasets"))
def test_contents_name_splits_that_the_data_set_has(name):
    from harness.holdings.specs import spec_of, splits_of

    counts = contents_of(name).counts
    assert set(counts) <= set(splits_of(spec_of(name), []))


def test_lspet(shared):
    found = looked(shared / "data/lspet-mini", name="lsp", splits=["train", "test"])
    assert found.faults == []
    assert found.say("no image in both", level="ok")
