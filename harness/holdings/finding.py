"""What looking at a data set found: a sentence, and whether it is as it should be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "FAILED"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    """"note": worth knowing, and no fault of the data."""
    split: str
    text: str

    def line(self) -> str:
        """For the screen."""
        return f"{self.level:<7} {self.split}: {self.text}"


def failed(findings: Iterable[Finding]) -> int:
    """How many of them are faults."""
    return sum(finding.level == "FAILED" for finding in findings)


def some(items: Sequence[str], most: int = 3) -> str:
    """The first few of several, and how many more there are."""
    return ", ".join(items[:most]) + (f" and {len(items) - most:,} more" if len(items) > most else "")


def many(number: int, noun: str, nouns: str = "") -> str:
    """"1 image", "2,000 images"; `nouns` where the plural is not the noun and an s."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"
