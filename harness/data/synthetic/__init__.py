"""The synthetic data set: pictures of articulated 133-point people, written to disk once as COCO-WholeBody data.

A picture depends on (seed, index, width, height, GENERATOR_VERSION) and nothing else (with the same NumPy and OpenCV):
not on the number of workers, nor on how many pictures a split has. The index is the image id; the splits take disjoint
ranges of it (SPLIT_START).
"""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from harness.data.made import holds, make_once
from harness.data.synthetic.boxes import detect
from harness.data.synthetic.labels import annotate
from harness.data.synthetic.scene import random_scene
from harness.errors import UserError, unknown
from harness.layout import load_layout

GENERATOR_VERSION = 3
"""To be raised whenever the same seed and index would give another picture or annotation."""
SPLIT_START = {"val": 1, "train": 10_000_001}
"""First index of each split; a split holds at most SPLIT_LIMIT pictures, so that they never overlap."""
SPLIT_LIMIT = 10_000_000
MIN_SIZE = (320, 240)
MARKER = "synthetic.json"
"""Written last; holds the recipe. A folder without it is not a synthetic data set."""
JPEG_QUALITY = 92
_CHUNK = 64
"""Pictures per task of a worker."""


def recipe(splits: dict[str, int], seed: int, width: int = 320, height: int = 240) -> dict[str, Any]:
    """Everything the data depend on, as JSON-able data; equal recipes give equal bytes of annotations.

    `splits` maps train and val to their numbers of pictures. Raises UserError for unknown splits, for counts
    outside 1 to SPLIT_LIMIT, for a negative seed, and for pictures smaller than MIN_SIZE.
    """
    if not splits:
        raise UserError(f"synthetic data need at least one split (choices: {', '.join(SPLIT_START)})")
    for name, count in splits.items():
        if name not in SPLIT_START:
            raise unknown("split of the synthetic data", name, SPLIT_START)
        if not 1 <= count <= SPLIT_LIMIT:
            raise UserError(f"split {name} of the synthetic data: {count} pictures (choices: 1 to {SPLIT_LIMIT})")
    if seed < 0:
        raise UserError(f"seed {seed} of the synthetic data is negative (choices: 0 and up)")
    if width < MIN_SIZE[0] or height < MIN_SIZE[1]:
        raise UserError(f"synthetic pictures of {width}x{height} are too small (choices: {MIN_SIZE[0]}x{MIN_SIZE[1]} "
                        "and up)")
    return {
        "dataset": "synthetic", "generator_version": GENERATOR_VERSION, "seed": seed, "width": width,
        "height": height, "jpeg_quality": JPEG_QUALITY,
        "splits": {name: splits[name] for name in SPLIT_START if name in splits},
    }


def _stream(seed: int, index: int, purpose: int) -> np.random.Generator:
    """Random numbers for one purpose (0 picture, 1 detections) of one picture."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index, purpose])))


def draw_image(seed: int, index: int, width: int = 320, height: int = 240) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Picture number `index`, (height, width, 3) uint8 blue, green, red, and its annotations."""
    scene = random_scene(_stream(seed, index, 0), width, height)
    return scene.image, annotate(scene, index)


def detections_of(seed: int, index: int, people: list[dict[str, Any]], width: int,
                  height: int) -> list[dict[str, Any]]:
    """A detector's boxes for picture `index`, given its annotations; COCO results form."""
    return detect(_stream(seed, index, 1), people, index, width, height)


def file_name(index: int) -> str:
    """The file of a picture, named as COCO names them."""
    return f"{index:012d}.jpg"


def _write_chunk(folder: Path, seed: int, start: int, stop: int, width: int,
                 height: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Write pictures start to stop (exclusive); return their annotations and detections."""
    people: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    for index in range(start, stop):
        image, found = draw_image(seed, index, width, height)
        good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not good:
            raise RuntimeError(f"OpenCV cannot encode picture {index} as JPEG")
        (folder / file_name(index)).write_bytes(data.tobytes())
        people += found
        boxes += detections_of(seed, index, found, width, height)
    return people, boxes


def _start_worker() -> None:
    """One thread per worker: the workers share the processors among themselves."""
    cv2.setNumThreads(1)


def _write_split(root: Path, name: str, made: dict[str, Any], pool: ProcessPoolExecutor | None) -> None:
    """Write pictures, annotations and (for val) detections of one split under `root`."""
    folder = root / f"{name}2017"
    folder.mkdir()
    start, count = SPLIT_START[name], made["splits"][name]
    seed, width, height = made["seed"], made["width"], made["height"]
    bounds = [(i, min(i + _CHUNK, start + count)) for i in range(start, start + count, _CHUNK)]
    if pool is None:
        chunks = [_write_chunk(folder, seed, a, b, width, height) for a, b in bounds]
    else:
        tasks = [pool.submit(_write_chunk, folder, seed, a, b, width, height) for a, b in bounds]
        chunks = [task.result() for task in tasks]
    annotations = {
        "info": {"description": "Synthetic people, 133 key points", "version": "1.0", "recipe": made},
        "licenses": [],
        "images": [{"id": i, "file_name": file_name(i), "width": width, "height": height}
                   for i in range(start, start + count)],
        "annotations": [person for people, _ in chunks for person in people],
        "categories": [_category()],
    }
    _dump(root / "annotations" / f"coco_wholebody_{name}_v1.0.json", annotations)
    if name == "val":
        _dump(root / "annotations" / "person_detections.json", [box for _, boxes in chunks for box in boxes])


def _category() -> dict[str, Any]:
    """The one category, with the body's key points and links, the latter counted from 1 as COCO does."""
    layout = load_layout("coco-wholebody")
    body = layout.parts["body"]
    links = [[a + 1, b + 1] for a, b in layout.skeleton if max(a, b) < body.stop]
    return {"id": 1, "name": "person", "supercategory": "person",
            "keypoints": list(layout.keypoints[body.slice]), "skeleton": links}


def _dump(path: Path, data: Any) -> None:
    """Write JSON without spaces: these files are large and nobody reads them."""
    path.write_text(json.dumps(data, separators=(",", ":"), allow_nan=False), encoding="utf-8")


def is_complete(root: Path, made: dict[str, Any]) -> bool:
    """Whether `root` holds the whole data set of this recipe."""
    return holds(root, made, MARKER)


def write_synthetic(root: Path, splits: dict[str, int], seed: int, width: int = 320, height: int = 240,
                    workers: int = 1) -> None:
    """Write the data set to `root`, or do nothing if it is there already.

    Layout as COCO-WholeBody: `annotations/coco_wholebody_{train,val}_v1.0.json`, `{train,val}2017/*.jpg`, and
    `annotations/person_detections.json` for val. `splits` maps train and val to numbers of pictures; `workers`
    processes share the work, with the same result for any number. The folder appears only when it is whole: it is
    written beside and renamed, by one process at a time; what killed runs left is removed.
    Raises UserError if `root` holds anything else, or cannot be written, and as `recipe` does.
    """
    made = recipe(splits, seed, width, height)
    make_once(Path(root), made, MARKER, lambda folder: _write_splits(folder, made, workers))


def _write_splits(root: Path, made: dict[str, Any], workers: int) -> None:
    (root / "annotations").mkdir()
    if workers > 1:
        # Fresh processes: a fork of a process that has used threads (torch, OpenCV) may hang.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start_worker) as pool:
            for name in made["splits"]:
                _write_split(root, name, made, pool)
    else:
        for name in made["splits"]:
            _write_split(root, name, made, None)
