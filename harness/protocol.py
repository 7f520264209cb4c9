"""The protocol of a run: every setting that a number depends on, checked, in one object.

Defaults are the common top-down protocol of mmpose 0.x (branch 0.x at 3b8173463c), the code behind the
SBL, HRNet and TCFormer rows of Table S2. Systems, profiles and `--set` change single values of it.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.errors import UserError, unknown

PROTOCOL_VERSION = 1
"""Part of every row's key: raised when code changes what a protocol's values mean."""


class Section(BaseModel):
    """A group of settings; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Crop(Section):
    """How a person box becomes the network's input."""

    width: int = Field(192, ge=32, multiple_of=4, description="input width, pixels")
    height: int = Field(256, ge=32, multiple_of=4, description="input height, pixels")
    padding: float = Field(1.25, gt=0, description="the box is enlarged by this after its aspect is fixed")


class Augment(Section):
    """Training augmentation. Geometry in the order: centre shift, flip, half body, scale and rotation (0.x)."""

    version: Literal["0.x", "1.x"] = Field(
        "0.x", description="of mmpose, whose geometry this is; 1.x: flip, half body of body and foot points only, then "
        "shift, scale and rotation from a normal distribution truncated to -1 to 1"
    )
    shift_probability: float = Field(0.3, ge=0, le=1)
    shift: float = Field(0.16, ge=0, description="largest, as a share of the padded crop; uniform (1.x: truncated "
                         "normal)")
    flip_probability: float = Field(0.5, ge=0, le=1)
    half_body_probability: float = Field(0.3, ge=0, le=1)
    half_body_min_points: int = Field(8, ge=0, description="only people with more labelled points than this")
    half_body_padding: float = Field(1.5, gt=0)
    scale: float = Field(0.5, ge=0, le=1, description="factor clip(1 + scale * N(0,1), 1 - scale, 1 + scale) (1.x: "
                         "1 + scale * truncated normal)")
    rotation: float = Field(40.0, ge=0, description="degrees, clip(rotation * N(0,1), -2 rotation, 2 rotation) (1.x: "
                            "2 rotation * truncated normal)")
    rotation_probability: float = Field(0.6, ge=0, le=1)
    brightness: float = Field(0.0, ge=0, le=1, description="factor uniform in 1 - brightness to 1 + brightness; 0, as "
                              "published: none")
    contrast: float = Field(0.0, ge=0, le=1, description="likewise, about the crop's mean grey")
    saturation: float = Field(0.0, ge=0, le=1, description="likewise, about each pixel's grey")
    erase_probability: float = Field(0.0, ge=0, le=1, description="of a rectangle of the crop in the mean colour "
                                     "(random erasing); 0, as published: none")

    @property
    def changes_look(self) -> bool:
        """Whether anything but geometry is changed."""
        return any((self.brightness, self.contrast, self.saturation, self.erase_probability))


class Target(Section):
    """Heat-map targets and the loss."""

    sigma: float = Field(2.0, gt=0, description="Gaussian, heat-map pixels")
    centre: Literal["rounded", "exact"] = Field(
        "rounded", description="rounded: to the nearest heat-map pixel (MSRA); exact: where the point is (DARK)"
    )
    loss: Literal["mse", "cross_entropy"] = Field(
        "mse", description="mse: weighted per-point mean squared error (the published protocol); cross_entropy: "
        "softmax over the heat map against the normalised Gaussian"
    )


Precision = Literal["fp32", "tf32", "fp16", "bf16"]
"""tf32: fp32 with the products of convolutions and matrices in TF32, on NVIDIA GPUs only."""


class Means(Section):
    """How steps are made, whatever is learnt: the part of `train` that trainings of every kind share."""

    batch_size: int
    processes: int
    accumulate: int = Field(1, ge=1, description="parts in which a process works through its batch, one after the "
                            "other, for less memory: the same step, but batch norm sees the parts")
    ema: float = Field(0.0, ge=0, lt=1, description="decay a step of the running mean of the weights, which is then "
                       "what is tested and kept; 0: none")
    compile: bool = Field(False, description="train the compiled network (torch.compile)")
    checkpoint_minutes: float = Field(10.0, gt=0, description="at least this often, and after each epoch, "
                                      "everything is saved that is needed to go on")

    @model_validator(mode="after")
    def _batch_has_so_many_parts(self) -> Means:
        if self.accumulate > self.batch_size:
            raise ValueError(f"accumulate {self.accumulate} is more than batch_size {self.batch_size}")
        return self


