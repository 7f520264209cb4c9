"""Crops of people as data sets: augmented for training, plain for test.

A sample depends only on (seed, epoch, index), never on the process that makes it or on the samples before it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from harness.data import augment_1x
from harness.data.augment import Pose, augment, draw
from harness.data.coco import clip_boxes
from harness.data.colour import draw_look
from harness.data.geometry import apply_affine, compose, crop_affine, crop_of_box, mirror_affine
from harness.data.images import ImageReader, listed
from harness.data.types import Boxes, Images, Split
from harness.errors import UserError
from harness.protocol import Protocol
from harness.stages import Watch, unwatched


def image_rows(images: Images, image_id: np.ndarray) -> np.ndarray:
    """(N,) row in `images` of every id. Raises UserError naming the first id that is not there."""
    row_of = {int(identity): row for row, identity in enumerate(images.id)}
    try:
        return np.array([row_of[int(identity)] for identity in image_id], dtype=np.int64)
    except KeyError as error:
        raise UserError(f"a person box is on image {error}, which is not among the {len(images)}") from error


def warp(image: np.ndarray, matrix: np.ndarray, width: int, height: int) -> np.ndarray:
    """One bilinear affine of a BGR image to (height, width, 3) uint8 RGB; black outside of the image."""
    crop = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)


class TrainCrops(Dataset):
    """Augmented crops of N people of a split.

    Sample i: `image` (H, W, 3) uint8 RGB, `points` (K, 2) float32 in input pixels, `visible` (K,) float32 0
    or 1, 0 for points that are not of `train.parts` (of the mirrored person, where it is mirrored). The person of
    an unreadable image is replaced by the next one, in order, whose image can be read. Where the unreadable
    images, of all loader processes together, become more than `train.max_broken_images` allows, a sample raises
    TooManyBroken (a UserError). Where the protocol changes colours or erases, `colour` and `erased` are the numbers
    for it (`harness.data.colour.draw_look`); the device that trains does it.
    """

    def __init__(self, split: Split, people_index: np.ndarray, protocol: Protocol, seed: int = 0) -> None:
        """`people_index` (N,) are the rows of `split.people` to train on."""
        title = f"{split.dataset}/{split.name}"
        if len(people_index) == 0:
            raise UserError(f"{title} has no person to train on (of {len(split.people)})")
        self.people, self.protocol, self.seed = split.people, protocol, seed
        self.person = np.asarray(people_index)
        self.image_row = image_rows(split.images, split.people.image_id[self.person])
        self.reader = ImageReader(split.images, self.image_row, protocol.train.max_broken_images, title)
        crop = protocol.crop
        boxes = clip_boxes(split.people.box[self.person], split.images.size[self.image_row])
        self.center, self.size = crop_of_box(boxes, crop.width, crop.height, crop.padding)
        if protocol.augment.version == "1.x":
            self.size = boxes[:, 2:] * crop.padding  # its aspect is fixed when all else is done
        self.flip_index = np.array(split.layout.flip_index)
        self.upper, self.lower = (np.isin(np.arange(split.layout.size), half)
                                  for half in (split.layout.upper, split.layout.lower))
        trained = split.layout.points_of(protocol.train.parts, "train.parts")
        self.trained = np.isin(np.arange(split.layout.size), trained)
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # loader processes see it change

    def __len__(self) -> int:
        return len(self.person)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose augmentation is drawn, also in loader processes that are running already."""
        self._epoch.fill_(epoch)

    def __getitem__(self, index: int) -> dict[str, Any]:
        crop = self.protocol.crop
        row, image = self._readable(index)
        width = image.shape[1]
        rng = np.random.default_rng((self.seed, int(self._epoch), index))
        pose = self._augmented(row, rng, width)
        matrix = crop_affine(pose.center, pose.size, pose.rotation, crop.width, crop.height)
        # Mirroring inside the affine gives what mirroring the whole image first would, without its cost.
        pixels = compose(matrix, mirror_affine(width)) if pose.mirrored else matrix
        sample = {
            "image": warp(image, pixels, crop.width, crop.height),
            "points": apply_affine(matrix, pose.points).astype(np.float32),
            "visible": (pose.labelled & self.trained).astype(np.float32),
        }
        settings = self.protocol.augment
        return {**sample, **draw_look(rng, settings, crop.width, crop.height)} if settings.changes_look else sample

    def _augmented(self, row: int, rng: np.random.Generator, image_width: int) -> Pose:
        """A person's pose and crop, changed by the geometry of the protocol's version."""
        settings, aspect = self.protocol.augment, (self.protocol.crop.width, self.protocol.crop.height)
        keypoints = self.people.keypoints[self.person[row]]
        pose = Pose(keypoints[:, :2], keypoints[:, 2] > 0, self.center[row], self.size[row])
        if settings.version == "1.x":
            return augment_1x.augment(pose, augment_1x.draw(rng), settings, image_width, self.flip_index, self.upper,
                                      self.lower, aspect)
        return augment(pose, draw(rng), settings, image_width, self.flip_index, self.upper, aspect)

    def check_broken(self) -> None:
        """Raise TooManyBroken, naming the first files, where too many images could not be read."""
        self.reader.check()

    def broken_report(self) -> list[str]:
        """A line on the images that could not be read so far; none where all could."""
        broken = self.reader.broken()
        if not broken:
            return []
        return [f"{len(broken)} of {self.reader.used} images could not be read and others took their places: "
                f"{listed(broken, 10)}"]

    def _readable(self, index: int) -> tuple[int, np.ndarray]:
        """The first sample from `index` on whose image can be read, and that image."""
        for step in range(len(self)):
            row = (index + step) % len(self)
            image = self.reader.read(int(self.image_row[row]))
            if image is not None:
                return row, image
        raise AssertionError("the reader raises where no image can be read")


class TestCrops(Dataset):
    """Plain crops of N boxes. Sample i: `image` (H, W, 3) uint8 RGB and `readable` bool.

    The crop of an unreadable image is black, with `readable` False, so that batches stay what they are.
    `center` and `size` (N, 2) are the crops in image pixels. `watch` is told of the stages load and crop; where a
    loader's processes make the samples, it is a copy of theirs that is told.
    """

    __test__ = False  # not a test, whatever pytest makes of the name

    def __init__(self, split: Split, boxes: Boxes, protocol: Protocol, watch: Watch = unwatched) -> None:
        self.crop, self.watch = protocol.crop, watch
        self.image_row = image_rows(split.images, boxes.image_id)
        self.reader = ImageReader(split.images, self.image_row, protocol.train.max_broken_images,
                                  f"{split.dataset}/{split.name}")
        self.center, self.size = crop_of_box(boxes.box, self.crop.width, self.crop.height, self.crop.padding)

    def __len__(self) -> int:
        return len(self.image_row)

    def __getitem__(self, index: int) -> dict[str, Any]:
        width, height = self.crop.width, self.crop.height
        with self.watch("load"):
            image = self.reader.read(int(self.image_row[index]))
        if image is None:
            return {"image": np.zeros((height, width, 3), np.uint8), "readable": False}
        with self.watch("crop"):
            matrix = crop_affine(self.center[index], self.size[index], 0.0, width, height)
            return {"image": warp(image, matrix, width, height), "readable": True}


def init_worker(_: int) -> None:
    """For `worker_init_fn` of a loader: one thread a process (OpenCV's threads do not survive a fork)."""
    cv2.setNumThreads(0)
