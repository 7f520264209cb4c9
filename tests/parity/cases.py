"""Drawn annotations and results with all that the metric treats in a way of its own."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.layout import load_layout

LAYOUT = load_layout("coco-wholebody")
FIELDS = {part.points: part.stop - part.start for part in LAYOUT.parts.values() if part.points is not None}
WIDTH, HEIGHT = 640, 480

Entry = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """The contents of the two files."""

    annotations: dict[str, Any]
    results: list[Entry]
    use_area: bool = True
    """Of xtcocotools: False where no person has an area."""


def draw(seed: int, fields: dict[str, int] = FIELDS) -> Case:
    """A case of one to four small images; equal seeds give equal cases."""
    rng = np.random.default_rng(seed)
    often = rng.choice([0.05, 0.3])
    images = [{"id": int(i), "file_name": f"{i}.jpg", "width": WIDTH, "height": HEIGHT}
              for i in rng.permutation(50)[: rng.integers(1, 5)]]
    people: list[Entry] = []
    results: list[Entry] = []
    for image in images:
        people_here = rng.choice([0, 1, 2, 3], p=[0.3, 0.35, 0.25, 0.1])
        here = [person(rng, image["id"], often, fields) for _ in range(people_here)]
        if here and rng.random() < 0.15:  # somebody annotated twice: equal similarities
            here.append(copy.deepcopy(here[-1]))
        count = rng.choice([0, 1, 3, 22], p=[0.34, 0.34, 0.26, 0.06])
        results += [prediction(rng, image["id"], here, often, fields) for _ in range(count)]
        people += here
    # loadRes wants one result at least, and without a person the reference never looks for part scores.
    if not any(entry["category_id"] == 1 for entry in people):
        people.append({**person(rng, images[0]["id"], often, fields), "category_id": 1})
    if not any(entry["category_id"] == 1 for entry in results):
        results.append({**prediction(rng, images[0]["id"], [], often, fields), "category_id": 1})
    for entry, identity in zip(people, rng.permutation(1000)[:len(people)], strict=True):
        entry["id"] = int(identity) + 1
    people = [people[i] for i in rng.permutation(len(people))]
    results = [results[i] for i in rng.permutation(len(results))]
    if rng.random() < 0.3:
        for entry in results:
            entry["bbox"] = [0.0, 0.0, float(rng.choice([20.0, 48.0, 96.0, 300.0])), 96.0]
    use_area = drop_areas(rng, people, {entry["image_id"] for entry in results})
    return Case({"images": images, "annotations": people, "categories": [{"id": 1, "name": "person"}]}, results,
                use_area)


def drop_areas(rng: np.random.Generator, people: list[Entry], predicted: set[int]) -> bool:
    """Leave out areas as the reference can bear it: everybody's, with use_area=False, or where nothing is predicted."""
    kind = rng.choice(["none", "all", "where nothing is predicted"], p=[0.7, 0.15, 0.15])
    for entry in people:
        if kind == "all" or (kind != "none" and entry["image_id"] not in predicted):
            del entry["area"]
    return bool(kind != "all")


def person(rng: np.random.Generator, image: int, often: float, fields: dict[str, int]) -> Entry:
    """An annotation: also on the borders of the area ranges, labelled in part, sometimes a crowd."""
    side = float(rng.choice([20.0, 32.0, 60.0, 96.0, 200.0]))
    corner = rng.uniform(-30, 450, 2)
    labelled = rng.choice(["most", "one of each part", "one", "none"], p=[0.7, 0.1, 0.1, 0.1])
    entry: Entry = {"image_id": image, "category_id": 2 if rng.random() < often / 5 else 1,
                    "bbox": [*corner.round(2).tolist(), side, side],
                    "area": float(rng.choice([side * side, 0.6 * side * side]))}
    if rng.random() < often:
        entry["iscrowd"] = 1
    if rng.random() < often:
        entry["ignore"] = 1
    only = rng.choice(list(fields))
    for field, count in fields.items():
        points = np.zeros((count, 3))
        if labelled == "most" and rng.random() > often:
            points[:, :2] = corner + rng.random((count, 2)) * side
            points[:, 2] = rng.choice([0, 1, 2, 0.3], count)
            points[points[:, 2] == 0] = 0
        elif labelled == "one of each part" or (labelled == "one" and field == only):
            points[rng.integers(count)] = [*corner, 2]
        entry[field] = points.round(1).ravel().tolist()
    return entry


def prediction(rng: np.random.Generator, image: int, people: list[Entry], often: float, fields: dict[str, int]
               ) -> Entry:
    """A prediction: a person exactly, nearly or not at all; scores on a coarse grid: many are equal."""
    entry: Entry = {"image_id": image, "category_id": 2 if rng.random() < often / 5 else 1,
                    "score": round(float(rng.random()), 1)}
    base = people[rng.integers(len(people))] if people and rng.random() < 0.8 else None
    noise = float(rng.choice([0.0, 1.0, 4.0, 15.0]))
    for field, count in fields.items():
        if base is None:
            points = rng.uniform(-100, 700, (count, 3))
        else:
            points = np.array(base[field]).reshape(count, 3)
            points[:, :2] += noise * rng.normal(size=(count, 2)).round(1)
        points[:, 2] = 0 if rng.random() < often / 2 else rng.random(count).round(2)
        entry[field] = points.ravel().tolist()
    for part in LAYOUT.parts.values():
        if part.score != "score" and rng.random() < 0.5:
            entry[part.score] = round(float(rng.random()), 1)
    return entry


def conditions(case: Case) -> Iterator[str]:
    """The conditions that a case really has, by its content."""
    people = [entry for entry in case.annotations["annotations"] if entry["category_id"] == 1]
    results = [entry for entry in case.results if entry["category_id"] == 1]
    ids = {image["id"] for image in case.annotations["images"]}
    peopled, predicted = {entry["image_id"] for entry in people}, {entry["image_id"] for entry in results}
    here = [[entry for entry in results if entry["image_id"] == i] for i in predicted]
    labels = [{field: np.array(entry[field][2::3]) for field in FIELDS} for entry in people]
    if ids - peopled - predicted:
        yield "empty image"
    if peopled - predicted:
        yield "image without predictions"
    if any(entry.get("iscrowd") for entry in people):
        yield "crowd"
    if any(0 < sum(map(np.any, of.values())) < len(of) for of in labels):
        yield "zero-labelled part"
    if any(len({entry["score"] for entry in entries}) < len(entries) for entries in here):
        yield "ties in score"
    if any(len(entries) > 20 for entries in here):
        yield "more than 20 predictions"
    if any(((v > 0) & (v < 1)).any() for of in labels for v in of.values()):
        yield "float visibilities"
    if any(part.score not in entry for entry in results for part in LAYOUT.parts.values()):
        yield "missing part scores"
    if any("area" not in entry for entry in people):
        yield "missing area"
    if any(outside(entry, labelled=True) for entry in people) or any(outside(entry) for entry in results):
        yield "points outside the image"
    if any(sum(int((v > 0).sum()) for v in of.values()) == 1 for of in labels):
        yield "one key-point person"


def outside(entry: Entry, labelled: bool = False) -> bool:
    """Whether a point (a labelled one) lies outside the image."""
    x, y, v = (np.concatenate([entry[field][axis::3] for field in FIELDS]) for axis in range(3))
    away = (x < 0) | (y < 0) | (x >= WIDTH) | (y >= HEIGHT)
    return bool((away & (v > 0) if labelled else away).any())
