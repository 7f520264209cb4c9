"""Do a table of classifiers and its data keep the contracts that jobs and report rely on?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.classification.answers import METRICS, PART
from harness.classification.pictures import KIND, PictureRef, picture_set, same_classes
from harness.classification.plan import recipe_of
from harness.classification.published import published_accuracies
from harness.classification.samples import TestPictures, read_listing
from harness.registry import build_model, load_attribute, model_spec, names, spec_data
from harness.roots import root_of

CLASSES = 10
"""With which networks are built here."""
TRIED = 50
"""Images of a split that are read."""


def check_rows(table: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """A data set of images, protocols that are right, published accuracies, and backbones that start a pose network."""
    missing = [name for name in ("dataset", "protocols", "parts", "metrics") if name not in table]
    yield not missing, "has dataset, protocols, parts, metrics" + (f"; not {', '.join(missing)}" if missing else "")
    if missing:
        return
    yield True, f"data set {picture_set(table['dataset']).name} is of labelled images"
    yield table["parts"] == [PART], f"parts are [{PART}]"
    yield set(table["metrics"]) <= set(METRICS), f"metrics are among {', '.join(METRICS)}"
    for row in table["rows"]:
        stand_ins = row.get("stand_ins") or {}
        yield True, f"row {row['id']}: {len(published_accuracies(row))} published accuracies"
        entries = [*([(row, "the table")] if "model" in row else []), *((s, p) for p, s in stand_ins.items())]
        for entry, origin in entries:
            profile = _profile(origin)
            recipe_of(table, profile, row, entry if profile else None, ())
            yield True, f"row {row['id']}: protocol {row['protocol']} of {origin} is valid"
        for entry in {str(entry["classifier"]): entry for entry, _ in entries}.values():
            yield starts(entry), f"row {row['id']}: the classifier's backbone is that of {entry['model']}"
        runs = row.get("profiles", [name for name in names("profiles") if _profile(name)])
        cited = [name for name in names("profiles") if _profile(name) and name not in runs and name not in stand_ins]
        yield not cited or "cited" in row, f"row {row['id']}: " + (
            f"says why it is only cited in {', '.join(cited)}" if cited else "runs in every profile")


def starts(entry: dict[str, Any]) -> bool:
    """Whether a classifier's tensors, but for its head's, are the backbone's of the pose network that it names."""
    classifier = entry["classifier"]
    network = load_attribute(classifier["builder"])(num_classes=CLASSES, **classifier["args"])
    pose = build_model(model_spec(entry["model"]), 1)
    own = {k: v.shape for k, v in network.state_dict().items() if not k.startswith(f"{classifier['head']}.")}
    backbone = {k.removeprefix("backbone."): v.shape for k, v in pose.state_dict().items() if k.startswith("backbone.")}
    return own == backbone


def _profile(name: str) -> dict[str, Any] | None:
    """A profile as it is for classifiers, None where it is not for them."""
    if name not in names("profiles"):
        return None
    section = spec_data("profiles", name).get("kinds", {}).get(KIND)
    return {"name": name, **section} if section else None


def check_pictures(name: str, data_root: str | None, results: Path) -> Iterator[tuple[bool, str]]:
    """Opens; both splits have the same classes, images in each of them, and files that can be read."""
    spec = picture_set(name)
    if spec.recipe is not None:
        few = {option: 4 if option in (spec.train, spec.evaluate) else value for option, value in spec.options.items()}
        spec = picture_set(name, few)
    root = str(root_of(spec, data_root, results))
    train, evaluate = (PictureRef(name, root, split, spec.options) for split in (spec.train, spec.evaluate))
    train.make()
    same_classes(train, evaluate)
    for pictures in (train, evaluate):
        listing = read_listing(pictures)
        yield len(listing) > 0, f"{pictures.split}: {len(listing)} images of {len(listing.classes)} classes"
        wanted = spec.images.get(pictures.split, len(listing))
        yield len(listing) == wanted, f"{pictures.split}: all of its images are there" + (
            f"; {len(listing)} of {wanted}" if len(listing) != wanted else "")
        some = TestPictures(listing, [], 1.0)
        rows = range(0, len(listing), max(1, len(listing) // TRIED))
        bad = [listing.samples[row][0] for row in rows if some.read(row) is None]
        yield not bad, f"{pictures.split}: {len(rows)} images tried can be read" + (
            f"; not {', '.join(bad[:3])}" if bad else "")
