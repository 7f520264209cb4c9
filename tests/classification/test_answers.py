"""Accuracy by hand, the centre crop pixel by pixel, and what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from harness.classification.answers import Answers, accuracy, answer, intervals
from harness.classification.protocol import Recipe
from harness.errors import UserError


def answers_of(best, target, readable=None):
    best, target = np.array(best), np.array(target)
    ok = np.ones(len(target), bool) if readable is None else np.array(readable)
    return Answers(np.arange(len(target)), target, best, np.zeros(best.shape, np.float32), ok)


class Fixed(nn.Module):
    """Says class `k` first for an image whose mean is lowest, and so on: something that depends on the image."""

    def __init__(self, classes=3, value=None):
        super().__init__()
        self.classes, self.value = classes, value

    def forward(self, image):
        base = image.mean((1, 2, 3))[:, None] * torch.arange(1, self.classes + 1)
        return base if self.value is None else base * 0 + self.value


def test_top1_and_top5_by_hand():
    best = [[0, 1, 2, 3, 4], [1, 0, 2, 3, 4], [5, 6, 7, 8, 9], [9, 8, 7, 6, 5]]
    assert accuracy(answers_of(best, [0, 0, 5, 0])) == {"image": {"top1": 0.5, "top5": 0.75}}


def test_an_unreadable_image_counts_as_wrong():
    assert accuracy(answers_of([[0, 1], [1, 0]], [0, 1], [True, False]))["image"] == {"top1": 0.5, "top5": 0.5}


def test_intervals_are_wilsons():
    found = intervals(answers_of([[0]] * 8 + [[1]] * 2, [0] * 10))
    z = 1.959963984540054
    middle, half = (0.8 + z * z / 20) / (1 + z * z / 10), z / (1 + z * z / 10) * np.sqrt(0.016 + z * z / 400)
    assert found["parts"]["image"]["top1"] == pytest.approx([middle - half, middle + half])
    assert found["images"] == {"image": 10}


def test_shares_of_processes_are_the_whole(listing, recipe):
    whole, _ = answer(Fixed(), listing, recipe, "cpu")
    shares = [answer(Fixed(), listing, recipe, "cpu", (rank, 2))[0] for rank in range(2)]
    assert sorted(np.concatenate([share.row for share in shares]).tolist()) == whole.row.tolist()
    joined = Answers(*(np.concatenate([getattr(s, name) for s in shares])
                       for name in ("row", "target", "best", "probability", "readable"))).sorted()
    assert np.array_equal(joined.best, whole.best)
    assert np.array_equal(joined.probability, whole.probability)


def test_targets_belong_to_their_images(listing, recipe):
    found, notes = answer(Fixed(), listing, recipe, "cpu")
    assert found.target.tolist() == [0, 0, 1, 1, 2, 2]
    assert not notes
    assert found.best.shape == (6, 3)
    assert found.probability.sum(1) == pytest.approx(1, rel=1e-5)


def test_an_unreadable_image_is_named(folder, val_ref, recipe):
    from harness.classification.samples import read_listing

    (folder / "val" / "cat" / "0.JPEG").write_bytes(b"no image")
    tolerant = recipe.model_copy(update={"train": recipe.train.model_copy(update={"max_broken_images": 0.5})})
    found, notes = answer(Fixed(), read_listing(val_ref), tolerant, "cpu")
    assert found.readable.tolist() == [True] * 4 + [False, True]
    assert "1 of 6 images could not be read and count as wrong" in notes[0]
    assert "cat/0.JPEG" in notes[0]


@pytest.mark.parametrize(("net", "words"), [
    (Fixed(value=float("nan")), "not finite"), (Fixed(4), "4 outputs, image-folder/val 3 classes"),
])
def test_answers_that_mean_nothing_are_refused(listing, recipe, net, words):
    with pytest.raises(UserError, match=words):
        answer(net, listing, recipe, "cpu")


def test_the_crop_is_the_centre_of_the_resized_image(tmp_path):
    """Shorter side to 256, bicubic, centre 224: what the published accuracies were tested with."""
    from harness.classification.pictures import PictureRef
    from harness.classification.samples import read_listing

    rng = np.random.default_rng(0)
    (tmp_path / "val" / "a").mkdir(parents=True)
    image = Image.fromarray(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8))
    image.save(tmp_path / "val" / "a" / "0.png")
    seen = []

    class See(nn.Module):
        def forward(self, images):
            seen.append(images)
            return images.mean((2, 3))[:, :1]

    answer(See(), read_listing(PictureRef("image-folder", str(tmp_path), "val")), Recipe(), "cpu")
    resized = image.resize((341, 256), Image.Resampling.BICUBIC)
    left, top = round((341 - 224) / 2), (256 - 224) // 2
    crop = np.asarray(resized.crop((left, top, left + 224, top + 224)), dtype=np.float64) / 255
    expected = (crop - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert seen[0].shape == (1, 3, 224, 224)
    np.testing.assert_allclose(seen[0][0].permute(1, 2, 0).numpy(), expected, atol=0.01)


def test_answers_are_kept_so_that_they_can_be_scored_again(tmp_path, listing, recipe):
    found, _ = answer(Fixed(), listing, recipe, "cpu")
    found.save(tmp_path / "predictions.npz", listing)
    with np.load(tmp_path / "predictions.npz") as data:
        assert data["name"].tolist() == ["ant/0.JPEG", "ant/1.JPEG", "bee/0.JPEG", "bee/1.JPEG", "cat/0.JPEG",
                                         "cat/1.JPEG"]
        assert (data["best"][:, 0] == data["target"]).mean() == accuracy(found)["image"]["top1"]
        assert data["classes"].tolist() == ["ant", "bee", "cat"]
