"""Do intervals and paired comparisons hold what they say? Simulated at full size.

Run from the root of the repository: `python -m tests.nightly.intervals`. Prints, by part and metric, how often a 95 %
interval holds the true value, how often two equal systems are called different, and how often a difference of the
size `detectable` is found; ends with status 1 where one of them is outside its limits.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from harness.scoring.bootstrap import paired
from tests.simulation import Rate, System, coverage, detections, draw_set, truth

COVERED = (0.92, 0.98)
"""Limits of the share of nominal 95 % intervals that hold the true value."""
FALSE_ALARM = 0.05
"""Limit of the share of equal systems called different, plus two standard errors."""
FOUND = (0.7, 0.9)
"""Limits of the power at the difference that 80 % of sets should show."""
Cells = dict[tuple[str, str], Rate]


def in_parallel(simulate: Callable[..., Cells], runs: int, processes: int) -> Cells:
    """The rates of all processes together, each with a seed of its own."""
    share = -(-runs // processes)
    with ProcessPoolExecutor(processes) as pool:
        found = [job.result() for job in [pool.submit(simulate, runs=share, seed=100 + i) for i in range(processes)]]
    return {cell: Rate(sum(of[cell].count for of in found), share * processes) for cell in found[0]}


def show(title: str, rates: Mapping[tuple[str, str], Rate], good: Callable[[Rate], bool]) -> bool:
    """Print the rates; returns whether all are good."""
    print(title)
    for (part, metric), rate in rates.items():
        mark = "" if good(rate) else "  OUTSIDE"
        print(f"  {part:10} {metric}  {rate.share:.3f} +- {rate.error:.3f}{mark}", flush=True)
    return all(good(rate) for rate in rates.values())


def shifted(system: System, images: int, resamples: int) -> tuple[System, float]:
    """A system that is worse by just what sets of this size should show in body AP, and that difference."""
    rng = np.random.default_rng(2)
    sets = [draw_set(rng, images, (system, system), ("body",)) for _ in range(40)]
    found = [paired(*both, rng=rng, resamples=resamples)["body"]["AP"] for both in sets]
    detectable = float(np.median([of.detectable for of in found if of]))
    step = 0.1
    slope = (truth(system)["body", "AP"] - truth(System(system.mean - step, system.own))["body", "AP"]) / step
    return System(system.mean - detectable / slope, system.own), detectable


def main() -> int:
    """Run all three; 0 where everything is within its limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="simulated sets of each kind")
    parser.add_argument("--images", type=int, default=500, help="images of a set")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2, help="each has seeds of its own")
    given = parser.parse_args()
    size = {"images": given.images, "resamples": given.resamples}
    start, system = time.monotonic(), System()
    print(f"{given.runs} sets of {given.images} images, {given.resamples} resamples each")
    covered = in_parallel(partial(coverage, truth(system), system, **size), given.runs, given.processes)
    good = [show("95 % intervals that hold the true value (0.92 to 0.98):", covered,
                 lambda rate: COVERED[0] <= rate.share <= COVERED[1])]
    alarms = in_parallel(partial(detections, (system, system), **size), given.runs, given.processes)
    good.append(show("equal systems called different (at most 0.05 and two standard errors):", alarms,
                     lambda rate: rate.share <= FALSE_ALARM + 2 * rate.error))
    worse, detectable = shifted(system, **size)
    found = in_parallel(partial(detections, (system, worse), **size, parts=("body",)), given.runs, given.processes)
    good.append(show(f"a true difference of {detectable:.4f} body AP found (0.7 to 0.9):",
                     {("body", "AP"): found["body", "AP"]}, lambda rate: FOUND[0] <= rate.share <= FOUND[1]))
    print(f"{'all within limits' if all(good) else 'OUTSIDE the limits'}; {time.monotonic() - start:.0f} s")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
