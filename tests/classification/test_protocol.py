import re

import pytest

from harness.classification.plan import recipe_of
from harness.classification.protocol import Recipe
from harness.errors import UserError
from harness.protocol import checked, parse_setting
from harness.registry import spec_data


def recipe_of_row(name):
    table = spec_data("tables", "imagenet")
    return recipe_of(table, None, next(row for row in table["rows"] if row["id"] == name), None, ())


@pytest.mark.shared
def test_the_first_protocol_is_what_the_paper_states(shared):
    text = (shared / "reference/seed.txt").read_text()
    text = text[text.index("1. Detailed Settings"):text.index("2. Details of TCFormer")]
    recipe = recipe_of_row("base")
    epochs, gpus, batch = map(int, re.search(r"for (\d+) epochs with (\d+) GPUs with a batch size of (\d+)",
                                             text).groups())
    assert (recipe.train.epochs, recipe.train.processes, recipe.train.batch_size) == (epochs, gpus, batch)
    decay, power = re.search(r"weight decay of (\d)×10\^\{-(\d)\}", text).groups()
    assert recipe.train.weight_decay == pytest.approx(int(decay) * 10 ** -int(power))
    rate, power = re.search(r"learning rate is set to (\d)×10\^\{-(\d)\}", text).groups()
    assert recipe.train.lr == pytest.approx(int(rate) * 10 ** -int(power))
    assert f"center crop of {recipe.crop.height}×{recipe.crop.width}" in text
    for words, used in (("label-smoothing", recipe.target.smoothing), ("Mixup", recipe.augment.mixup),
                        ("CutMix", recipe.augment.cutmix), ("random erasing", recipe.augment.erase_probability),
                        ("random flipping", recipe.augment.flip_probability)):
        assert words in text
        assert used > 0
    assert recipe.augment.rand_augment == ""
    assert recipe.augment.color_jitter == recipe.train.warmup_epochs == recipe.train.drop_path == 0


@pytest.mark.shared
def test_the_second_protocol_adds_what_only_the_authors_code_has(shared):
    text = (shared / "reference/protocol.md").read_text()
    text = text[text.index("### 4.1"):text.index("### 4.2")]
    seed, authors, large = recipe_of_row("base"), recipe_of_row("base_authors"), recipe_of_row("large_authors")
    for words in ("RandAugment m9-mstd0.5-inc1", "colour jitter 0.4", "minimum 1e-5; warm-up 5 epochs from 1e-6",
                  "smoothing 0.1, Mixup 0.8, CutMix 1.0 (switch 0.5), erasing 0.25", "0.1 light and base, 0.3 large",
                  "none; 1.0 for large", "resize 256 bicubic, centre crop 224"):
        assert words in text
    assert authors.augment.rand_augment == "rand-m9-mstd0.5-inc1"
    assert authors.augment.color_jitter == 0.4
    assert (authors.train.min_lr, authors.train.warmup_epochs, authors.train.warmup_lr) == (1e-5, 5, 1e-6)
    assert (authors.train.drop_path, large.train.drop_path) == (0.1, 0.3)
    assert (authors.train.clip_norm, large.train.clip_norm) == (None, 1.0)
    same = {"rand_augment", "color_jitter"}
    assert authors.augment.model_dump(exclude=same) == seed.augment.model_dump(exclude=same)
    assert (authors.target, authors.crop, authors.test) == (seed.target, seed.crop, seed.test)
    assert 224 / seed.test.crop_share == 256


@pytest.mark.parametrize(("values", "words"), [
    ({"train": {"batch_size": 3}}, "train.batch_size 3 must be even"),
    ({"augment": {"mixup": -1}}, "augment.mixup = -1"),
    ({"augment": {"mix_up": 1}}, "did you mean augment.mixup"),
    ({"augment": {"rand_augment": "augmix-m3"}}, "augment.rand_augment"),
])
def test_wrong_settings_are_named(values, words):
    with pytest.raises(UserError, match=words):
        checked(Recipe, values, "a test")


def test_an_odd_batch_is_fine_without_mixing():
    assert checked(Recipe, {"train": {"batch_size": 3}, "augment": {"mix_probability": 0}}, "").train.batch_size == 3


def test_settings_of_poses_are_none_of_classes():
    assert parse_setting("train.drop_path=0.2", Recipe) == {"train": {"drop_path": 0.2}}
    with pytest.raises(UserError, match=r"test\.flip"):
        parse_setting("test.flip=false", Recipe)
