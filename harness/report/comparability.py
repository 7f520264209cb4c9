"""What speaks against comparing a record with a published row: other data, boxes, sizes, settings or training.

Caution rules: what a record or a source does not say is a reason too, never an agreement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.protocol import make_protocol
from harness.published import PublishedRow
from harness.report.model import STAND_IN, RowResult

STAND_IN_REASON = "stand-in: other model, data and schedule"
OTHER_DATA_REASON = "stand-in: other data than the table's"
"""Of a stand-in in a profile that reproduces: the table's own system, trained or evaluated on something else."""
UNSAID = ("not stated", "not clear")

IMMATERIAL = {"train.workers", "train.max_broken_images", "train.checkpoint_minutes", "train.batch_size",
              "train.processes", "test.batch_size", "test.boxes", "test.noise_repeats"}
"""Settings without an effect on the numbers, or compared in a way of their own (boxes; batch as people a step)."""


def comparability(result: RowResult, published: PublishedRow, profile: Mapping[str, Any], annotations: str | None = None
                  ) -> list[str]:
    """Reasons against holding the row's numbers against a published row; empty where they may be compared.

    `annotations` is the release of the annotation files that the table's data set has (V1.0).
    """
    if not profile.get("reproduces"):
        return [STAND_IN_REASON]
    if result.status == STAND_IN:
        return [OTHER_DATA_REASON]
    reasons = [*_data(result, published, annotations), *_test(result, published), *_training(result, published)]
    return reasons + [str(reason) for reason in result.get("not_comparable") or ()]


def used_published_weights(result: RowResult, published: PublishedRow) -> bool:
    """Whether a record tested the very file that the published row names, known by the hash in its name; or weights
    that were imported from it."""
    match = re.search(r"-([0-9a-f]{8})_\d{8}\.pth$", published.checkpoint or "")
    digest = result.get("weights", "source", "sha256") or result.get("weights", "sha256")
    return bool(match and digest and not trained_here(result) and str(digest).startswith(match[1]))


def trained_here(result: RowResult) -> bool:
    """Whether the run trained the network, rather than testing weights it was given."""
    return result.get("data", "train") is not None


def expected_settings(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row's own published protocol by dotted name. Raises UserError for a setting that does not exist."""
    return flat(make_protocol(dict(row.get("protocol") or {}), f"row {row['id']}").model_dump(mode="json"))


def step_size(result: RowResult, used: Mapping[str, Any]) -> int:
    """Samples of a training step: a batch for each share that the protocol deals a step out in, however many processes
    worked through them. Records without shares are older, when each process took one batch."""
    shares = result.get("training", "shares") or result.get("training", "processes") or used.get("train.processes", 0)
    return int(used.get("train.batch_size", 0) * shares)


def deviations(result: RowResult, wanted: Mapping[str, Any]) -> list[str]:
    """Settings of a run that have an effect and are not the wanted ones (by dotted name), one phrase each."""
    used = flat(result.get("protocol") or {})
    sections = ("crop", "test") + (("augment", "target", "train") if trained_here(result) else ())
    said = [f"{name} {_say(used[name])} instead of {_say(value)}" for name, value in wanted.items()
            if name in used and name.split(".")[0] in sections and name not in IMMATERIAL and used[name] != value]
    if trained_here(result):
        people = step_size(result, used)
        people_wanted = wanted["train.batch_size"] * wanted["train.processes"]
        if people != people_wanted:
            said.append(f"{people} people a training step instead of {people_wanted}")
    return said


def _data(result: RowResult, published: PublishedRow, annotations: str | None) -> list[str]:
    reasons = []
    for name, wanted in (("dataset", published.dataset), ("split", published.split), ("images", published.images)):
        got = result.get("data", "eval", name)
        if name == "split":
            got = str(got).removesuffix("2017") if got else got
        if got is None:
            reasons.append(f"the record does not say the {name} of its evaluation")
        elif got != wanted:
            reasons.append(f"evaluated on {name} {got}, published on {wanted}")
            break  # another data set has another split and other images, too: one reason is enough
    if annotations and published.annotations != annotations:
        reasons.append(f"published on annotations {published.annotations}, these are {annotations}")
    return reasons


def _test(result: RowResult, published: PublishedRow) -> list[str]:
    reasons = []
    if published.paradigm == "bottom-up":
        reasons.append("published bottom-up, run top-down")
    if published.multi_scale:
        reasons.append("published with multi-scale testing")
    size = (result.get("protocol", "crop", "height"), result.get("protocol", "crop", "width"))
    if published.input is None:
        reasons.append(f"{published.source.short} gives no input size")
    elif size != published.input:
        reasons.append(f"input {_size(size)}, published {_size(published.input)}")
    used = flat(result.get("protocol") or {})
    used["test.boxes"] = result.get("data", "eval", "boxes") or used.get("test.boxes")
    for name, wanted in published.protocol.items():
        if wanted in UNSAID:
            reasons.append(f"{published.source.short}: {name} is {wanted}")
        elif used.get(name) is None:
            reasons.append(f"the record does not say {name}")
        elif used[name] != wanted:
            reasons.append(f"{name} is {_say(used[name])}, published with {_say(wanted)}")
    return reasons


def _training(result: RowResult, published: PublishedRow) -> list[str]:
    """What the row's own protocol settles and the run did otherwise; published test settings are judged apart."""
    row = result.row
    reasons = []
    if row.get("model") and result.get("model", "name") != row["model"]:
        reasons.append(f"model {result.get('model', 'name')}, not {row['model']}")
    stated = {"crop.height", "crop.width", *published.protocol}
    reasons += [text for text in deviations(result, expected_settings(result.row)) if text.split(" ")[0] not in stated]
    if trained_here(result):
        data, split = result.get("data", "train", "dataset"), str(result.get("data", "train", "split"))
        if (data, split.removesuffix("2017")) != (published.dataset, "train"):
            reasons.append(f"trained on {data} {split}")
        if list(result.get("data", "train", "range") or (0, None)) != [0, None]:
            reasons.append("trained on a part of the training split")
        if row.get("init_expected") and not result.get("weights", "init"):
            reasons.append(f"trained from random weights, published from {row['init_expected']}")
    return reasons


def flat(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a protocol by dotted name."""
    return {f"{section}.{name}": list(value) if isinstance(value, tuple) else value
            for section, values in protocol.items() for name, value in values.items()}


def _say(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "not set"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _size(size: tuple[Any, Any]) -> str:
    return f"{size[0]} × {size[1]}"
