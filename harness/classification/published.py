"""Published accuracies of classifiers: facts of `results/published/facts/classification.yaml` as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from harness.errors import unknown
from harness.published import Fact, PublishedRow, load_facts

PART = "image"
FILE = "classification"
DATASET, SPLIT, IMAGES, RELEASE = "imagenet-1k", "val", 50_000, "ILSVRC2012"
INPUT = (224, 224)
"""Of all facts of this file, as its head says."""


@cache
def _facts() -> dict[str, Fact]:
    return {fact.id: fact for fact in load_facts(FILE)}


def published_accuracies(row: Mapping[str, Any], field: str = "published") -> tuple[PublishedRow, ...]:
    """A row's published accuracies, the table's own first. Raises UserError for an id that is not there."""
    known = _facts()
    for name in row.get(field) or ():
        if name not in known:
            raise unknown("published fact", name, known, f"of row {row.get('id', row.get('name'))}")
    return tuple(_row(known[name]) for name in row.get(field) or ())


def all_rows() -> tuple[PublishedRow, ...]:
    """Every published accuracy, as `published_accuracies` gives them."""
    return tuple(_row(fact) for fact in _facts().values() if "top1" in fact.values)


def _row(fact: Fact) -> PublishedRow:
    """Top-1 as printed; top-5 where a log gives it."""
    metrics = {"top1": fact.values["top1"]}
    if "top5_exact" in fact.values:
        metrics["top5"] = fact.values["top5_exact"]
    return PublishedRow(fact.id, fact.source, fact.method, {PART: metrics}, DATASET, SPLIT, IMAGES, RELEASE,
                        trained_on="imagenet-1k train", input=fact.input or INPUT, checkpoint=fact.checkpoint,
                        notes=fact.notes)
