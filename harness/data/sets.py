"""Data sets by name: where their files are, whether they are there, what identifies them, and opening a split.

Nothing heavy is imported here before a split is opened, so that planning stays quick.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError, unknown
from harness.files import digest, sha256_file, write_json
from harness.registry import load_attribute, spec_data

if TYPE_CHECKING:
    from harness.data.index import Index
    from harness.data.types import Split


@dataclass(frozen=True)
class DatasetSpec:
    """What `harness/specs/datasets/*.yaml` say of a data set."""

    name: str
    title: str
    layout: str
    reader: str
    """"module:attribute" of `(spec, root, split) -> Split`."""
    splits: dict[str, dict[str, Any]]
    evaluate: str
    train: str | None = None
    maker: str | None = None
    """"module:attribute" of `(spec, root) -> None`: the project makes this data itself."""
    options: dict[str, Any] = field(default_factory=dict)
    needs: str = ""
    source: str = ""
    boxes: str | None = None
    """The boxes to use where the data set has no detector's: overrides the protocol's default."""
    missing_parts: str = ""


def dataset_spec(name: str, options: dict[str, Any] | None = None) -> DatasetSpec:
    """The data set of that name; `options` change its own (only names that it has)."""
    data = spec_data("datasets", name)
    if "kind" in data:
        raise UserError(f"data set {name} is for {data['kind']}: it has no people with key points")
    try:
        spec = DatasetSpec(**data)
    except TypeError as error:
        raise UserError(f"data set '{name}': {str(error).replace('DatasetSpec.__init__() ', '')}") from error
    for key in options or {}:
        if key not in spec.options:
            raise unknown(f"option of data set {name}", key, spec.options)
    return replace(spec, options={**spec.options, **(options or {})})


@dataclass(frozen=True)
class DataRef:
    """One split of one data set at one place: all that a job needs to open it."""

    dataset: str
    root: str
    split: str
    options: dict[str, Any] = field(default_factory=dict)
    first: int = 0
    """Images first:last of the split, in the order of their ids; last None means all."""
    last: int | None = None

    @property
    def spec(self) -> DatasetSpec:
        """The data set's description."""
        return dataset_spec(self.dataset, self.options)

    @property
    def title(self) -> str:
        """For tables: "lsp/test", "coco-wholebody/val[0:100]"."""
        whole = self.first == 0 and self.last is None
        cut = "" if whole else f"[{self.first}:{'' if self.last is None else self.last}]"
        return f"{self.dataset}/{self.split}{cut}"

    def files(self) -> tuple[list[Path], list[Path]]:
        """Annotation files and image folders, checked to be there.

        Raises UserError naming the first file that was looked for and is missing.
        """
        spec, root = self.spec, Path(self.root)
        if spec.maker is None and not root.is_dir():
            raise UserError(f"data set {self.dataset}: folder {root} does not exist (--data-root). {spec.needs}")
        if self.split not in spec.splits:
            raise unknown(f"split of data set {self.dataset}", self.split, spec.splits)
        entry = spec.splits[self.split]
        if "annotations" not in entry:
            return [root / "joints.mat"], [root / "images"]
        annotations = first_existing(root, entry["annotations"])
        if annotations is None:
            raise UserError(f"data set {self.dataset}: {root / entry['annotations'][0]} not found. {spec.needs}")
        images = root / entry["images"]
        if not images.is_dir():
            raise UserError(f"data set {self.dataset}: image folder {images} not found. {spec.needs}")
        detections = first_existing(root, entry.get("detections", []))
        return [annotations, *([detections] if detections else [])], [images]

    def fingerprint(self, cache: Path | None = None) -> str:
        """What identifies the data: annotation hashes, image names and sizes; for made data, its recipe."""
        spec = self.spec
        if spec.maker is not None:
            recipe = load_attribute("harness.data.sets:synthetic_recipe")(spec)
            return digest({"recipe": recipe, "split": self.split, "range": [self.first, self.last]})
        annotations, folders = self.files()
        for path in annotations:
            if not path.is_file():
                raise UserError(f"data set {self.dataset}: {path} not found. {spec.needs}")
        content = {
            "annotations": {p.name: cached(p, sha256_file, cache) for p in annotations},
            "images": {p.name: cached(p, folder_listing_hash, cache) for p in folders},
            "split": spec.splits[self.split], "range": [self.first, self.last],
        }
        return digest(content)

    def open(self) -> Split:
        """Open the split, making the data first where the project makes it itself."""
        spec = self.spec
        if spec.maker is not None:
            load_attribute(spec.maker)(spec, Path(self.root))
        return cut_split(load_attribute(spec.reader)(spec, Path(self.root), self.split), self.first, self.last)


def first_existing(root: Path, candidates: list[str]) -> Path | None:
    """The first of the relative paths that is a file under `root`."""
    return next((root / c for c in candidates if (root / c).is_file()), None)


def has_split(spec: DatasetSpec, root: Path, split: str | None) -> bool:
    """Whether a data set has a split's annotations on this machine (made data always has)."""
    if split is None or split not in spec.splits:
        return False
    annotations = spec.splits[split].get("annotations")
    return spec.maker is not None or annotations is None or first_existing(root, annotations) is not None


