"""How often the gate cries wolf, and how often it hears one, on simulated machines: `python -m tests.nightly.gates`.

1,000 gates of 12 rows and 12 pairs for each model of noise (tests/gate/noise.py), each with its A/A run. About ten
minutes on one core. `--gates N` does fewer.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tabulate import tabulate

from harness.gate.findings import SAME, WORSE
from tests.gate.noise import MODELS, ROWS
from tests.gate.test_simulated import gate

SLOWER = 1.05


def share(values: Sequence[bool]) -> str:
    """In percent, with the half width of the 95 % interval of a share."""
    mean = float(np.mean(values))
    return f"{mean:.1%} ±{1.96 * np.sqrt(mean * (1 - mean) / len(values)):.1%}"


def main() -> int:
    """Print the rates; 1 where a limit of the gate is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gates", type=int, default=1000)
    gates = parser.parse_args().gates
    rows, alarms = [], []
    with tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            equal = [gate(model, seed, Path(folder)) for seed in range(gates)]
            one = [gate(model, seed, Path(folder), {"row 3": SLOWER}) for seed in range(gates)]
            every = [gate(model, seed, Path(folder), dict.fromkeys(ROWS, SLOWER)) for seed in range(gates // 10)]
            alarm = [WORSE in found.values() for found in equal]
            alarms += alarm
            rows.append([model, share(alarm), share([v == SAME for found in equal for v in found.values()]),
                         share([found["row 3"] == WORSE for found in one]),
                         share([v == WORSE for found in every for v in found.values()])])
            print(model, flush=True)
    print(tabulate(rows, ["noise", "gates with a false alarm", "equal rows called same", "5 % on one row found",
                          "5 % on all rows found"], tablefmt="github"))
    print(f"false alarms in all: {share(alarms)} of {len(alarms)} gates")
    return int(np.mean(alarms) > 0.02)


if __name__ == "__main__":
    raise SystemExit(main())
