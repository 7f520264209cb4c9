"""How often steps are seen where there are none, and found where there are: `python -m tests.nightly.steps`.

1,000 simulated series of each kind (tests/gate/series.py) and length; about ten minutes on one core. `--series N` does
fewer. Ends with status 1 where a limit is broken.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from tabulate import tabulate

from harness.gate.steps import find_steps
from tests.gate.series import DRIFTING, LEVEL, Noise, coin, heavy_tails, normal, stepped

LENGTHS = (11, 20, 50, 100, 200)
FALSE_ALARM = 0.02
"""The share of level series with a step in them, at most (and two standard errors)."""
FOUND, LOCATED = 0.9, 0.8
"""Of steps by 3 standard deviations between 10 values and 10: found at least so often, within one value so often."""
STEPS: dict[str, tuple[Noise, tuple[int, ...], tuple[float, ...]]] = {
    "3 sd, 10 | 10": (normal, (10, 10), (3,)),
    "2 sd, 10 | 10": (normal, (10, 10), (2,)),
    "3 sd, 10 | 10, two modes": (coin(), (10, 10), (3,)),
    "3 sd, 10 | 10, heavy tails": (heavy_tails, (10, 10), (3,)),
    "3 sd, 6 | 6": (normal, (6, 6), (3,)),
    "3 sd, 20 | 4": (normal, (20, 4), (3,)),
    "3 sd, 50 | 5": (normal, (50, 5), (3,)),
    "1.5 sd, 30 | 30": (normal, (30, 30), (1.5,)),
    "3 sd there and back, 10 | 10 | 10": (normal, (10, 10, 10), (3, -3)),
    "3 sd there and back, 20 | 20 | 20": (normal, (20, 20, 20), (3, -3)),
    "3 sd twice, 15 | 15 | 15": (normal, (15, 15, 15), (3, 3)),
    "3 sd, then 2 back, 20 | 20 | 20": (normal, (20, 20, 20), (3, -2)),
}


def alarms(noise: Noise, n: int, series: int, seed: int) -> np.ndarray:
    """(2, series): whether a step was seen, and whether drift was."""
    rng = np.random.default_rng(seed)
    found = [find_steps(noise(rng, n)) for _ in range(series)]
    return np.array([[bool(one.steps) for one in found], [one.drifts for one in found]])


def detections(noise: Noise, lengths: tuple[int, ...], sizes: tuple[float, ...], series: int, seed: int) -> np.ndarray:
    """(4, series): whether any step, as many as there are, each within one value, and too many were found."""
    rng = np.random.default_rng(seed)
    true = np.cumsum(lengths)[:-1]

    def of(one: np.ndarray) -> Iterator[bool]:
        at = [step.index for step in find_steps(one).steps]
        near = [any(abs(there - here) <= 1 for there in at) for here in true]
        yield bool(at)
        yield len(at) >= len(true)
        yield all(near)
        yield len(at) > len(true)

    return np.array([list(of(stepped(rng, noise, lengths, sizes))) for _ in range(series)]).T


def share(values: np.ndarray) -> str:
    """In percent."""
    return f"{values.mean():.1%}"


def main() -> int:
    """Print the rates; 1 where a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    series = parser.parse_args().series
    broken, all_alarms = [], []
    for title, kinds in (("Level series in which a step was seen", LEVEL),
                         ("Drifting series: step seen / drift said", DRIFTING)):
        rows = []
        for kind, noise in kinds.items():
            found = [alarms(noise, n, series, n) for n in LENGTHS]
            rows.append([kind] + [share(one[0]) if kinds is LEVEL else f"{share(one[0])} / {share(one[1])}"
                                  for one in found])
            if kinds is LEVEL:
                all_alarms += [one[0] for one in found]
                broken += [f"{kind}, {n}" for n, one in zip(LENGTHS, found, strict=True)
                           if one[0].mean() > FALSE_ALARM + 2 * np.sqrt(FALSE_ALARM / series)]
        print(f"{title}, by number of values\n{tabulate(rows, ['', *map(str, LENGTHS)], tablefmt='github')}\n",
              flush=True)
    rows = []
    for name, (noise, lengths, sizes) in STEPS.items():
        found = detections(noise, lengths, sizes, series, 1)
        rows.append([name, *map(share, found)])
        if name.startswith("3 sd, 10 | 10") and noise is normal:
            broken += [name] if found[0].mean() < FOUND or found[2].mean() < LOCATED else []
    print(tabulate(rows, ["true steps", "any found", "all found", "each within one value", "too many"],
                   tablefmt="github"))
    overall = float(np.mean(all_alarms))
    broken += ["level series in all"] if overall > FALSE_ALARM else []
    print(f"\nfalse alarms in all: {overall:.2%} of {np.size(all_alarms)} level series"
          + "".join(f"\nOUTSIDE its limit: {name}" for name in broken))
    return int(bool(broken))


if __name__ == "__main__":
    raise SystemExit(main())
