"""How much a machine moves times of itself: A/A runs, kept by the machine's fingerprint, trusted for a while.

In an A/A run both sides are the same code in folders of their own. What its pairs still differ by is the machine's
doing, and no change of that size may be laid at a candidate's door.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.files import digest, locked, read_json, write_json
from harness.gate.paired import BAND, STANDARD_ERRORS, estimate
from harness.record import now

SCHEMA = 1
DAYS = 30
"""A calibration is trusted for so long: neighbours on shared machines, kernels and thermal paste change."""
METHOD = "slices of networks and benchmarks, freed memory kept"
"""How pairs are measured: a calibration of another way says nothing of this one."""
COUNTED = ("processor", "cores", "system", "python", "gpu", "gpus")
"""What makes a machine another one, of `harness.hardware.machine`; the versions of torch and the threads, too. Not its
memory: what virtual machines are given differs by some bytes from one start to the next."""


@dataclass(frozen=True)
class Row:
    """What an A/A run said of one row."""

    created: str
    pairs: int
    change: float
    """Of the estimate: what equal sides seemed to differ by."""
    error: float
    """Standard error of the estimate."""

    def band(self, pairs: int) -> float:
        """Changes that count as the same in a run of so many pairs."""
        return max(BAND, math.expm1(STANDARD_ERRORS * self.error * math.sqrt(self.pairs / max(pairs, 1))))

    @property
    def fresh(self) -> bool:
        """Whether it is young enough to be trusted."""
        return datetime.now(UTC) - datetime.fromisoformat(self.created) < timedelta(days=DAYS)


def default_path() -> Path:
    """`$XDG_CACHE_HOME/wholebody-harness/calibration.json`, by default below ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "wholebody-harness" / "calibration.json"


def fingerprint(machine: Mapping[str, Any], device: str, threads: int, versions: Mapping[str, str | None]) -> str:
    """What must be equal for a calibration to hold."""
    return digest({"method": METHOD, "machine": {name: machine.get(name) for name in COUNTED}, "device": device,
                   "threads": threads, "torch": versions.get("torch")})


def of_pairs(log_ratios: Mapping[str, Sequence[float]]) -> dict[str, Row]:
    """What the pairs of an A/A run say of each row; a row without a standard error is left out."""
    created = now()
    found = {}
    for row, values in log_ratios.items():
        one = estimate(values)
        if math.isfinite(one.error):
            found[row] = Row(created, one.pairs, one.change, one.error)
    return found


def load(path: Path, machine: str) -> dict[str, Row]:
    """The rows that were calibrated on a machine (by fingerprint) and are still trusted; none without a file.

    Raises UserError for a damaged file.
    """
    if not path.exists():
        return {}
    rows = _read(path).get(machine, {}).get("rows", {})
    try:
        found = {name: Row(**row) for name, row in rows.items()}
        return {name: row for name, row in found.items() if row.fresh}
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} is no calibration ({error}); move it away, and the next gate makes another") from error


def save(path: Path, machine: str, facts: Mapping[str, Any], rows: Mapping[str, Row]) -> None:
    """Add rows to a machine's calibration; two writers at once both count. Raises UserError where it cannot be."""
    try:
        with locked(path.with_suffix(".lock"), str(path), wait=True):
            data = _read(path) if path.exists() else {}
            entry = data.setdefault(machine, {"machine": dict(facts), "rows": {}})
            entry["rows"] |= {name: asdict(row) for name, row in rows.items()}
            write_json(path, {"schema": SCHEMA, "kind": "calibration", "machines": data})
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def _read(path: Path) -> dict[str, Any]:
    data = read_json(path)
    if not isinstance(data, dict) or data.get("kind") != "calibration" or not isinstance(data.get("machines"), dict):
        raise UserError(f"{path} is no calibration; move it away, and the next gate makes another")
    if data.get("schema") != SCHEMA:
        raise UserError(f"{path} is a calibration of schema {data.get('schema')}; this version reads {SCHEMA}: move it "
                        "away, and the next gate makes another")
    return data["machines"]


def missing(rows: Iterable[str], known: Mapping[str, Row]) -> list[str]:
    """Rows without a calibration."""
    return [row for row in rows if row not in known]
