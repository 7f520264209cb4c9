"""What a row's records say about chance: the spread of its training seeds and that of repeated evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.published import PublishedRow
from harness.report.model import RowResult, repeats_of
from harness.report.verdicts import Noise
from harness.statistics import NO_NOISE, Spread, spread

Record = Mapping[str, Any]


def same_but_for_seed(record: Record, records: Iterable[Record]) -> tuple[Record, ...]:
    """The trainings among `records` that differ from a record in nothing but the seed, by seed, itself included.

    Network, protocol, data, initial weights, kind of device and code are equal. Of several records of one seed the
    newest counts. A record that was given its weights has no training of its own: only itself.
    """
    wanted = _content(record)
    found = {record.get("seed"): record}
    if _trained(record):
        for other in sorted(records, key=lambda r: str(r.get("created"))):
            if other.get("seed") != record.get("seed") and _trained(other) and _content(other) == wanted:
                found[other.get("seed")] = other
    return tuple(found[seed] for seed in sorted(found, key=lambda seed: (seed is None, seed)))


def _trained(record: Record) -> bool:
    return bool(record.get("metrics")) and (record.get("data") or {}).get("train") is not None


def _content(record: Record) -> tuple[Any, ...]:
    """Everything that a training and its numbers depend on, without the seed."""
    model, protocol = record.get("model") or {}, record.get("protocol") or {}
    test = {name: value for name, value in (protocol.get("test") or {}).items() if name != "noise_repeats"}
    return (record.get("row"), record.get("status"), model.get("name"), model.get("args"), {**protocol, "test": test},
            record.get("hashes"), record.get("device"), (record.get("code") or {}).get("hash"))


def training_spread(result: RowResult, part: str, metric: str) -> Spread | None:
    """The spread of a cell over the row's training seeds; None for fewer than two."""
    return spread(result.seed_values(part, metric))


def evaluation_spread(result: RowResult, part: str, metric: str) -> Spread | None:
    """The spread of a cell over repeated evaluations: `NO_NOISE` for networks that draw none, None if not known.

    Of several seeds all need repeats, or their values would not be under that noise.
    """
    noise = result.get("evaluation_noise")
    if noise is None:
        return None
    if not noise.get("options"):
        return NO_NOISE
    if not all(repeats_of(record, part, metric) for record in result.seeds):
        return None
    return spread(repeats_of(result.record or {}, part, metric))


def cell_noise(result: RowResult, part: str, metric: str, trained: bool, trainings: Sequence[PublishedRow]) -> Noise:
    """What is known of a cell's spreads.

    `trainings` are published trainings of one system, which stand in where the row has fewer seeds of its own than
    they are.
    """
    own = training_spread(result, part, metric)
    printed = [value for row in trainings if (value := row.value(part, metric)) is not None]
    others = spread(printed)
    borrowed = others is not None and (own is None or own.n < others.n)
    return Noise(trained, others if borrowed else own, borrowed, evaluation_spread(result, part, metric))
