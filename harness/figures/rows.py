"""What a figure is drawn of: a row that was run, with its weights, protocol and data, or a registered network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.data.sets import DataRef
from harness.errors import UserError, unknown
from harness.kinds import SYSTEMS
from harness.layout import Layout, load_layout
from harness.protocol import Protocol, make_protocol
from harness.record import open_record, usable_rows
from harness.registry import ModelSpec, build_model, model_spec, names

if TYPE_CHECKING:
    from torch import nn

    from harness.data.types import Split
    from harness.explain.rescoring import Evidence


CLASSIFIERS = "classification"
"""Kind of the records of image classifiers; their `model` is the pose network whose backbone theirs is."""
INITIAL = "initial weights, not trained"


@dataclass(frozen=True)
class Centre:
    """The centred square of an image that a classifier sees."""

    size: int = 224
    """Pixels of the input (paper, supplementary section 1)."""
    share: float = 0.9
    """Of the image's shorter side (`crop_pct` of `tcformer.registry`)."""


@dataclass(frozen=True)
class Row:
    """A network with the protocol it is run under."""

    title: str
    spec: ModelSpec
    protocol: Protocol
    layout: Layout
    weights: Path | None
    """None for initial weights of seed 0."""
    said: str
    """Which weights these are, in a few words for the picture."""
    folder: Path | None = None
    """Where the record lies; None for a registered network."""
    record: dict[str, Any] | None = None
    centre: Centre = Centre()
    """As a classifier sees an image: the row's own where it is one, the paper's for a pose network."""

    @property
    def classifies(self) -> bool:
        """Whether it is an image classifier, of which only the backbone is looked at."""
        return self.record is not None and self.record.get("kind") == CLASSIFIERS

    def untrained(self) -> Row:
        """The same network under the same protocol, with initial weights: what training is to be held against.

        Raises UserError where it has these already.
        """
        if self.weights is None:
            raise UserError(f"--initial: {self.title} has initial weights already")
        return replace(self, title=self.spec.name, weights=None, said=INITIAL, folder=None, record=None)

    def network(self, device: str) -> nn.Module:
        """The network with its weights, in evaluation mode. Raises UserError for weights that do not fit, and for a
        classifier, which has no key points."""
        if self.classifies:
            raise UserError(f"{self.title} is a classifier, which sees no people: only `harness figure tokens --task "
                            "classification` draws it")
        import torch

        from harness.weights import load_weights

        if self.weights is None:
            torch.manual_seed(0)
        network = build_model(self.spec, self.layout.size)
        if self.weights is not None:
            load_weights(network, self.spec, self.weights)
        return network.to(device).eval()

    def data(self, root: str | None = None) -> Split:
        """The split that the row was evaluated on; `root` is where it lies now. Raises UserError where there is none.
        """
        if self.record is None:
            raise UserError(f"{self.title} is a network, no row that was run: it has no evaluation data "
                            "(name image files with --image)")
        if self.classifies:
            raise UserError(f"{self.title} is a classifier: its evaluation data have no annotated people (name image "
                            "files with --image)")
        data = self.record["data"]["eval"]
        return DataRef(data["dataset"], root or data["root"], data["split"], data.get("options", {}),
                       *data["range"]).open()

    def evidence(self, root: str | None = None) -> tuple[Evidence, Split, list[str]]:
        """The stored predictions, their data, and what must be said of them. Raises UserError as `data` does."""
        from harness.explain.subjects import evidence_of_record

        split = self.data(root)
        assert self.record is not None
        assert self.folder is not None
        evidence, notes = evidence_of_record(self.record, self.folder, Path(root) if root else None)
        if evidence is None:
            raise UserError("; ".join(notes))
        return evidence, split, notes


def open_row(name: str, results: Path, weights: Path | None = None, seed: int | None = None, profile: str | None = None
             ) -> Row:
    """A row's folder, the newest record of a row below `results`, or a network of the registry, in this order.

    `weights` are taken in place of the row's own; `seed` and `profile` are those of the record. Raises UserError for
    what is none of these, as `harness.record.open_record` does, and where the weights of a row are no longer there.
    """
    found = open_record(name, results, drawable, seed, profile)
    if found is not None:
        folder, record = found
        if not drawable(record):
            raise UserError(f"{name}: the record is of a failure, or of a network that was only measured: there is "
                            "nothing to draw")
        return of_record(folder, record, weights)
    if seed is not None or profile is not None:
        raise unknown("row", name, usable_rows(results, drawable),
                      f"(rows of {results}; --seed and --profile are theirs)")
    if name in names("models") or name.startswith("openmmlab:"):
        return of_network(name, weights)
    if Path(name).is_dir():
        raise UserError(f"{name}: the folder has no record.json (a failed or unfinished row has none)")
    raise unknown("row", name, [*usable_rows(results, drawable), *names("models")],
                  f"(rows of {results}, then registered networks)")


def drawable(record: dict[str, Any]) -> bool:
    """Whether a record is of a network with weights, rather than of a failure or of one that was only measured."""
    return record["status"] != "failed" and record.get("kind", SYSTEMS) in (SYSTEMS, CLASSIFIERS)


def of_record(folder: Path, record: dict[str, Any], weights: Path | None) -> Row:
    """A row that was run. Raises UserError where its weights are not there."""
    if weights is None:
        weights = run_weights(folder, record)
        said = "weights of the run"
    else:
        said = f"weights {weights.name}"
    model = record["model"]
    spec = model_spec(model["name"], model.get("args"))
    title = record.get("title") or record["row"]
    title = title if record["status"] != "stand-in" else f"{title}, stand-in {spec.name}"
    if record.get("kind") == CLASSIFIERS:
        crop, test = record["protocol"]["crop"], record["protocol"]["test"]
        return Row(f"{title}, classifier", spec, make_protocol({}, "the defaults"), load_layout("coco-wholebody"),
                   weights, said, folder, record, Centre(crop["width"], test["crop_share"]))
    return Row(title, spec, make_protocol(record["protocol"], str(folder)),
               load_layout(record["data"]["eval"]["layout"]), weights, said, folder, record)


def run_weights(folder: Path, record: dict[str, Any]) -> Path:
    """The weights of a run where its record says, or, for a results folder that was moved, below it."""
    stated = Path(record["weights"]["file"])
    moved = folder.resolve().parents[2] / "trainings" / stated.parent.name / stated.name
    for path in (stated, moved):
        if path.is_file():
            return path
    raise UserError(f"the weights of {folder.name} are no longer at {stated} (nor {moved}); --weights FILE")


def of_network(name: str, weights: Path | None) -> Row:
    """A registered network, under the protocol of its weights file, or the default one."""
    if weights is None:
        spec = model_spec(name)
        return Row(spec.name, spec, make_protocol({}, "the defaults"), load_layout("coco-wholebody"), None,
                   INITIAL)
    from harness.weights import read_checkpoint

    meta = read_checkpoint(weights).get("meta")
    meta = meta if isinstance(meta, dict) else {}
    spec = model_spec(name, meta.get("model_args") if name == meta.get("model") else None)
    return Row(spec.name, spec, make_protocol(meta.get("protocol", {}), str(weights)),
               load_layout(meta.get("layout", "coco-wholebody")), weights, f"weights {weights.name}")
