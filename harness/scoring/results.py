"""Result files of COCO-WholeBody: a JSON list with one entry per predicted person.

An entry has `image_id`, `category_id` (1), the points of every part as x, y, score triples (`keypoints` 51
numbers, `foot_kpts` 18, `face_kpts` 204, `lefthand_kpts` and `righthand_kpts` 63 each; other layouts: their
own), `score`, and where known a score per part (`foot_score`, ..., `wholebody_score`) and `bbox`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.coco import PERSON
from harness.data.columns import (
    Where,
    check_entries,
    id_column,
    list_column,
    number_column,
    numbers,
    point_columns,
    read_json,
)
from harness.files import write_text
from harness.layout import Layout
from harness.scoring.scored import Scored, check_scored


def load_results(path: Path, layout: Layout) -> Scored:
    """The predictions of a result file; see `read_results`."""
    return read_results(path, layout)[0]


def read_results(path: Path, layout: Layout) -> tuple[Scored, dict[str, int]]:
    """Read a result file: the predictions, and counts of its `entries` and of the `other_categories` left out.

    An entry without a part's score gets the person's there, as in xtcocotools. Boxes are read if the first
    entry has one (the reference looks at that entry only), and then every entry needs one.

    Raises UserError naming file, entry and field: no JSON, not a list, missing fields, wrong lengths, other
    than finite numbers.
    """
    path = Path(path)

    def name(i: int) -> str:
        return f"{path}: entry {i}"

    everyone = check_entries(read_json(path, "results"), name, str(path))
    category = id_column(everyone, "category_id", name)
    index = np.flatnonzero(category == PERSON)
    entries = [everyone[i] for i in index]

    def where(i: int) -> str:
        return name(int(index[i]))

    score = number_column(entries, "score", where)
    has_box = bool(everyone and everyone[0].get("bbox"))
    part_scores, filled = read_part_scores(entries, layout, score, where)
    scored = Scored(
        image_id=id_column(entries, "image_id", where),
        keypoints=point_columns(entries, layout, where),
        score=score,
        part_scores=part_scores or None,
        box=list_column(entries, "bbox", 4, where) if has_box else None,
        filled=filled or None,
    )
    return scored, {"entries": len(everyone), "other_categories": len(everyone) - len(entries)}


def read_part_scores(entries: list[dict[str, Any]], layout: Layout, score: np.ndarray, where: Where
                     ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """By part for which some entry has a score: the scores (N,), and where the person's stands in (N,) bool."""
    scores, filled = {}, {}
    for part in layout.parts:
        field = score_field(layout, part)
        lacks = np.array([field not in entry for entry in entries], bool)
        if not lacks.all():
            values = [entry.get(field, own) for entry, own in zip(entries, score.tolist(), strict=True)]
            scores[part] = numbers(values, field, where)
            if lacks.any():
                filled[part] = lacks
    return scores, filled


def score_field(layout: Layout, part: str) -> str:
    """The field of a part's own score. Bodies rank by `score`; published files have `body_score` as well."""
    field = layout.parts[part].score
    return f"{part}_score" if field == "score" else field


def write_results(path: Path, scored: Scored, layout: Layout) -> None:
    """Write a result file, atomically and without rounding: `load_results` gives equal arrays back.

    Boxes are written where there are any; note that they then are the area of the predictions (see
    `Scored.box`). Raises UserError for numbers that are not finite and where the file cannot be written.
    """
    write_text(Path(path), json.dumps(result_entries(scored, layout), allow_nan=False, separators=(",", ":")))


def result_entries(scored: Scored, layout: Layout) -> list[dict[str, Any]]:
    """The entries of a result file. Raises UserError for numbers that are not finite."""
    check_scored(scored, layout)
    columns: dict[str, list[Any]] = {"image_id": scored.image_id.tolist()}
    columns["category_id"] = [PERSON] * len(scored)
    for part in layout.parts.values():
        if part.points is not None:
            numbers_of_part = 3 * (part.stop - part.start)
            columns[part.points] = scored.keypoints[:, part.slice].reshape(-1, numbers_of_part).tolist()
    columns["score"] = scored.score.tolist()
    for name, values in (scored.part_scores or {}).items():
        columns[score_field(layout, name)] = values.tolist()
    if scored.box is not None:
        columns["bbox"] = scored.box.tolist()
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