class Train(Means):
    """Optimisation. Learning rate drops by 10 at each milestone; warm-up is linear from `warmup_ratio`."""

    epochs: int = Field(210, ge=0)
    milestones: tuple[int, ...] = (170, 200)
    schedule: Literal["step", "cosine"] = "step"
    optimizer: Literal["adam", "adamw"] = "adam"
    lr: float = Field(5e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warmup_steps: int = Field(500, ge=0)
    warmup_ratio: float = Field(0.001, gt=0, le=1)
    clip_norm: float | None = Field(None, gt=0, description="bound of the gradient's norm; none as published")
    batch_size: int = Field(64, ge=1, description="people a step and process")
    processes: int = Field(1, ge=1, description="processes (GPUs) the protocol trains on")
    steps_per_epoch: int | None = Field(None, ge=1, description="fewer steps than the data would give")
    evaluate_every: int = Field(0, ge=0, description="epochs; the best whole AP so far is kept, with `parts` their "
                                "mean AP. 0: the last epoch")
    precision: Precision = "fp32"
    workers: int = Field(0, ge=0, description="loader processes; the result does not depend on it")
    max_broken_images: float = Field(0.01, ge=0, le=1, description="share of unreadable images that is tolerated")
    parts: tuple[str, ...] = Field(
        (), description="loss on the key points of these parts of the layout only, for example [lefthand,righthand]; "
        "empty: all. Targets of other points have weight 0 (as of points without a label), so mse is still a mean over "
        "all heat maps, and cross_entropy a mean over the labelled points that are left"
    )

    @field_validator("parts")
    @classmethod
    def _parts_in_one_order(cls, parts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(parts)))

    @model_validator(mode="after")
    def _milestones_ascend(self) -> Train:
        if list(self.milestones) != sorted(self.milestones):
            raise ValueError(f"milestones {list(self.milestones)} must ascend")
        return self


class Test(Section):
    """From boxes to scored people."""

    boxes: str = Field("detector", description="gt, detector, or a file of detections")
    min_box_score: float = Field(0.0, ge=0, le=1)
    flip: bool = True
    flip_shift: bool = Field(True, description="shift the mirrored heat maps right by one pixel before averaging")
    decode: Literal["quarter", "argmax", "dark"] = Field(
        "quarter", description="quarter: 0.25 pixel to the higher neighbour; dark: one Newton step on the log heat map"
    )
    dark_kernel: int = Field(11, ge=3, description="odd width of the blur before the dark step, heat-map pixels")
    visible_score: float = Field(0.2, description="point scores above this enter the person score")
    nms_oks: float = Field(0.9, gt=0, le=1, description="hard OKS-NMS threshold")
    batch_size: int = Field(32, ge=1)
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    noise_repeats: int = Field(0, ge=0, description="further evaluations with the noise that some published networks "
                               "draw at test time, to measure its spread; the metrics themselves are free of it")

    @model_validator(mode="after")
    def _kernel_is_odd(self) -> Test:
        if self.dark_kernel % 2 == 0:
            raise ValueError(f"dark_kernel {self.dark_kernel} must be odd")
        return self


class Protocol(Section):
    """Everything a number depends on, besides model, data, weights and seed."""

    crop: Crop = Crop()
    augment: Augment = Augment()
    target: Target = Target()
    train: Train = Train()
    test: Test = Test()


AnyProtocol = TypeVar("AnyProtocol", bound=Section)


def setting_names(protocol: type[Section] = Protocol) -> list[str]:
    """Every setting as a dotted name, for `--set` and its errors; of poses' protocol or another kind's."""
    return [f"{section}.{name}" for section, info in protocol.model_fields.items()
            for name in info.annotation.model_fields]  # type: ignore[union-attr]


def merge(*layers: dict[str, Any]) -> dict[str, Any]:
    """Merge nested dictionaries; later layers win, value by value."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = merge(merged[key], value) if both else value
    return merged


def parse_setting(text: str, protocol: type[Section] = Protocol) -> dict[str, Any]:
    """Turn `section.name=value` (value in YAML notation) into a nested dictionary.

    Raises UserError for a text without `=`, or a name that no setting has (nearest names first).
    """
    import yaml

    name, separator, value = text.partition("=")
    if not separator:
        raise UserError(f"--set {text}: expected key=value, for example train.lr=0.001")
    if name not in setting_names(protocol):
        raise unknown("setting", name, setting_names(protocol), "in --set")
    section, field = name.split(".")
    try:
        return {section: {field: yaml.safe_load(value)}}
    except yaml.YAMLError:
        return {section: {field: value}}


def make_protocol(values: dict[str, Any], origin: str) -> Protocol:
    """Check nested values and build the protocol. Raises UserError naming setting, value and `origin`."""
    return checked(Protocol, values, origin)


def checked(protocol: type[AnyProtocol], values: dict[str, Any], origin: str) -> AnyProtocol:
    """A protocol of any kind from nested values. Raises UserError naming setting, value and `origin`."""
    try:
        return protocol.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise unknown("setting", name, setting_names(protocol), f"in {origin}") from error
        value = "" if isinstance(first["input"], dict) else f" = {first['input']!r}"  # a whole section says nothing
        raise UserError(f"setting {name}{value} in {origin}: {first['msg']}") from error
