"""What every job has, whatever its kind: its row, its key, and how it becomes a file and a job again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Task:
    """One row to run, complete: a fresh process needs nothing else. Each kind of job adds what it needs."""

    kind: str
    """A name of `specs/kinds.yaml`."""
    table: str
    profile: str
    row: str
    title: str
    status: str
    """What a success counts as: measured, or stand-in where model, data or schedule are not the table's own."""
    model: str
    device: str
    notes: tuple[str, ...]
    hashes: dict[str, Any]
    """Fingerprints and hashes that entered the keys."""
    key: str
    train_key: str | None
    """Content of the training alone: rows that differ only in what they are evaluated on share it."""
    expected: dict[str, Any]

    def work(self, seeds: bool = False) -> str:
        """What is to be done, in a few words, for the plan; `seeds` where the row has several."""
        raise NotImplementedError

    @property
    def evaluated_on(self) -> dict[str, Any]:
        """What identifies the evaluation data: dataset, split and range; empty where there is none."""
        return {}

    def to_json(self) -> dict[str, Any]:
        """As JSON-able data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(**{**data, "notes": tuple(data["notes"])})
