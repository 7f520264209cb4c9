"""What two records would have to share for their figures to be held against each other, and what differs, in words.

A setting that scores depend on must be the same on both sides. Code, weights, network and machine may differ: what they
do to the scores is what is being asked. Times and memory are the other way round: the machine must be the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.errors import UserError
from harness.explain.settings import say, title_of
from harness.explain.subjects import record_settings

Record = Mapping[str, Any]

CONDITIONS = ("seed", "model", "weights", "weights.init", "test.batch_size", "test.noise_repeats")
"""Settings that may differ between the sides: what is compared, or without an effect on the scores. The initial weights
count by their content, not by where they lay."""
CONDITION_GROUPS = ("machine.", "code.")
OF_TRAINING = ("train.", "augment.", "target.")
"""Compared where both sides trained; weights that were given have no training of their own here."""
OF_DATA = ("data.dataset", "data.split", "data.range", "data.images", "data.people", "data.annotations",
           "data.fingerprint")
"""From the broadest on: of what differs, the first is said."""


def score_differences(base: Record, candidate: Record) -> list[str]:
    """Settings on which scores depend and in which two records differ, one phrase each.

    Raises UserError for a record that does not state its settings.
    """
    a, b = settings_of(base), settings_of(candidate)
    differing = [name for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name) and _material(name, a, b)]
    data = [name for name in OF_DATA if name in differing][:1]
    return [f"{title_of(name)}: {_value(name, a)}, then {_value(name, b)}"
            for name in data + [name for name in differing if name not in OF_DATA]]


def settings_of(record: Record) -> dict[str, Any]:
    """A record's settings by dotted name; files that enter a run count by their content."""
    try:
        settings = record_settings(record)
        hashes = record["hashes"]
        if hashes.get("boxes"):
            settings["test.boxes"] = f"file {hashes['boxes'][:12]}"
        if record["data"].get("train"):
            settings["train.data_content"] = (hashes.get("train") or "")[:12]
            settings["train.initial_weights"] = (hashes.get("init") or "none")[:12]
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the record of row {record.get('row')}, made {record.get('created')}, does not state its "
                        f"settings: {error} is missing; it is damaged or older than this version reads") from error
    return settings


def is_material(name: str) -> bool:
    """Whether scores depend on a setting, and it is none that is being asked about."""
    return name not in CONDITIONS and not name.startswith(CONDITION_GROUPS)


def _material(name: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    if not is_material(name):
        return False
    return not name.startswith(OF_TRAINING) or (name in a and name in b)


def _value(name: str, settings: Mapping[str, Any]) -> str:
    return say(name, settings[name]) if name in settings else "not stated"


def trained_here(record: Record) -> bool:
    """Whether the run trained the network, rather than testing weights it was given."""
    return record["data"].get("train") is not None


def machine_differences(base: Record, candidate: Record, device: str, threads: tuple[Any, Any] | None = None
                        ) -> list[str]:
    """What differs between two machines (see `harness.hardware.machine`) and moves times and memory on a device."""
    return list(_machine_differences(base, candidate, device, threads))


def _machine_differences(base: Record, candidate: Record, device: str, threads: tuple[Any, Any] | None
                         ) -> Iterator[str]:
    names = ("processor", "gpu", "gpus") if device == "cuda" else ("processor", "cores")
    for name in names:
        if base.get(name) != candidate.get(name):
            yield f"{name}: {base.get(name) or 'unknown'}, then {candidate.get(name) or 'unknown'}"
    before, after = threads or (base.get("threads"), candidate.get("threads"))
    if device == "cpu" and before != after:
        yield f"threads: {before}, then {after}"
