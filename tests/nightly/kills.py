"""A training killed with SIGKILL again and again ends in the bits of an undisturbed one.

`python -m tests.nightly.kills`: 20 kills for each network, at random moments, every second one while a checkpoint is
being written; about ten minutes on two cores. `--kills N` and `--network NAME` (repeatable) choose others.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from harness.data.sets import DataRef
from tests.training.killed import DRAWN, equal, kill_once, undisturbed

NETWORKS = ["hrnet_small", "tcformer_small"]
EPOCHS_A_KILL = 12
"""Enough that no life of a training, of at most a second and a half after its first checkpoint, comes to the end."""


def main() -> int:
    """Print how often a kill left half a file, and whether the weights are equal; 1 where they are not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--network", action="append")
    arguments = parser.parse_args()
    rng, failed = np.random.default_rng(arguments.seed), False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        DataRef("synthetic", str(folder / "data"), "train", DRAWN).open()
        for network in arguments.network or NETWORKS:
            epochs = EPOCHS_A_KILL * (arguments.kills + 1)
            straight = undisturbed(folder / network, folder / "data", network, epochs)
            half = [kill_once(folder / f"{network}-killed", folder / "data", network, epochs, rng.uniform(0, 1.5),
                              writing=number % 2 == 1) for number in range(arguments.kills)]
            same = equal(straight, undisturbed(folder / f"{network}-killed", folder / "data", network, epochs))
            failed |= not same
            print(f"{network}: killed {arguments.kills} times, {sum(half)} of them left half a checkpoint; final "
                  f"weights {'equal' if same else 'DIFFER'}", flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
