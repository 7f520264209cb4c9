"""A row's weights to give away: safetensors with the record in its metadata, and a model card."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import UserError, unknown
from harness.files import sha256_file, write_text
from harness.holdings.finding import many
from harness.kinds import SYSTEMS, kind_of
from harness.layout import load_layout
from harness.record import open_record, usable_rows
from harness.registry import model_spec
from harness.shareable import shareable
from harness.zoo import container

if TYPE_CHECKING:
    from torch import Tensor

CARD = "README.md"


@dataclass(frozen=True)
class Exported:
    """What is to be written."""

    record: dict[str, Any]
    weights: Path
    out: Path

    @property
    def file(self) -> Path:
        """The weights' file."""
        return self.out / f"{self.record['row']}{container.SUFFIX}"

    @property
    def card(self) -> Path:
        """The model card."""
        return self.out / CARD


def prepare(row: str, results: Path, out: Path, force: bool) -> Exported:
    """What a row has to export, named as `harness.record.open_record` takes it.

    Raises UserError where there is no record, where its weights are gone or were changed since, and where `out` has
    such files already, unless forced.
    """
    named = open_record(row, results, has_weights)
    if named is None:
        raise unknown("row", row, usable_rows(results, has_weights),
                      f"(rows of {results}; or name a row's folder, RUNS/TABLE/PROFILE/ROW-KEY)")
    path, record = named[0] / "record.json", named[1]
    if not has_weights(record):
        raise UserError(f"{path} is of a row without weights ({record.get('status')})")
    if out.suffix == container.SUFFIX:
        raise UserError(f"--out {out}: expected a folder, in which the weights and their card are written")
    found = Exported(record, _weights(record["weights"], path), out)
    there = [str(one) for one in (found.file, found.card) if one.exists()]
    if there and not force:
        raise UserError(f"--out {out}: {', '.join(there)} is there already; --force writes over it")
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: expected a folder")
    return found


def has_weights(record: dict[str, Any]) -> bool:
    """Whether a record is of a network that was given or trained weights."""
    return "weights" in record


def _weights(given: dict[str, Any], path: Path) -> Path:
    """The record's weights file: in the results folder that the record is in, or where it was."""
    file = Path(given["file"])
    choices = [file]
    if "trainings" in file.parts and len(path.resolve().parents) > 3:
        choices.insert(0, path.resolve().parents[3].joinpath(*file.parts[file.parts.index("trainings"):]))
    for choice in choices:
        if choice.is_file():
            if sha256_file(choice) != given["sha256"]:
                raise UserError(f"{choice} is not the file that {path} was made with: it was changed since")
            return choice
    raise UserError(f"the weights of {path} are gone: looked for {', '.join(map(str, choices))}")


def write(found: Exported) -> None:
    """Write both files, the card last. Raises UserError where they cannot be written."""
    container.write(found.file, *contents(found))
    write_text(found.card, "\n".join(card(found)) + "\n")


