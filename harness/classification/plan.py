"""A row of a table of classifiers -> its job. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness.classification.pictures import PictureRef, picture_set, same_classes
from harness.classification.protocol import VERSION, Recipe
from harness.errors import UserError, unknown
from harness.files import digest, sha256_file
from harness.holdings.places import Place, pointing_to
from harness.plan import YOUNGER_MEANS, Options, deviations, keyed
from harness.protocol import checked, merge, parse_setting
from harness.registry import model_spec
from harness.roots import root_of
from harness.task import Task

KIND = "classification"
MEANINGLESS = ("boxes", "eval_data", "eval_data_root", "eval_split")
"""Options of a run that mean nothing where whole images are told apart."""


@dataclass(frozen=True)
class ClassificationJob(Task):
    """One classifier to train and to test. `model` is the pose network whose backbone it has."""

    classifier: dict[str, Any]
    """`builder` and `args` of the network, and the name of its `head`."""
    protocol: dict[str, Any]
    protocol_name: str
    train: PictureRef | None
    evaluate: PictureRef
    seed: int
    weights: str | None
    init: str | None
    test_noise: dict[str, Any]
    """Arguments that switch on the noise which the published network draws at test time; none for most."""

    def work(self, seeds: bool = False) -> str:
        """What it is trained and tested on."""
        train = "weights given" if self.weights else f"train on {self.train.title if self.train else '-'}"
        seed = f", seed {self.seed}" if seeds else ""
        return f"classify: {train} by protocol {self.protocol_name}{seed}, test on {self.evaluate.title}"

    @property
    def evaluated_on(self) -> dict[str, Any]:
        """The test images' data set and split."""
        return {"dataset": self.evaluate.dataset, "split": self.evaluate.split, "range": [0, None]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        train = PictureRef(**data["train"]) if data["train"] else None
        return super().from_json({**data, "train": train, "evaluate": PictureRef(**data["evaluate"])})


def classification_job(table: dict, profile: dict, row: dict, options: Options, results: Path, device: str, seed: int
                       ) -> ClassificationJob:
    """The job of a row. Raises UserError for data that are not there and for options without a meaning."""
    refuse(table, options)
    stand_in = (row.get("stand_ins") or {}).get(profile["name"])
    entry = stand_in or row
    spec = model_spec(entry["model"])
    classifier = entry["classifier"]
    weights, init = options.weights.get(row["id"]), options.init.get(row["id"])
    evaluate, train = _data(table, profile, options, results, weights is not None)
    recipe = recipe_of(table, profile, row, stand_in, options.settings)
    published = recipe_of(table, None, row, None, ())
    values = recipe.model_dump(mode="json")
    own_data = evaluate.dataset == table["dataset"] and (train is None or train.dataset == table["dataset"])
    faithful = stand_in is None and profile.get("reproduces", False) and own_data
    cache = results / ".cache" / "hashes.json"
    hashes: dict[str, Any] = {
        "evaluate": evaluate.fingerprint(cache), "train": train.fingerprint(cache) if train else None,
        "weights": sha256_file(Path(weights)) if weights else None, "init": sha256_file(Path(init)) if init else None}
    counted = keyed(values, YOUNGER_MEANS)
    training: dict[str, Any] = {
        "kind": KIND, "classifier": classifier, "protocol": {k: v for k, v in counted.items() if k != "test"},
        "data": hashes["train"], "init": hashes["init"], "seed": seed, "device": device, "version": VERSION}
    if recipe.train.evaluate_every:  # the best epoch is then chosen on the test images
        training["chosen_on"] = [hashes["evaluate"], {k: v for k, v in values["test"].items() if k != "noise_repeats"}]
    content = {**training, "row": row["id"], "protocol": counted, "evaluate": hashes["evaluate"],
               "weights": hashes["weights"]}
    return ClassificationJob(
        kind=KIND, table=table["name"], profile=profile["name"], row=row["id"], title=row["title"],
        status="measured" if faithful else "stand-in", model=entry["model"], device=device,
        notes=tuple(deviations(published.model_dump(mode="json"), values)), hashes=hashes, key=digest(content),
        train_key=digest(training) if train else None,
        expected=entry.get("expected") or {}, classifier=classifier, protocol=values,
        protocol_name=row["protocol"], train=train, evaluate=evaluate, seed=seed, weights=weights, init=init,
        test_noise=spec.test_noise)


def recipe_of(table: Mapping[str, Any], profile: Mapping[str, Any] | None, row: Mapping[str, Any],
              stand_in: Mapping[str, Any] | None, settings: tuple[str, ...]) -> Recipe:
    """The protocol of a row: the one it names, its own settings, the profile's, its stand-in's, and `--set`.

    Raises UserError for a protocol that the table has not, and for settings that are not right.
    """
    named = table["protocols"]
    if row.get("protocol") not in named:
        raise unknown("protocol", str(row.get("protocol")), named, f"of row {row['id']}")
    layers = [named[row["protocol"]].get("settings") or {}, row.get("settings") or {},
              (profile or {}).get("protocol") or {}, (stand_in or {}).get("protocol") or {},
              *(parse_setting(text, Recipe) for text in settings)]
    origin = f"table {table['name']}, row {row['id']}" + (f", profile {profile['name']}" if profile else "")
    return checked(Recipe, merge(*layers), origin + (", --set" if settings else ""))


def refuse(table: Mapping[str, Any], options: Options) -> None:
    """Raises UserError for options that would be ignored."""
    given = ["--" + name.replace("_", "-") for name in MEANINGLESS if getattr(options, name) is not None]
    if given:
        raise UserError(f"{', '.join(given)}: without a meaning for {table['name']}, whose networks tell whole images "
                        "apart; --data and --data-root name another data set")


def _data(table: dict, profile: dict, options: Options, results: Path, evaluate_only: bool
          ) -> tuple[PictureRef, PictureRef | None]:
    """Which images to test and to train on; the latter are looked for only where there is a training."""
    name = options.data or profile.get("dataset") or table["dataset"]
    spec = picture_set(name, profile.get("data", {}) if name == profile.get("dataset") else {})
    root = root_of(spec, options.data_root, results)
    evaluate = PictureRef(name, str(root.resolve()), spec.evaluate, dict(spec.options))
    if spec.maker is None:
        with pointing_to(root, [Place((spec.evaluate,), folder=True)], "--data-root"):
            evaluate.class_names()
    if evaluate_only:
        return evaluate, None
    train = PictureRef(evaluate.dataset, evaluate.root, spec.train, evaluate.options)
    if spec.maker is None:
        same_classes(train, evaluate)
    return evaluate, train
