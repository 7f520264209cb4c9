"""One measurement in a fresh process: `python -m tests.benchmarks.measure evaluate|read [FILE]`, prints JSON.

Peak memory is that of the whole process, imports and data included (Linux: VmHWM of /proc/self/status).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness.layout import load_layout
from tests.benchmarks.large import draw_large
from tests.helpers import ROOT


def evaluate_arrays() -> float:
    """Seconds for the figures of six parts from arrays in memory."""
    from harness.scoring import score

    large = draw_large()
    begin = time.perf_counter()
    score(large.people, large.scored, large.layout, large.image_ids, "auto")
    return time.perf_counter() - begin


def read_file(path: Path) -> float:
    """Seconds for reading a result file."""
    from harness.scoring.inputs import load_predictions

    begin = time.perf_counter()
    load_predictions(path, load_layout("coco-wholebody"))
    return time.perf_counter() - begin


def peak_gib() -> float:
    """The most memory this process has held."""
    from harness.profiling.worker import resident_peak

    return resident_peak() / 2**30


def in_fresh_process(*arguments: object) -> dict[str, Any]:
    """Run this file on the arguments and return what it measured."""
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks.measure", *map(str, arguments)], cwd=ROOT,
                          capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def main(what: str, *arguments: str) -> None:
    """Measure and print the seconds and the peak memory in GiB."""
    seconds = evaluate_arrays() if what == "evaluate" else read_file(Path(arguments[0]))
    print(json.dumps({"seconds": seconds, "peak_gib": peak_gib()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
