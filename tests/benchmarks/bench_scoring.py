"""How fast the scoring is: run with `tox -e benchmarks` or `python -m pytest tests/benchmarks/bench_scoring.py -s`.

Not collected by the ordinary suite (about three minutes, most of them the reference's); what is measured is held to the
project's limits here and nowhere else. Times are those of a machine with two cores that does nothing else: on a shared
one, HARNESS_BENCHMARK=report prints them and holds only the figures and the memory to what they must be.
"""

import os
import time

import numpy as np
import pytest

from harness.scoring import intervals, match_parts, score, write_results
from harness.scoring.reference import load_reference, run_reference
from harness.scoring.results import result_entries
from tests.benchmarks.large import annotations, draw_large
from tests.benchmarks.measure import in_fresh_process

PREDICTIONS = 55_055
SECONDS, PEAK_GIB, RATIO = 2.0, 3.0, 50
BOOTSTRAP_SECONDS = 20.0
READ_SECONDS, READ_PEAK_GIB = 15.0, 4.0
pytestmark = pytest.mark.slow
QUIET = os.environ.get("HARNESS_BENCHMARK") != "report"


@pytest.fixture(scope="module")
def large():
    return draw_large(predictions=PREDICTIONS)


@pytest.fixture(scope="module")
def reference_figures(large):
    """Figures of xtcocotools on the same set, and what it takes; loading is left out."""
    truth, predicted = load_reference(annotations(large), result_entries(large.scored, large.layout))
    wall, cpu = time.perf_counter(), time.process_time()
    figures = {part: list(run_reference(truth, predicted, part, large.layout).stats) for part in large.layout.parts}
    return figures, time.perf_counter() - wall, time.process_time() - cpu


def test_six_parts_from_arrays(benchmark, large, reference_figures):
    """At most 2 seconds, and 50 times faster than xtcocotools on the same set in the same run, equal to 1e-9."""
    expected, seconds, cpu = reference_figures
    arguments = (large.people, large.scored, large.layout, large.image_ids, "auto")
    found = benchmark.pedantic(score, arguments, rounds=5, warmup_rounds=1)
    for part, values in expected.items():
        assert list(found[part].values()) == pytest.approx(values, abs=1e-9), part
    begin = time.process_time()
    score(*arguments)
    ours, ours_cpu = benchmark.stats.stats.median, time.process_time() - begin
    benchmark.extra_info |= {"xtcocotools_s": seconds, "xtcocotools_cpu_s": cpu, "cpu_s": ours_cpu,
                             "ratio": seconds / ours}
    print(f"\nsix parts: {ours:.2f} s ({ours_cpu:.2f} s of processor time), xtcocotools {seconds:.1f} s ({cpu:.1f} s): "
          f"{seconds / ours:.0f} times")
    if QUIET:
        assert ours <= SECONDS
        assert seconds / ours >= RATIO


def test_a_thousand_resamples_of_six_parts(benchmark, large):
    """At most 20 seconds for the intervals of AP and AR, matches at hand; paired takes both sides."""
    matches = match_parts(large.people, large.scored, large.layout, large.image_ids, "auto")
    wall, cpu = time.perf_counter(), time.process_time()
    found = benchmark.pedantic(lambda: intervals(matches, rng=np.random.default_rng(0)), rounds=1)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"\n1,000 resamples of six parts: {wall:.1f} s ({cpu:.1f} s of processor time)")
    assert found["hand"]["AP"].resamples == 1000
    if QUIET:
        assert wall <= BOOTSTRAP_SECONDS


def test_memory_of_six_parts():
    """At most 3 GiB, the arrays of the set included."""
    measured = in_fresh_process("evaluate")
    print(f"\nsix parts in a fresh process: {measured}")
    assert measured["peak_gib"] <= PEAK_GIB


def test_reading_a_result_file(large, tmp_path):
    """The file of all predictions, 420 MB: at most 15 seconds and 4 GiB."""
    path = tmp_path / "results.json"
    write_results(path, large.scored, large.layout)
    measured = in_fresh_process("read", path)
    print(f"\nreading {path.stat().st_size / 1e6:.0f} MB: {measured}")
    if QUIET:
        assert measured["seconds"] <= READ_SECONDS
    assert measured["peak_gib"] <= READ_PEAK_GIB
