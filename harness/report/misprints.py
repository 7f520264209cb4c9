"""Printed numbers that look misprinted, with the evidence worked out from all published numbers.

AR is above AP by construction of both, and by how much varies little from system to system. A cell is marked
`doubtful` in results/published by a person; what is said about it here is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.published import PublishedRow


@dataclass(frozen=True)
class Misprint:
    """A doubtful AR beside its AP, and how the gap between them lies among the others of the part."""

    row: PublishedRow
    part: str
    gap: float
    """AR - AP as printed."""
    table: tuple[float, ...]
    """The gaps of the same part in the other rows that are printed in the same table."""
    others: tuple[float, ...]
    """Those in all other published rows, rising; the table's own among them."""
    digits: tuple[float, ...]
    """The values with one other digit after the point whose gap lies within those of the table, rising."""

    @property
    def outside(self) -> bool:
        """Whether no other published row has a gap so small or so large."""
        return bool(self.others) and not self.others[0] <= self.gap <= self.others[-1]

    def __str__(self) -> str:
        ap, ar = self.row.value(self.part, "AP"), self.row.value(self.part, "AR")
        place = "outside" if self.outside else "within"
        text = (f"{self.part} AR {ar:.3f} is probably a misprint: it is {self.gap:.3f} above AP {ap:.3f}, {place} the "
                f"{self.others[0]:.3f} to {self.others[-1]:.3f} of the {len(self.others)} other published rows")
        if self.table:
            text += f" ({', '.join(f'{gap:.3f}' for gap in self.table)} in the other rows of this table)"
        if self.digits:
            text += f"; with one digit changed, {' or '.join(f'{value:.3f}' for value in self.digits)} would fit these"
        return text + "; no verdict or difference uses it"


def misprints(rows: Iterable[PublishedRow], published: Mapping[str, PublishedRow]) -> list[Misprint]:
    """What is to be said about the doubtful AR of these rows, held against all `published` ones."""
    return [evidence(row, cell.removesuffix(".AR"), list(published.values())) for row in rows for cell in row.doubtful
            if cell.endswith(".AR") and gap(row, cell.removesuffix(".AR")) is not None]


def evidence(row: PublishedRow, part: str, published: Sequence[PublishedRow]) -> Misprint:
    """How a row's AR - AP lies among the others. Raises ValueError where the row prints not both."""
    own = gap(row, part)
    if own is None:
        raise ValueError(f"published row {row.id} has no AP and AR of {part}")
    known = [(other, found) for other in published if other.id != row.id and (found := gap(other, part)) is not None]
    table = tuple(found for other, found in known if (other.source.id, other.where) == (row.source.id, row.where))
    return Misprint(row, part, own, table, tuple(sorted(found for _, found in known)), _one_digit(row, part, table))


def gap(row: PublishedRow, part: str) -> float | None:
    """AR - AP of a part, to the three digits that are printed."""
    ap, ar = row.value(part, "AP"), row.value(part, "AR")
    return None if ap is None or ar is None else round(ar - ap, 3)


def _one_digit(row: PublishedRow, part: str, table: Sequence[float]) -> tuple[float, ...]:
    """AR with one of its three digits replaced, where that puts it among the table's gaps, to 0.005."""
    ap, printed = row.value(part, "AP"), f"{row.value(part, 'AR'):.3f}"
    if ap is None or not table:
        return ()
    tried = {float(printed[:place] + digit + printed[place + 1:]) for place in (2, 3, 4) for digit in "0123456789"}
    low, high = min(table) - NEAR, max(table) + NEAR
    return tuple(sorted(value for value in tried if low <= round(value - ap, 3) <= high and f"{value:.3f}" != printed))


NEAR = 0.005
"""How far beyond the table's own gaps a corrected value may lie and still be said to fit."""
