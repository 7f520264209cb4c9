"""Labelled folders of images by name: where they are, whether they are whole, and what identifies them.

Nothing heavy is imported, so that planning stays quick.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.classification.labels import label_file
from harness.data.sets import cached
from harness.errors import UserError, unknown
from harness.files import digest, sha256_file
from harness.registry import load_attribute, names, spec_data

KIND = "classification"
"""The `kind` of these data sets, in the files of `harness/specs/datasets`."""


@dataclass(frozen=True)
class PictureSet:
    """What `harness/specs/datasets/*.yaml` say of a data set of this kind."""

    name: str
    title: str
    train: str
    """Folder of the training images, with one folder a class."""
    evaluate: str
    classes: int | None = None
    """How many there must be; None for as many as there are folders."""
    images: dict[str, int] = field(default_factory=dict)
    """How many images a split has when it is whole; empty where it may have any number."""
    synsets: bool = False
    """The classes are ImageNet-1K's, by the names of their WordNet synsets."""
    maker: str | None = None
    """"module:attribute" of `(options, root) -> None`: the project makes these images itself."""
    recipe: str | None = None
    """"module:attribute" of `(options) -> dict`: what made images depend on."""
    options: dict[str, Any] = field(default_factory=dict)
    sheet: str | None = None
    """"module:attribute" of `(path, seed)`, which draws examples."""
    needs: str = ""
    source: str = ""
    kind: str = KIND


def picture_set(name: str, options: dict[str, Any] | None = None) -> PictureSet:
    """The data set of that name; `options` change its own. Raises UserError for one that is not there or not such."""
    data = spec_data("datasets", name)
    if data.get("kind") != KIND:
        fitting = [n for n in names("datasets") if spec_data("datasets", n).get("kind") == KIND]
        raise UserError(f"data set {name} has no classes of images (choices: {', '.join(fitting)})")
    try:
        found = PictureSet(**data)
    except TypeError as error:
        raise UserError(f"data set '{name}': {str(error).replace('PictureSet.__init__() ', '')}") from error
    for key in options or {}:
        if key not in found.options:
            raise unknown(f"option of data set {name}", key, found.options)
    return replace(found, options={**found.options, **(options or {})})


@dataclass(frozen=True)
class PictureRef:
    """One split of one data set at one place: all that a job needs to read it."""

    dataset: str
    root: str
    split: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> PictureSet:
        """The data set's description."""
        return picture_set(self.dataset, self.options)

    @property
    def title(self) -> str:
        """For tables: "imagenet-1k/val"."""
        return f"{self.dataset}/{self.split}"

    @property
    def folder(self) -> Path:
        """The split's folder."""
        return Path(self.root) / self.split

    def make(self) -> None:
        """Make the images where the project makes them itself and they are not there yet."""
        spec = self.spec
        if spec.maker is not None:
            load_attribute(spec.maker)(spec.options, Path(self.root))

    def class_names(self) -> tuple[str, ...]:
        """The names of the class folders, sorted: the index of a class is its place. Empty for a flat folder.

        Raises UserError naming what is missing: the folder, its classes, or the labels of a flat folder.
        """
        spec = self.spec
        if not Path(self.root).is_dir():
            raise UserError(f"data set {self.dataset}: folder {self.root} does not exist (--data-root). {spec.needs}")
        if not self.folder.is_dir():
            raise UserError(f"data set {self.dataset}: {self.folder} not found. {spec.needs}")
        with os.scandir(self.folder) as entries:
            found = tuple(sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")))
        if not found:
            if self.split != spec.evaluate or not spec.synsets:
                raise UserError(f"data set {self.dataset}: {self.folder} has no class folders. {spec.needs}")
            label_file(Path(self.root), self.folder)
            return ()
        if spec.classes is not None and len(found) != spec.classes:
            raise UserError(f"data set {self.dataset}: {self.folder} has {len(found)} class folders ({found[0]} ... "
                            f"{found[-1]}), not {spec.classes}. {spec.needs}")
        return found

    def fingerprint(self, cache: Path | None = None) -> str:
        """What identifies the images: names and sizes of all files; for made images, their recipe.

        `cache` remembers it until a folder changes: a million files take a while to look at.
        """
        spec = self.spec
        if spec.recipe is not None:
            return digest({"recipe": load_attribute(spec.recipe)(spec.options), "split": self.split})
        classes = self.class_names()
        labels = {} if classes else {"labels": sha256_file(label_file(Path(self.root), self.folder))}
        folders = [self.folder / name for name in classes] or [self.folder]
        stamp = digest([[folder.name, folder.stat().st_mtime_ns] for folder in folders])
        listing = cached(self.folder, picture_listing_hash, cache, stamp)
        return digest({"files": listing, "split": self.split, **labels})


def picture_listing_hash(folder: Path) -> str:
    """SHA-256 over the names and sizes of a folder's files and of those in its class folders."""
    found = []
    for path, _, files in sorted(os.walk(folder, followlinks=True)):
        place = os.path.relpath(path, folder)
        found += [[place, name, os.stat(os.path.join(path, name)).st_size] for name in sorted(files)]
    return digest(found)


def same_classes(train: PictureRef, evaluate: PictureRef) -> None:
    """Raises UserError where two splits of class folders have different classes, naming some."""
    trained, tested = train.class_names(), evaluate.class_names()
    if tested and trained != tested:
        missing, more = sorted(set(trained) - set(tested)), sorted(set(tested) - set(trained))
        said = [f"{evaluate.folder} lacks {len(missing)} ({', '.join(missing[:3])})"] if missing else []
        said += [f"{train.folder} lacks {len(more)} ({', '.join(more[:3])})"] if more else []
        raise UserError(f"data set {evaluate.dataset}: the class folders differ: {'; '.join(said)}")