def contents(found: Exported) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights under the network's own keys, whatever project's file the row was given, and what is known of them.

    Raises UserError where they do not fit the record's network.
    """
    from harness.zoo import importing

    record = found.record
    read = importing.read(found.weights, str(record["model"]["name"]))
    origin = {"sha256": record["weights"]["sha256"], **(record["weights"].get("source") or {}), "record": record["key"],
              "table": record["table"], "profile": record["profile"], "row": record["row"],
              "commit": record["code"].get("commit")}
    return read.state, {**read.meta, "source": origin, "record": shareable(record)}


def card(found: Exported) -> Iterator[str]:
    """The lines of the model card, in Markdown: what it is, what it reaches, how that was measured, how to use it."""
    record = found.record
    model, machine, code = record["model"], record["machine"], record["code"]
    yield f"# {record['title']}: {model.get('title', model['name'])}"
    yield ""
    if record["status"] == "stand-in":
        yield ("**A stand-in**: a small model, or other data, or another schedule than the published system's. Its "
               "numbers say nothing about that system.")
        yield ""
    yield f"- Network: `{model['name']}`, {model['parameters']:,} parameters, {model['gmacs']:.2f} GMACs a pass"
    yield f"- Row `{record['row']}` of table `{record['table']}`, profile `{record['profile']}`, seed {record['seed']}"
    yield f"- Trained on {_data(record['data'].get('train'))}; tested on {_data(record['data'].get('eval'))}"
    for note in record["notes"]:
        yield f"- {note}"
    yield f"- Measured on {machine['gpu'] or machine['processor']}, {record['created'][:10]}, by commit {_commit(code)}"
    yield ""
    yield from _figures(record)
    yield ""
    yield "Protocol, by which the numbers above were measured:"
    yield ""
    for section, values in record["protocol"].items():
        yield f"- {section}: " + ", ".join(f"{name} {json.dumps(value)}" for name, value in values.items())
    yield ""
    yield "## Use"
    yield ""
    yield "```"
    yield (f"harness run {record['table']} --profile {record['profile']} --rows {record['row']} "
           f"--weights {record['row']}={found.file.name}")
    if kind_of(record).name == SYSTEMS:
        yield f"harness predict --weights {found.file.name} --images DIR"
    yield "```"
    yield ""
    if kind_of(record).name == SYSTEMS:
        yield from _alone(found)
        yield ""
    yield (f"The tensors are those of the network's `state_dict`; the metadata key `{container.KEY}` has the record as "
           f"JSON. SHA-256 of the file they were taken from: `{record['weights']['sha256']}`.")
    yield ""
    yield ("Licence: none is stated for these weights. The program is under MIT; the terms of the data that they were "
           "trained on apply.")


def _alone(found: Exported) -> Iterator[str]:
    """How to use the weights without the harness: its packages of networks do not need it."""
    model, crop = found.record["model"], found.record["protocol"]["crop"]
    spec = model_spec(model["name"], model.get("args"))
    module, _, builder = spec.builder.partition(":")
    points = load_layout(found.record["data"]["eval"]["layout"]).size
    arguments = ", ".join(f"{name}={value!r}" for name, value in {"num_keypoints": points, **spec.args}.items())
    yield "Without the harness:"
    yield ""
    yield "```python"
    yield "from safetensors.torch import load_file"
    yield f"from {module} import {builder}"
    yield ""
    yield f"model = {builder}({arguments}).eval()"
    yield f'model.load_state_dict(load_file("{found.file.name}"))'
    yield "```"
    yield ""
    yield (f"It maps (B, 3, {crop['height']}, {crop['width']}), RGB from 0 to 1 normalised by ImageNet's mean and "
           f"deviation, to heat maps (B, {points}, {crop['height'] // 4}, {crop['width'] // 4}).")


def _commit(code: dict[str, Any]) -> str:
    return f"{code.get('commit') or 'unknown'}{' (with changes)' if code.get('dirty') else ''}"


def _data(given: dict[str, Any] | None) -> str:
    if not given:
        return "nothing here: the weights were given"
    counts = [many(given[name], one, name) for name, one in (("images", "image"), ("people", "person"))
              if given.get(name) is not None]
    return f"{given['title']} ({', '.join(counts)})" if counts else str(given["title"])


def _figures(record: dict[str, Any]) -> Iterator[str]:
    """A table of the figures that have intervals."""
    parts = record["intervals"]["parts"]
    metrics = list(dict.fromkeys(metric for found in parts.values() for metric in found))
    level = record["intervals"].get("level", 0.95)
    yield "| | " + " | ".join(metrics) + " |"
    yield "| --- |" + " ---: |" * len(metrics)
    for part, found in parts.items():
        yield f"| {part} | " + " | ".join(_cell(record["metrics"]["parts"][part].get(metric), found.get(metric))
                                          for metric in metrics) + " |"
    yield ""
    yield f"Fractions; {level:.0%} intervals over images ({record['intervals'].get('method', 'resampled')})."


def _cell(value: float | None, interval: list[float] | None) -> str:
    if value is None:
        return "—"
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")
