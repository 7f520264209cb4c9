"""Reading folders, and what a sample depends on."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from harness.classification.chance import drawn_from
from harness.classification.pictures import PictureRef
from harness.classification.protocol import Recipe
from harness.classification.samples import TestPictures, TrainPictures, read_listing
from harness.data.images import TooManyBroken
from harness.errors import UserError
from tests.classification.conftest import QUICK, write_images

ALL = {"augment": {"rand_augment": "rand-m9-mstd0.5-inc1", "erase_probability": 0.5}}
"""Everything that draws: RandAugment from Python's and NumPy's generators, flip from torch's, erasing from both."""


@pytest.fixture
def samples(train_ref):
    return TrainPictures(read_listing(train_ref), Recipe.model_validate({**QUICK, **ALL}), seed=3)


def test_classes_are_the_sorted_folders(train_ref):
    listing = read_listing(train_ref)
    assert listing.classes == ("ant", "bee", "cat")
    assert [target for _, target in listing.samples] == [0] * 2 + [1] * 4 + [2] * 3


def test_a_sample_depends_on_seed_epoch_and_index_alone(samples, train_ref):
    first = [samples[i][0] for i in range(len(samples))]
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    again = [samples[i][0] for i in reversed(range(len(samples)))][::-1]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    samples.set_epoch(1)
    assert not torch.equal(samples[0][0], first[0])
    other = TrainPictures(samples.listing, Recipe.model_validate({**QUICK, **ALL}), seed=4)
    assert not torch.equal(other[0][0], first[0])


def test_loader_processes_change_nothing(samples):
    alone = torch.cat([images for images, _ in DataLoader(samples, batch_size=3)])
    several = torch.cat([images for images, _ in DataLoader(samples, batch_size=3, num_workers=2)])
    assert torch.equal(alone, several)


def test_drawing_leaves_the_global_generators_alone(samples):
    def state():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002

    before = state()
    samples[0]
    assert state() == before
    with pytest.raises(KeyError), drawn_from(1, 2):
        raise KeyError
    assert state() == before


def test_an_unreadable_image_is_replaced_counted_and_named(folder, train_ref):
    (folder / "train" / "bee" / "1.JPEG").write_bytes(b"no image")
    recipe = Recipe.model_validate({**QUICK, "train": {**QUICK["train"], "max_broken_images": 0.2}})
    samples = TrainPictures(read_listing(train_ref), recipe, seed=0)
    labels = [samples[i][1] for i in range(len(samples))]
    assert labels == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    assert "1 of 9 images could not be read" in samples.broken_report()[0]
    assert "bee/1.JPEG" in samples.broken_report()[0]


def test_a_cut_off_image_is_no_image(folder, val_ref):
    path = folder / "val" / "ant" / "0.JPEG"
    path.write_bytes(path.read_bytes()[:300])
    assert TestPictures(read_listing(val_ref), [0], 1.0).read(0) is None


def test_too_many_unreadable_images_are_an_error(folder, train_ref, recipe):
    (folder / "train" / "ant" / "0.JPEG").write_bytes(b"")
    samples = TrainPictures(read_listing(train_ref), recipe, seed=0)
    with pytest.raises(TooManyBroken, match=r"1 of 9 images of image-folder/train cannot be read.*ant/0\.JPEG"):
        samples[0]


def test_images_that_all_cannot_be_read_are_an_error_whatever_is_tolerated(folder, train_ref):
    for path in (folder / "train").rglob("*.JPEG"):
        path.write_bytes(b"")
    recipe = Recipe.model_validate({**QUICK, "train": {**QUICK["train"], "max_broken_images": 1.0}})
    with pytest.raises(TooManyBroken, match="9 of 9 images"):
        TrainPictures(read_listing(train_ref), recipe, seed=0)[0]


def test_an_empty_class_folder_is_named(folder, train_ref):
    (folder / "train" / "dog").mkdir()
    with pytest.raises(UserError, match="train/dog has no images"):
        read_listing(train_ref)


def synsets():
    from timm.data import ImageNetInfo

    return ImageNetInfo("imagenet-1k").label_names()


def imagenet(root):
    return PictureRef("imagenet-1k", str(root), "val")


def test_folders_of_synsets_have_the_usual_classes(tmp_path):
    write_images(tmp_path / "val", {name: 1 for name in synsets()}, side=8)
    listing = read_listing(imagenet(tmp_path))
    assert len(listing) == 1000
    assert listing.classes[:2] == ("n01440764", "n01443537")  # tench and goldfish, classes 0 and 1
    (tmp_path / "val" / "n01440764").rename(tmp_path / "val" / "tench")
    with pytest.raises(UserError, match=r"no synset of ImageNet-1K \(tench\); missing are n01440764"):
        read_listing(imagenet(tmp_path))


@pytest.mark.parametrize(("name", "text"), [
    ("LOC_val_solution.csv", "ImageId,PredictionString\n0,n01443537 1 2 3 4 n01443537 5 6 7 8 \n1,n01440764 8 1 4 2\n"),
    ("val.txt", "0.JPEG n01443537\n1.JPEG n01440764\n"),
    ("val.txt", "0.JPEG 1\n1.JPEG 0\n"),
])
def test_the_flat_folder_takes_its_labels_from_the_file_beside_it(tmp_path, name, text):
    write_images(tmp_path, {"val": 2})
    (tmp_path / name).write_text(text)
    listing = read_listing(imagenet(tmp_path))
    assert [target for _, target in listing.samples] == [1, 0]
    assert len(listing.classes) == 1000


@pytest.mark.parametrize(("text", "words"), [
    ("0.JPEG n01443537\n", r"no label for 1 of 2 images .*1\.JPEG"),
    ("0.JPEG n01443537\n1.JPEG tench\n", "label 'tench'"),
    ("0.JPEG n01443537\n1.JPEG\n", "line 2"),
])
def test_labels_that_are_not_right_are_named(tmp_path, text, words):
    write_images(tmp_path, {"val": 2})
    (tmp_path / "val.txt").write_text(text)
    with pytest.raises(UserError, match=words):
        read_listing(imagenet(tmp_path))
