"""The settings a number depends on, by dotted name: their titles, and whether they can be changed afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOT_STATED = "not stated"
"""Stands for a value that a source or file does not give. It never counts as agreement."""

NOT_SET = "not set"
"""A setting that is stated and has no value, such as the steps an epoch where an epoch is all of the data."""

AFTERWARDS = "afterwards"
NEW_RUN = "needs a new run"
NEW_TRAINING = "needs a new training"
OTHER_DATA = "needs the other data"

CORE = {
    "data.dataset": "data set",
    "data.split": "split",
    "data.images": "images",
    "data.annotations": "annotation version",
    "test.boxes": "person boxes",
    "crop.width": "input width",
    "crop.height": "input height",
    "crop.padding": "box padding",
    "test.flip": "flip test",
    "test.flip_shift": "heat-map shift of the flip test",
    "test.decode": "decoding",
    "test.precision": "precision of the test",
    "test.batch_size": "batch of the test",
    "test.visible_score": "person score: mean of points above",
    "test.nms_oks": "OKS-NMS threshold",
    "score.key": "score that ranks",
    "score.area": "area in OKS",
    "score.hand": "hand",
    "score.mode": "evaluator mode",
    "score.evaluator": "evaluator version",
    "model": "model",
    "weights": "weights (SHA-256)",
    "train.data": "trained on",
    "train.people_a_step": "people a training step",
    "train.precision": "precision of the training",
    "seed": "seed",
    "machine.device": "device",
}
"""Settings that are always compared, in order, and their titles: where only one side states one, that is a difference.
Others are compared where both sides state them."""

TITLES = {**CORE, "score.offset": "offset of x and y", "data.range": "range of images",
          "data.fingerprint": "content of the data", "data.people": "people", "machine.processor": "processor",
          "weights.init": "initial weights", "code.commit": "commit", "code.hash": "code, the network's included"}
"""Titles of these and others; what has none goes by its dotted name."""

VALUES = {
    ("score.key", "person"): "one score a person",
    ("score.key", "part"): "each part's own score",
    ("score.key", "point mean"): "mean of the part's point scores",
    ("score.area", "person"): "annotated (the person's segment)",
    ("score.area", "box"): "0.53 w h of the person box",
    ("score.hand", "mean"): "mean of left and right",
    ("score.hand", "joint"): "one part of 42 points",
    ("test.nms_oks", 1.0): "none",
    ("test.boxes", "gt"): "ground truth",
}
"""Values that need more than their name."""

CHANGEABLE = {
    "score.": AFTERWARDS,
    "test.visible_score": AFTERWARDS,
    "test.nms_oks": AFTERWARDS,
    "test.": NEW_RUN,
    "crop.padding": NEW_RUN,
    "machine.": NEW_RUN,
    "code.": NEW_RUN,
    "data.": OTHER_DATA,
}
"""Setting or group of settings -> what it takes to change it, the longest match; the rest needs a new training."""


@dataclass(frozen=True)
class Difference:
    """A setting in which two results differ, or may differ because one of them does not state it."""

    setting: str
    title: str
    a: Any
    b: Any
    changeable: str
    """AFTERWARDS, NEW_RUN, NEW_TRAINING or OTHER_DATA."""

    @property
    def known(self) -> bool:
        """Whether both sides state it."""
        return NOT_STATED not in (self.a, self.b)


def title_of(setting: str) -> str:
    """A setting in words, or its dotted name where it has none."""
    return TITLES.get(setting, setting)


def say(setting: str, value: Any) -> str:
    """A setting's value in words."""
    if value is None:
        return NOT_SET
    if isinstance(value, list | tuple):
        return "none" if not value else ", ".join(say(setting, item) for item in value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if (setting, value) in VALUES:
        return VALUES[setting, value]
    if setting == "score.offset" and value:
        return f"{value:+g} px"
    return f"{value:g}" if isinstance(value, float) else str(value)


def as_option(difference: Difference) -> str | None:
    """The option of `harness run` that gives A the value of B; None where a run alone cannot, or B does not say."""
    if difference.changeable != NEW_RUN or not difference.known:
        return None
    if difference.setting == "test.boxes":
        return f"--boxes {difference.b}"
    if difference.setting == "machine.device":
        return f"--device {difference.b}"
    if difference.setting.split(".")[0] not in ("test", "crop"):
        return None
    value = str(difference.b).lower() if isinstance(difference.b, bool) else difference.b
    return f"--set {difference.setting}={value}"


def what_it_takes(setting: str) -> str:
    """What has to be done to change a setting."""
    matching = [name for name in CHANGEABLE if setting == name or (name.endswith(".") and setting.startswith(name))]
    return CHANGEABLE[max(matching, key=len)] if matching else NEW_TRAINING


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """All differences: the core settings in their order, those both state first, then the others by name."""
    found = []
    for setting in [*CORE, *sorted((set(a) & set(b)) - set(CORE))]:
        left, right = a.get(setting, NOT_STATED), b.get(setting, NOT_STATED)
        if left != right:
            found.append(Difference(setting, title_of(setting), left, right, what_it_takes(setting)))
    return sorted(found, key=lambda difference: not difference.known)


def out_of_reach(a: Mapping[str, Any], b: Mapping[str, Any] | None) -> list[Difference]:
    """Core settings that only a new run, training or data can change: those in which A and B differ or, without a B,
    those that A states."""
    if b is not None:
        return [found for found in differences(a, b) if found.changeable != AFTERWARDS]
    return [Difference(setting, title_of(setting), a[setting], NOT_STATED, what_it_takes(setting))
            for setting in CORE if setting in a and what_it_takes(setting) in (NEW_RUN, NEW_TRAINING)]
