"""Images and their classes as data sets of torch: timm's reading and augmentation, repeatable, broken files counted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from timm.data import ImageDataset, ImageNetInfo, create_transform, get_img_extensions
from torch import Tensor

from harness.classification.chance import drawn_from
from harness.classification.labels import class_index, label_file, read_labels
from harness.classification.pictures import PictureRef
from harness.classification.protocol import Augment, Recipe
from harness.data.images import check_broken, listed
from harness.errors import UserError


class Listing:
    """The files of a split, each with its class; a reader for timm's `ImageDataset`."""

    def __init__(self, samples: list[tuple[str, int]], classes: tuple[str, ...], title: str) -> None:
        self.samples, self.classes, self.title = samples, classes, title

    def __len__(self) -> int:
        return len(self.samples)

    def filename(self, index: int, basename: bool = False, absolute: bool = False) -> str:
        """A file's path (timm's interface)."""
        return Path(self.samples[index][0]).name if basename else self.samples[index][0]


def read_listing(pictures: PictureRef) -> Listing:
    """Find a split's images. Raises UserError for none, for synsets that are not ImageNet's, and for missing labels."""
    classes = pictures.class_names()
    if pictures.spec.synsets:
        synsets = tuple(ImageNetInfo("imagenet-1k").label_names())
        strange = sorted(set(classes) - set(synsets))
        if strange:
            raise UserError(f"data set {pictures.dataset}: {len(strange)} class folders in {pictures.folder} are no "
                            f"synset of ImageNet-1K ({', '.join(strange[:3])}); missing are "
                            f"{', '.join(sorted(set(synsets) - set(classes))[:3])}. {pictures.spec.needs}")
        if not classes:
            return _flat(pictures, synsets)
    samples = []
    for number, name in enumerate(classes):
        found = _images_in(pictures.folder / name)
        if not found:
            raise UserError(f"data set {pictures.dataset}: class folder {pictures.folder / name} has no images")
        samples += [(file, number) for file in found]
    return Listing(samples, classes, pictures.title)


def _images_in(folder: Path) -> list[str]:
    """Files with one of timm's endings of images, at any depth, sorted."""
    endings = get_img_extensions(as_set=True)
    return sorted(os.path.join(place, name) for place, _, names in os.walk(folder, followlinks=True)
                  for name in names if os.path.splitext(name)[1].lower() in endings)


def _flat(pictures: PictureRef, synsets: tuple[str, ...]) -> Listing:
    path = label_file(Path(pictures.root), pictures.folder)
    labels, index = read_labels(path), {name: number for number, name in enumerate(synsets)}
    found = _images_in(pictures.folder)
    unnamed = [Path(file).name for file in found if Path(file).stem not in labels]
    if unnamed or not found:
        raise UserError(f"{path} has no label for {len(unnamed)} of {len(found)} images in {pictures.folder} "
                        f"({', '.join(unnamed[:3])})")
    return Listing([(file, class_index(labels[Path(file).stem], index, path)) for file in found], synsets,
                   pictures.title)


class Pictures(ImageDataset):
    """Reads images as timm does, (PIL RGB), but says which cannot be read instead of taking the next one in silence."""

    def __init__(self, listing: Listing, tolerated: float, transform: Any) -> None:
        super().__init__("", reader=listing, transform=transform)
        self.listing, self.tolerated = listing, tolerated
        self._broken = torch.zeros(len(listing), dtype=torch.bool).share_memory_()  # loader processes tell the parent

    def read(self, row: int) -> Image.Image | None:
        """The image, or None. Raises TooManyBroken where more than the tolerated share cannot be read."""
        if self._broken[row]:
            return None
        image = self.attempt(row)
        if isinstance(image, str):
            self._broken[row] = True
            broken = int(self._broken.sum())
            if broken > self.tolerated * len(self.listing) or broken >= len(self.listing):
                check_broken(self.broken(), len(self.listing), self.tolerated, self.listing.title)
            return None
        return image

    def broken(self) -> dict[str, str]:
        """Path -> reason of the images that could not be read so far."""
        return {self.listing.samples[row][0]: str(self.attempt(row)) for row in self._broken.nonzero()[:, 0].tolist()}

    def attempt(self, row: int) -> Image.Image | str:
        """The image (RGB), or in words why it cannot be read."""
        try:
            with Image.open(self.listing.samples[row][0]) as image:
                return image.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            return " ".join(str(error).split()) or type(error).__name__


class TrainPictures(Pictures):
    """Augmented images. Sample i: ((3, H, W) float32 normalised, class).

    A sample depends on seed, epoch and index alone. An image that cannot be read is replaced by the next that can.
    """

    def __init__(self, listing: Listing, recipe: Recipe, seed: int) -> None:
        super().__init__(listing, recipe.train.max_broken_images, train_transform(recipe))
        self.seed = seed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose augmentation is drawn, also in loader processes that are running already."""
        self._epoch.fill_(epoch)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        for step in range(len(self)):
            row = (index + step) % len(self)
            image = self.read(row)
            if image is not None:
                with drawn_from(self.seed, int(self._epoch), index):
                    return self.transform(image), self.listing.samples[row][1]
        raise AssertionError("read raises where no image can be read")

    def broken_report(self) -> list[str]:
        """A line on the images that could not be read so far; none where all could."""
        broken = self.broken()
        return [f"{len(broken)} of {len(self)} images could not be read and others took their places: "
                f"{listed(broken, 10)}"] if broken else []


class TestPictures(Pictures):
    """Images to test on, some rows of a listing. Sample i: ((3, H, W) float32, row of the listing).

    The transform is set by timm's `create_loader`. An image that cannot be read is grey here, and counts as wrong
    whatever is answered.
    """

    __test__ = False  # not a test, whatever pytest makes of the name

    def __init__(self, listing: Listing, rows: list[int], tolerated: float) -> None:
        super().__init__(listing, tolerated, None)
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        row = self.rows[index]
        return self.transform(self.read(row) or Image.new("RGB", (256, 256), (124, 116, 104))), row


def train_transform(recipe: Recipe) -> Any:
    """timm's training transform: random crop and flip, RandAugment or colour jitter, normalised, erasing."""
    augment: Augment = recipe.augment
    return create_transform(
        (3, recipe.crop.height, recipe.crop.width), is_training=True, scale=augment.area, ratio=augment.aspect,
        hflip=augment.flip_probability, color_jitter=augment.color_jitter or None,  # type: ignore[arg-type]  # timm takes None for none
        auto_augment=augment.rand_augment or None, interpolation=recipe.crop.interpolation,
        re_prob=augment.erase_probability, re_mode=augment.erase_fill)
