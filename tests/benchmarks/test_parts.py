"""That the benchmarks of parts are those that comparisons know, that they run, and that they look at what they time."""

import os
import re
import subprocess
import sys

import pytest

from tests.helpers import ROOT

NAMES = {
    "clustering": ["test_3072_tokens_to_768", "test_6912_tokens_to_1728", "test_768_tokens_to_192"],
    "token_maps": ["test_tokens_to_map", "test_map_to_tokens", "test_first_transfers_of_a_stage",
                   "test_gradient_of_tokens_to_map", "test_tokens_to_finer_tokens", "test_merging"],
    "evaluator": ["test_six_parts", "test_200_resamples_of_six_parts", "test_suppression"],
    "decoding": ["test_quarter_shift", "test_dark", "test_flip_merge"],
    "data": ["test_decode", "test_crop", "test_augmentation", "test_targets", "test_a_training_batch"],
}
"""By part: `bench_<part>.py`. A renamed benchmark is compared with nothing, and its history ends."""
FILES = [f"tests/benchmarks/bench_{part}.py" for part in NAMES]


def outcomes(*options):
    """Each benchmark's outcome where it runs once, untimed, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *FILES, "--benchmark-disable", "-v", "--tb=line", "--assert=plain",
         "-p", "no:cacheprovider", *options], cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**environment, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
    found = re.findall(r"^(\S+::\S+) (PASSED|FAILED|ERROR|SKIPPED)", done.stdout, re.MULTILINE)
    print(done.stdout[-3000:], done.stderr)  # shown where a test fails
    return found


def test_every_part_has_its_benchmarks_and_they_run():
    expected = [f"tests/benchmarks/bench_{part}.py::{name}" for part, names in NAMES.items() for name in names]
    assert outcomes() == [(name, "PASSED") for name in expected]
    assert len(set(expected)) == len(expected)


def test_there_are_no_others():
    files = {path.name for path in (ROOT / "tests" / "benchmarks").glob("bench_*.py")}
    assert files == {"bench_scoring.py", "bench_pipeline.py", *(f"bench_{part}.py" for part in NAMES)}


@pytest.mark.slow
def test_a_part_that_does_nothing_fails_its_benchmarks():
    assert [name for name, outcome in outcomes("-p", "tests.benchmarks.idle") if outcome != "FAILED"] == []
