"""A file of weights, of whatever project, under the keys of a network here: what was used, what was not, and why."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from harness.errors import UserError
from harness.files import atomic_write
from harness.layout import load_layout
from harness.registry import ModelSpec, build_model, model_spec, names
from harness.weights import BACKBONE, FORMAT, convert, misfits, read_checkpoint, refuse, state_dict_of
from harness.zoo import container, forms
from harness.zoo.forms import Form, recognise
from harness.zoo.known import KnownFile, checked_hash, known_as

LAYOUTS = ("coco-wholebody", "lsp")
"""Layouts that a network's number of heat maps may tell of."""
DIGITS = 8
"""Of a file's SHA-256 in the name of its import."""
HEAD = "head."
"""Beginning of the keys of a TCFormer classifier's last layer."""


@dataclass(frozen=True)
class Imported:
    """Weights that fit a network of this project, and what became of the file's tensors."""

    path: Path
    sha256: str
    form: Form
    spec: ModelSpec
    known: KnownFile | None
    state: dict[str, Tensor]
    meta: dict[str, Any]
    used: int
    dropped: dict[str, tuple[str, ...]]
    """Why -> the file's keys that are not used."""
    made: tuple[str, ...]
    """Keys that the file lacks and that are not learned: a batch norm's counter of steps, set to 0."""
    missing: tuple[str, ...]
    """The network's keys that stay at their initial values: neck and head, where the file is a backbone."""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether the file already is what an import would write."""
        return self.form.id == forms.OWN and self.path.suffix == container.SUFFIX


def read(path: Path, name: str | None = None) -> Imported:
    """Read a file of weights for the network of that name; without one for the network that the file says it is for, or
    is known for.

    Raises UserError, naming file and network, for an unknown network, a file that is not what its name says, that
    cannot be read, that is of a form this project does not know or another network's, and for tensors that do not fit.
    """
    if name is not None:
        model_spec(name)
    if not path.is_file():
        raise UserError(f"weights file {path} not found")
    sha256 = checked_hash(path)
    data = read_checkpoint(path)
    state = state_dict_of(data, path)
    own = _own_meta(data)
    known = known_as(path, own.get("source") if own else None)
    name = name or (own or {}).get("model") or (known.model if known else None)
    if name is None:
        raise UserError(f"weights file {path} does not say which network it is for: --model NAME (choices: "
                        f"{', '.join(names('models'))})")
    if own is not None and own.get("model") not in (None, name):
        raise UserError(f"weights file {path} is of model {own['model']}, not of {name}")
    spec = model_spec(name, (own or {}).get("model_args"))
    form = _own_form(own, state) if own is not None else _form(path, state, spec, known)
    whole, layout, size = _network(form, state, spec, own, path)
    try:
        converted = dict(state) if own is not None else _converted(state, spec, form, set(whole))
    except (KeyError, ValueError) as error:
        raise UserError(f"weights file {path} does not fit {name}: {error}{_of(known, name)}") from error
    _check(converted, whole, form, spec, path, known)
    given = {id(value): key for key, value in state.items()}
    kept = {given[id(value)] for value in converted.values() if id(value) in given}
    dropped: dict[str, list[str]] = {}
    for key in sorted(set(state) - kept):
        dropped.setdefault(forms.why_dropped(key), []).append(key)
    facts = forms.facts_of(data) if own is None else {}
    found = Imported(
        path, sha256, form, spec, known, converted, {}, len(kept), {why: tuple(keys) for why, keys in dropped.items()},
        tuple(sorted(key for key, value in converted.items() if id(value) not in given)),
        tuple(sorted(set(whole) - set(converted))) if form.gives == forms.BACKBONE else (), facts)
    found.meta.update(_meta(found, own, layout, size))
    return found


def file_name(found: Imported) -> str:
    """What to call an import: as its file, or, where a training of this project left it under a name that all trainings
    use, by network and content (with no hyphen: after one, a file's own hash would be expected)."""
    trained = found.form.id == forms.OWN and not found.ready
    stem = f"{found.spec.name}_{found.sha256[:DIGITS]}" if trained else found.path.stem
    return stem + container.SUFFIX


def write(found: Imported, out: Path) -> None:
    """Write the weights in this project's form, whole or not at all; what is in that form already is copied as it is,
    so that equal weights keep one hash."""
    if found.ready:
        with found.path.open("rb") as source, atomic_write(out) as target:
            shutil.copyfileobj(source, target)
    else:
        container.write(out, found.state, found.meta)


def _own_meta(data: dict[str, Any]) -> dict[str, Any] | None:
    if data.get("format") != FORMAT:
        return None
    meta = data.get("meta")
    return meta if isinstance(meta, dict) else {}


def _own_form(meta: dict[str, Any], state: dict[str, Tensor]) -> Form:
    if meta.get("kind") == "classification":
        return forms.OWN_CLASSIFIER
    return forms.OWN_BACKBONE if all(key.startswith(BACKBONE) for key in state) else forms.OWN_POSE


def _form(path: Path, state: dict[str, Tensor], spec: ModelSpec, known: KnownFile | None) -> Form:
    form = recognise(state)
    if form is not None and spec.weights in form.takes:
        if form.gives == forms.CLASSIFIER and not any(key.startswith(HEAD) for key in state):
            return Form(form.id, form.title, form.project, forms.BACKBONE, form.needs, form.takes)
        return form
    if spec.weights == "plain":
        return forms.BARE
    if form is None:
        raise UserError(f"weights file {path} is of no form known here: its keys begin with "
                        f"{', '.join(list(state)[:3])}. {spec.name} takes {_takes(spec)}{_of(known, spec.name)}")
    raise UserError(f"weights file {path} is {form.title}; {spec.name} takes {_takes(spec)}{_of(known, spec.name)}")


def _takes(spec: ModelSpec) -> str:
    return "; ".join(form.title for form in forms.FORMS if spec.weights in form.takes) or "weights of its own"


def _of(known: KnownFile | None, name: str) -> str:
    """What is known of a file that does not fit, for the end of an error."""
    if known is None or known.model == name:
        return ""
    return f" (published as weights of {known.model or 'a system that is not run here'})"


def _network(form: Form, state: dict[str, Tensor], spec: ModelSpec, own: dict[str, Any] | None, path: Path
             ) -> tuple[dict[str, Tensor], str | None, int]:
    """The state of the network that the file is for, its layout, and the number of its heat maps or classes."""
    if form.gives != forms.POSE:
        layout = LAYOUTS[0]
        pose = build_model(spec, load_layout(layout).size).state_dict()
        if form.gives == forms.BACKBONE:
            return pose, None, 0
        body = {key.removeprefix(BACKBONE): value for key, value in pose.items() if key.startswith(BACKBONE)}
        head = {key: value for key, value in state.items() if key.startswith(HEAD)}
        return {**body, **head}, None, len(next(iter(head.values()))) if head else 0
    last = [value for key, value in state.items() if key.endswith("final_layer.weight") and value.ndim == 4]
    size = len(last[0]) if last else load_layout(LAYOUTS[0]).size
    layout_name = (own or {}).get("layout") or next((n for n in LAYOUTS if load_layout(n).size == size), None)
    if layout_name is None:
        known = ", ".join(f"{name} {load_layout(name).size}" for name in LAYOUTS)
        raise UserError(f"weights file {path} has heat maps of {size} key points, which no layout here has ({known}); "
                        "--init ROW=FILE starts a training from its backbone as it is")
    return build_model(spec, size).state_dict(), layout_name, size


def _converted(state: dict[str, Tensor], spec: ModelSpec, form: Form, own: set[str]) -> dict[str, Tensor]:
    found = convert(state, spec, own)
    if form.gives == forms.BACKBONE:
        return {key if key.startswith(BACKBONE) else BACKBONE + key: value for key, value in found.items()}
    return found


def _check(state: dict[str, Tensor], whole: dict[str, Tensor], form: Form, spec: ModelSpec, path: Path,
           known: KnownFile | None) -> None:
    needed = {key for key in whole if key.startswith(BACKBONE)} if form.gives == forms.BACKBONE else set(whole)
    try:
        refuse(misfits(state, whole, needed), spec, path)
    except UserError as error:
        raise UserError(f"{error}{_of(known, spec.name)}") from None


def _meta(found: Imported, own: dict[str, Any] | None, layout: str | None, size: int) -> dict[str, Any]:
    """What is written beside the tensors: what `harness predict` needs, and where they come from."""
    if own is not None:
        origin = {**own.get("source", {})} or {"file": found.path.name, "sha256": found.sha256, "form": forms.OWN}
        return {**own, "model": found.spec.name, "source": origin}
    meta: dict[str, Any] = {"model": found.spec.name}
    if found.form.gives == forms.CLASSIFIER:
        meta |= {"kind": "classification", "classes": size}
    elif found.form.gives == forms.POSE:
        meta["layout"] = layout
    known = found.known
    if known is not None:
        meta["title"] = known.results[0].method if known.expected else found.spec.title
        if found.form.gives == forms.POSE and known.expected:
            meta["protocol"] = _protocol(known)
    meta["source"] = {
        "file": found.path.name, "sha256": found.sha256, "form": found.form.id,
        "project": known.project if known else found.form.project, **found.facts,
        **({"licence": known.licence, "expected": list(known.expected)} if known else {}),
        "used": found.used, "dropped": {why: len(keys) for why, keys in found.dropped.items()},
        "set_to_zero": len(found.made)}
    return meta


def _protocol(known: KnownFile) -> dict[str, Any]:
    """Input size and test settings under which a known file was published."""
    result = known.results[0]
    nested: dict[str, Any] = {}
    for dotted, value in result.protocol.items():
        section, name = dotted.split(".", 1)
        nested.setdefault(section, {})[name] = value
    if result.input:
        nested.setdefault("crop", {}).update(height=result.input[0], width=result.input[1])
    return nested


