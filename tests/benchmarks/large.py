"""A set of the size of COCO val2017 with a detector's boxes, drawn from a seed; crowds and ties in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.data.types import People
from harness.layout import Layout, load_layout
from harness.scoring import Scored


@dataclass(frozen=True)
class LargeSet:
    """Arrays for `evaluate`."""

    people: People
    scored: Scored
    layout: Layout
    image_ids: np.ndarray


def draw_large(images: int = 5000, people: int = 11_043, predictions: int = 55_055, seed: int = 0) -> LargeSet:
    """People on about half of the images, as in COCO; 3 % crowds; scores of three digits, so that many are equal.

    Three in five predictions are a person's points with an error of 1 to 20 % of the person's size; the others lie
    elsewhere. As in COCO-WholeBody, 58 % of the people have a labelled body, fewer feet, fewest hands; faces and hands
    are labelled as a whole, bodies and feet in part. All parts have scores of their own.
    """
    rng = np.random.default_rng(seed)
    layout = load_layout("coco-wholebody")
    image_ids = np.sort(rng.choice(600_000, images, replace=False)).astype(np.int64)
    crowded = rng.choice(image_ids, max(1, images * 11 // 20), replace=False)
    weight = rng.exponential(size=len(crowded))
    person_image = rng.choice(crowded, people, p=weight / weight.sum())
    side = np.exp(rng.normal(4.4, 0.9, people)).clip(8, 600)
    corner = rng.uniform(-20, 600, (people, 2))
    points = np.zeros((people, layout.size, 3))
    points[:, :, :2] = corner[:, None] + rng.random((people, layout.size, 2)) * side[:, None, None]
    points[:, :, 2] = rng.choice([1, 2, 0.3], (people, layout.size), p=[0.3, 0.6, 0.1])
    points[:, layout.parts["body"].start:layout.parts["foot"].stop, 2] *= rng.random((people, 23)) > 0.15
    labelled = {"body": 0.58, "foot": 0.4, "face": 0.25, "lefthand": 0.22, "righthand": 0.22}
    has_body = rng.random(people) < labelled["body"]
    for name, share in labelled.items():
        with_part = has_body & (rng.random(people) < share / labelled["body"])
        points[~with_part, layout.parts[name].slice] = 0
    points[points[:, :, 2] == 0] = 0
    points = points.round(1)
    box = np.concatenate([corner, np.stack([side, side], axis=1)], axis=1).round(2)
    body = np.count_nonzero(points[:, layout.parts["body"].slice, 2], axis=1)
    truth = People(rng.permutation(people) + 1, person_image, box, (0.55 * side**2).round(1),
                   rng.random(people) < 0.03, points, body)

    near = np.flatnonzero(rng.random(predictions) < 0.6)
    source = rng.integers(people, size=len(near))
    image = rng.choice(image_ids, predictions)
    image[near] = person_image[source]
    found = np.empty((predictions, layout.size, 3))
    found[:, :, :2] = rng.uniform(0, 600, (predictions, 1, 2)) + rng.normal(0, 40, (predictions, layout.size, 2))
    unknown = corner[source, None] + rng.random((len(near), layout.size, 2)) * side[source, None, None]
    seen = points[source, :, 2:] > 0
    error = rng.choice([0.01, 0.03, 0.08, 0.2], (len(near), 1, 1)) * side[source, None, None]
    found[near, :, :2] = np.where(seen, points[source, :, :2], unknown) + rng.normal(
        size=(len(near), layout.size, 2)) * error
    found[:, :, 2] = rng.random((predictions, layout.size))
    found = found.astype(np.float32).astype(np.float64)  # what a network gives
    score = rng.random(predictions).round(3)
    parts = {name: rng.random(predictions).round(3) for name in layout.parts if name != "body"}
    return LargeSet(truth, Scored(image, found, score, parts), layout, image_ids)


def annotations(large: LargeSet) -> dict[str, Any]:
    """The people as the content of an annotation file."""
    people = []
    for i, identity in enumerate(large.people.id.tolist()):
        entry: dict[str, Any] = {"id": identity, "image_id": int(large.people.image_id[i]), "category_id": 1,
                                 "bbox": large.people.box[i].tolist(), "area": float(large.people.area[i]),
                                 "iscrowd": int(large.people.crowd[i])}
        for part in large.layout.parts.values():
            if part.points is not None:
                entry[part.points] = large.people.keypoints[i, part.slice].ravel().tolist()
        people.append(entry)
    return {"images": [{"id": i} for i in large.image_ids.tolist()], "annotations": people,
            "categories": [{"id": 1, "name": "person"}]}
