"""The protocol of a classifier: every setting that its accuracy depends on.

Defaults are what section 1 of the TCFormer supplementary states. Where it names a method without a number, they are
the authors' code's (TCFormer repository at 1ea72a871b, `classification`), as are the defaults of timm for crops.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harness.protocol import Means, Precision, Section

VERSION = 1
"""Part of every key: raised when code changes what a protocol's values mean."""

Interpolation = Literal["bicubic", "bilinear"]


class Crop(Section):
    """The network's input."""

    width: int = Field(224, ge=32, multiple_of=4, description="pixels")
    height: int = Field(224, ge=32, multiple_of=4, description="pixels")
    interpolation: Interpolation = "bicubic"


class Augment(Section):
    """Training augmentation, by timm: crop, flip, RandAugment or colour jitter, erasing; Mixup or CutMix of a batch."""

    area: tuple[float, float] = Field((0.08, 1.0), description="of the random crop, share of the image")
    aspect: tuple[float, float] = Field((3 / 4, 4 / 3), description="width over height of the random crop")
    flip_probability: float = Field(0.5, ge=0, le=1)
    rand_augment: str = Field("", pattern=r"^(rand-[\w.-]+)?$", description="timm's name; empty for none")
    color_jitter: float = Field(0.0, ge=0, description="of brightness, contrast and saturation; timm leaves it out "
                                "where there is RandAugment")
    erase_probability: float = Field(0.25, ge=0, le=1)
    erase_fill: Literal["pixel", "rand", "const"] = Field("pixel", description="noise a pixel, one colour, or the mean")
    mixup: float = Field(0.8, ge=0, description="alpha of Mixup; 0 for none")
    cutmix: float = Field(1.0, ge=0, description="alpha of CutMix; 0 for none")
    mix_probability: float = Field(1.0, ge=0, le=1, description="of a batch to be mixed at all")
    cutmix_share: float = Field(0.5, ge=0, le=1, description="of the mixed batches, where both are on")

    @property
    def mixes(self) -> bool:
        """Whether batches are mixed."""
        return bool(self.mixup or self.cutmix) and self.mix_probability > 0


class Target(Section):
    """The loss: cross entropy against smoothed labels."""

    smoothing: float = Field(0.1, ge=0, lt=1, description="of the labels")


class Train(Means):
    """Optimisation: AdamW, cosine schedule; decay spares biases and norms, as timm does."""

    epochs: int = Field(300, ge=0)
    lr: float = Field(1e-3, gt=0)
    min_lr: float = Field(0.0, ge=0, description="at the end of the cosine")
    rate_by: Literal["epoch", "step"] = Field("epoch", description="how often the schedule is looked at")
    warmup_epochs: int = Field(0, ge=0, description="linear, inside of the epochs")
    warmup_lr: float = Field(1e-6, gt=0, description="where the warm-up starts")
    weight_decay: float = Field(0.05, ge=0)
    drop_path: float = Field(0.0, ge=0, lt=1, description="of the last block; linear from 0 at the first")
    clip_norm: float | None = Field(None, gt=0, description="bound of the gradient's norm")
    batch_size: int = Field(128, ge=1, description="images a step and process")
    processes: int = Field(8, ge=1, description="processes (GPUs) the protocol trains on")
    steps_per_epoch: int | None = Field(None, ge=1, description="fewer steps than the data would give")
    evaluate_every: int = Field(0, ge=0, description="epochs; the best top-1 so far is kept. 0: the last epoch")
    precision: Precision = "fp32"
    workers: int = Field(0, ge=0, description="loader processes; the result does not depend on it")
    max_broken_images: float = Field(0.01, ge=0, le=1, description="share of unreadable images that is tolerated")


class Test(Section):
    """One centre crop."""

    crop_share: float = Field(0.875, gt=0, le=1, description="crop over the resized shorter side: 224 of 256")
    batch_size: int = Field(128, ge=1)
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    noise_repeats: int = Field(0, ge=0, description="further evaluations with the noise that some published networks "
                               "draw at test time, to measure its spread; the metrics themselves are free of it")


class Recipe(Section):
    """Everything an accuracy depends on, besides network, data, weights and seed."""

    crop: Crop = Crop()
    augment: Augment = Augment()
    target: Target = Target()
    train: Train = Train()
    test: Test = Test()

    @model_validator(mode="after")
    def _mixed_in_pairs(self) -> Recipe:
        size, parts = self.train.batch_size, self.train.accumulate
        if self.augment.mixes and (size % parts or size // parts % 2):
            each = f", and so must each of its {parts} equal parts (train.accumulate)" if parts > 1 else ""
            raise ValueError(f"train.batch_size {size} must be even{each}: a batch is mixed with itself in reverse")
        return self
