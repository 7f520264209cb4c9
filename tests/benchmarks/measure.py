"""One measurement in a fresh process: `python -m tests.benchmarks.measure evaluate|read [FILE]`, prints JSON.

Peak memory is that of the whole process, imports and data included.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness.layout import load_layout
from tests.benchmarks.large import annotations, draw_large
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


def reference_cpu() -> float:
    """Seconds of evaluate, accumulate and summarize of xtcocotools over six parts; loading left out."""
    from harness.scoring.reference import load_reference, run_reference
    from harness.scoring.results import result_entries

    large = draw_large()
    truth, predicted = load_reference(annotations(large), result_entries(large.scored, large.layout))
    begin = time.perf_counter()
    for part in large.layout.parts:
        run_reference(truth, predicted, part, large.layout)
    return time.perf_counter() - begin


def in_fresh_process(*arguments: object) -> dict[str, Any]:
    """Run this file on the arguments and return what it measured."""
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks.measure", *map(str, arguments)], cwd=ROOT,
                          capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def main(what: str, *arguments: str) -> None:
    """Measure and print seconds of wall clock and of the processor, and the peak memory in GiB."""
    measured = {"evaluate": evaluate_arrays, "reference": reference_cpu,
                "read": lambda: read_file(Path(arguments[0]))}[what]()
    print(json.dumps({"seconds": measured, "cpu_seconds": time.process_time(),
                      "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}))


if __name__ == "__main__":
    main(*sys.argv[1:])