def parse_split(text: str, default: str) -> tuple[str, int, int | None]:
    """Read `--eval-split`: NAME, FIRST:LAST or NAME[FIRST:LAST] (image indices, last exclusive)."""
    match = re.fullmatch(r"(?:(?P<name>[\w-]+)(?:\[(?P<in>\d*:\d*)\])?)|(?P<bare>\d*:\d*)", text)
    if match is None:
        raise UserError(f"--eval-split {text}: expected NAME, FIRST:LAST or NAME[FIRST:LAST]")
    bounds = match["in"] or match["bare"] or ":"
    first, last = bounds.split(":")
    low, high = int(first or 0), int(last) if last else None
    if high is not None and high <= low:
        raise UserError(f"--eval-split {text}: the range is empty")
    return match["name"] or default, low, high


def cached(path: Path, compute: Callable[[Path], str], cache: Path | None, also: str = "") -> str:
    """`compute(path)`, remembered in the JSON file `cache` until the path's size or time, or `also`, changes."""
    if cache is None:
        return compute(path)
    stat = path.stat()
    key, stamp = f"{compute.__name__}:{path.resolve()}", [stat.st_size, stat.st_mtime_ns, *([also] if also else [])]
    try:
        known = json.loads(cache.read_text())
    except (OSError, ValueError):
        known = {}
    if known.get(key, [None])[0] == stamp:
        return known[key][1]
    value = compute(path)
    with contextlib.suppress(UserError):  # a cache that cannot be written costs time, nothing else
        write_json(cache, {**known, key: [stamp, value]})
    return value


def folder_listing_hash(folder: Path) -> str:
    """SHA-256 over the names and sizes of a folder's files."""
    import os

    with os.scandir(folder) as entries:
        return digest(sorted([e.name, e.stat().st_size] for e in entries if e.is_file()))


def cut_split(split: Split, first: int, last: int | None) -> Split:
    """Images first:last of a split with their people and boxes."""
    if first == 0 and last is None:
        return split
    import numpy as np

    from harness.data.types import Images

    images = Images(split.images.id[first:last], split.images.path[first:last], split.images.size[first:last])
    if len(images) == 0:
        raise UserError(f"--eval-split {first}:{last} leaves no image of the {len(split.images)} of {split.name}")

    def rows(table: Any) -> Any:
        keep = np.isin(table.image_id, images.id)
        return replace(table, **{field.name: getattr(table, field.name)[keep] for field in fields(table)})

    detections = None if split.detections is None else rows(split.detections)
    return replace(split, images=images, people=rows(split.people), detections=detections)


def read_coco(spec: DatasetSpec, root: Path, split: str) -> Split:
    """Reader of data sets in COCO-WholeBody's own form: from the split's index, which a large file gets here."""
    from harness.data.index import FROM_BYTES, NoRoom, open_index
    from harness.layout import load_layout

    index, parse, images = coco_index(spec, root, split)
    path = index.path()
    if path is None and index.sources[0].stat().st_size >= FROM_BYTES:
        try:
            path = index.make(parse, images)
        except NoRoom as error:
            print(f"harness: note: {error}; {index.sources[0]} is read whole instead", file=sys.stderr)
    if path is None:
        return parse()
    return open_index(path, images, load_layout(spec.layout), spec.name, split)


def coco_index(spec: DatasetSpec, root: Path, split: str) -> tuple[Index, Callable[[], Split], Path]:
    """The index of a split in COCO-WholeBody's form, what parses the split, and the folder of its images.

    Raises UserError naming the first file that is missing.
    """
    from harness.data.coco import read_coco_split
    from harness.data.index import Index
    from harness.layout import load_layout

    sources, (images,) = DataRef(spec.name, str(root), split, spec.options).files()
    detections = sources[1] if len(sources) > 1 else None

    def parse() -> Split:
        return read_coco_split(sources[0], images, load_layout(spec.layout), spec.name, split, detections)

    return Index(root, split, spec.layout, sources), parse, images


def read_lsp(spec: DatasetSpec, root: Path, split: str) -> Split:
    """Reader of the Leeds Sports Pose layout."""
    from harness.data.lsp import read_lsp_split

    entry = spec.splits[split]
    return read_lsp_split(root, entry["start"], entry["stop"], split)


def synthetic_recipe(spec: DatasetSpec) -> dict[str, Any]:
    """What the drawn people depend on; equal recipes give equal files."""
    text = (Path(__file__).parent / "synthetic" / "__init__.py").read_text()
    version = re.search(r"^GENERATOR_VERSION\s*=\s*(\d+)", text, re.MULTILINE)  # without importing OpenCV
    assert version is not None
    return {"generator": int(version[1]), **spec.options}


DRAWERS = 8
"""Most processes that draw at once."""


def make_synthetic(spec: DatasetSpec, root: Path) -> None:
    """Draw the synthetic people under `root`, once, a process a core; the result is the same for any number."""
    from harness.data.synthetic import write_synthetic

    options = spec.options
    splits = {"train": options["train"], "val": options["val"]}
    # A process takes about a second to start, a picture a hundredth.
    workers = min(len(os.sched_getaffinity(0)), DRAWERS, 1 + sum(splits.values()) // 500)
    write_synthetic(root, splits, options["seed"], options["width"], options["height"], workers)
