"""What speaks against comparing a classifier's accuracy with a published one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.classification.plan import recipe_of
from harness.published import PublishedRow
from harness.report.comparability import OTHER_DATA_REASON, STAND_IN_REASON, flat, step_size, trained_here
from harness.report.model import STAND_IN, RowResult

IMMATERIAL = {"train.workers", "train.max_broken_images", "train.batch_size", "train.processes", "test.batch_size",
              "test.noise_repeats"}
"""Settings without an effect on the numbers, or compared in a way of their own (batch as images a step)."""


def reasons_against(result: RowResult, published: PublishedRow, table: Mapping[str, Any], profile: Mapping[str, Any]
                    ) -> list[str]:
    """Reasons against holding the row's accuracies against a published row; empty where they may be compared.

    Caution rules: what a record does not say is a reason too.
    """
    if not profile.get("reproduces"):
        return [STAND_IN_REASON]
    if result.status == STAND_IN:
        return [OTHER_DATA_REASON]
    reasons = []
    for name, wanted in (("dataset", published.dataset), ("split", published.split), ("images", published.images)):
        got = result.get("data", "eval", name)
        if got != wanted:
            reasons.append(f"tested on {name} {got}, published on {wanted}")
            break  # another data set has other images, too: one reason is enough
    if result.get("data", "eval", "unreadable"):
        reasons.append(f"{result.get('data', 'eval', 'unreadable')} images could not be read")
    reasons += deviations(result, table)
    if trained_here(result):
        whole, seen = whole_split(result, "train"), result.get("data", "train", "images")
        if whole is not None and seen != whole:
            reasons.append(f"trained on {seen} images, published on {whole}")
        if result.get("weights", "init"):
            reasons.append("trained from given weights, published from random ones")
    return reasons


def whole_split(result: RowResult, which: str) -> int | None:
    """How many images a split of the record's data set has when it is whole, None where that is not known."""
    from harness.classification.pictures import picture_set

    name = result.get("data", which, "dataset")
    return picture_set(name).images.get(result.get("data", which, "split")) if name else None


def deviations(result: RowResult, table: Mapping[str, Any]) -> list[str]:
    """Settings of a run that differ from its row's own protocol and have an effect, one phrase each."""
    used = flat(result.get("protocol") or {})
    wanted = flat(recipe_of(table, None, result.row, None, ()).model_dump(mode="json"))
    sections = ("crop", "test") + (("augment", "target", "train") if trained_here(result) else ())
    said = [f"{name} {used.get(name)} instead of {value}" for name, value in wanted.items()
            if name.split(".")[0] in sections and name not in IMMATERIAL and used.get(name) != value]
    if trained_here(result):
        step = step_size(result, used)
        step_wanted = wanted["train.batch_size"] * wanted["train.processes"]
        if step != step_wanted:
            said.append(f"{step} images a training step instead of {step_wanted}")
    return said
