"""Does a model, data set or table keep the contracts that the harness relies on?

Each check yields (kept, sentence). The same checks serve what ships here and what users plug in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import UserError, unknown
from harness.kinds import kind_of
from harness.plan import SYNTHETIC
from harness.protocol import make_protocol, merge
from harness.registry import build_model, load_attribute, model_spec, names, spec_data

Finding = tuple[bool, str]

DATASETS = {"classification": "harness.classification.check:check_pictures"}
"""What checks data sets that name a `kind`; those without one are of people with key points."""

HEIGHT, WIDTH = 128, 96
"""Input on which models are tried: pixels."""


def check(name: str, data_root: str | None, results: Path) -> list[Finding]:
    """All findings for a name. Raises UserError for a name that nothing has."""
    if name in names("tables"):
        return list(_guarded(check_table(name)))
    if name in names("datasets"):
        kind = spec_data("datasets", name).get("kind")
        checks = load_attribute(DATASETS[kind]) if kind in DATASETS else check_dataset
        return list(_guarded(checks(name, data_root, results)))
    if name in names("models") or name.startswith("openmmlab:"):
        return list(_guarded(check_model(name)))
    raise unknown("name", name, [n for kind in ("models", "datasets", "tables") for n in names(kind)])


def _guarded(findings: Iterator[Finding]) -> Iterator[Finding]:
    """End with a finding, not a traceback, where a plug-in's code raises."""
    try:
        yield from findings
    except UserError as error:
        yield False, str(error)
    except Exception as error:  # anything a user's code may raise is a finding here
        yield False, f"raised {type(error).__name__}: {error}"


def check_model(name: str) -> Iterator[Finding]:
    """Builds; (B, 3, H, W) -> (B, K, H/4, W/4); gradients; repeatable; state dict; one image as in a batch."""
    import torch

    spec = model_spec(name)
    for points in (133, 14):
        torch.manual_seed(0)
        model = build_model(spec, points)
        yield isinstance(model, torch.nn.Module), f"builds with {points} key points ({type(model).__name__})"
        image = torch.randn(2, 3, HEIGHT, WIDTH)
        output = model.train()(image)
        expected = (2, points, HEIGHT // 4, WIDTH // 4)
        found = tuple(output.shape)
        yield found == expected, f"maps {tuple(image.shape)} to {found}; expected {expected}"
    output.square().mean().backward()
    without = [key for key, p in model.named_parameters() if p.requires_grad and p.grad is None]
    total = sum(1 for _ in model.parameters())
    yield len(without) < total, f"gradients reach {total - len(without)} of {total} parameters" + (
        f" (not {', '.join(without[:3])})" if without else "")
    model.eval()
    with torch.inference_mode():
        first, second, alone = model(image), model(image), model(image[:1])
    yield bool(torch.isfinite(first).all()), "heat maps are finite"
    yield torch.equal(first, second), "the same input gives bit-equal heat maps twice"
    apart = ((first[:1] - alone).abs().max() / first.abs().max().clamp(min=1e-12)).item()
    yield apart < 1e-3, f"an image alone gives what it gives in a batch (largest relative difference {apart:.1e})"
    torch.manual_seed(1)
    other = build_model(spec, points)
    other.load_state_dict(model.state_dict(), strict=True)
    with torch.inference_mode():
        yield torch.equal(other.eval()(image), first), "its state dict carries everything: equal heat maps elsewhere"


def check_dataset(name: str, data_root: str | None, results: Path) -> Iterator[Finding]:
    """Opens; layout, images, boxes and key points fit each other."""
    import cv2
    import numpy as np

    from harness.data.coco import trainable
    from harness.data.sets import DataRef, dataset_spec
    from harness.layout import load_layout
    from harness.roots import root_of

    options = {"train": 40, "val": 20} if name == SYNTHETIC else {}
    spec = dataset_spec(name, options)
    layout = load_layout(spec.layout)
    yield True, f"layout {layout.name}: {layout.size} key points, parts {', '.join(layout.parts)}"
    root = str(root_of(spec, data_root, results))
    for split_name in dict.fromkeys(s for s in (spec.train, spec.evaluate) if s):
        split = DataRef(name, root, split_name, options).open()
        people, images = split.people, split.images
        yield len(images) > 0 and len(people) > 0, f"{split_name}: {len(images)} images, {len(people)} people"
        yield people.keypoints.shape[1:] == (layout.size, 3), f"{split_name}: key points are {people.keypoints.shape}"
        yield bool(np.isin(people.image_id, images.id).all()), f"{split_name}: every person's image is listed"
        yield len(np.unique(images.id)) == len(images), f"{split_name}: image ids are unique"
        usable = int(trainable(people, images).sum())
        yield usable > 0, f"{split_name}: {usable} people pass the training filter"
        bad = []
        for path, size in list(zip(images.path, images.size, strict=True))[:50]:
            image = cv2.imread(str(path))
            if image is None or image.shape[1::-1] != tuple(size):
                found = "unreadable" if image is None else f"{image.shape[1::-1]}, annotated {tuple(size)}"
                bad.append(f"{path.name} ({found})")
        yield not bad, f"{split_name}: the first {min(len(images), 50)} images can be read, with the annotated size" + (
            f"; not {', '.join(bad[:3])}" if bad else "")
        labelled = people.keypoints[..., 2] > 0
        yield bool(np.isfinite(people.keypoints).all()), f"{split_name}: coordinates are finite"
        yield bool(labelled.any()), f"{split_name}: {labelled.mean():.0%} of the key points are labelled"
        if split_name == spec.evaluate and spec.boxes != "gt":
            count = 0 if split.detections is None else len(split.detections)
            yield count > 0, f"{split_name}: {count} detector boxes"


def check_table(name: str) -> Iterator[Finding]:
    """Rows have unique ids, and keep what their kind asks for."""
    table: dict[str, Any] = spec_data("tables", name)
    kind = kind_of(table)
    for key in ("title", "rows"):
        yield key in table, f"has '{key}'"
    ids = [row["id"] for row in table["rows"]]
    yield len(set(ids)) == len(ids), f"{len(ids)} rows with unique ids"
    yield from kind.load("check")(table)


def check_systems(table: dict[str, Any]) -> Iterator[Finding]:
    """Known models, valid protocols, and published numbers that exist."""
    from harness.published import load_published

    for key in ("dataset", "parts"):
        yield key in table, f"has '{key}'"
    yield table["dataset"] in names("datasets"), f"data set {table['dataset']} is known"
    published = load_published()
    for row in table["rows"]:
        missing = [p for p in row.get("published", []) if p not in published]
        yield not missing, f"row {row['id']}: {len(row.get('published', []))} published sources" + (
            f"; unknown: {', '.join(missing)}" if missing else "")
        stand_ins = row.get("stand_ins", {})
        if "model" not in row and not stand_ins:
            yield "cited" in row, f"row {row['id']}: says why it is only cited"
            continue
        entries = [*([(row, "the table")] if "model" in row else []), *((s, p) for p, s in stand_ins.items())]
        for entry, origin in entries:
            spec = model_spec(entry["model"], entry.get("model_args"))
            layers = [table.get("protocol", {}), row.get("protocol", {}), entry.get("protocol", {})]
            make_protocol(merge(*layers), f"row {row['id']}, {origin}")
            yield True, f"row {row['id']}: model {spec.name} and protocol of {origin} are valid"
        unknown_profiles = [p for p in stand_ins if p not in names("profiles")]
        yield not unknown_profiles, f"row {row['id']}: stand-ins for {', '.join(stand_ins) or 'no profile'}"
