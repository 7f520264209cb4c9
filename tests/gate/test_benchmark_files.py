"""Files of pytest-benchmark as blocks: pairs in turn, and what keeps them from being pairs."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from harness.errors import UserError
from harness.files import write_json
from harness.gate.benchmarks import benchmark_findings
from harness.gate.findings import CANNOT_TELL, NOT_COMPARABLE, SAME, WORSE
from harness.gate.reading import read_file
from harness.gate.sides import BENCHMARKS, resolve
from harness.gate.stored import compare_stored
from tests.gate.results_on_disk import write_block

DECODE, CLUSTER = "tests/benchmarks/bench_decoding.py::test_decode[8]", "tests/benchmarks/bench_tokens.py::test_cluster"


def blocks(tmp_path, pairs=12, slower=1.0, noise=0.01, in_turn=True, **machine):
    """Two folders of blocks, a minute each, in the order A B B A; the candidate's DECODE takes `slower` times that."""
    rng = np.random.default_rng(0)
    folders = tmp_path / "base", tmp_path / "candidate"
    for pair in range(pairs):
        for side, folder in enumerate(folders):
            minute = 2 * pair + (side if pair % 2 == 0 else 1 - side) if in_turn else side * pairs + pair
            times = np.exp(rng.normal(0, noise, 2)) * (2e-3, 5e-3) * (slower if side else 1, 1)
            write_block(folder, minute, dict(zip((DECODE, CLUSTER), times.tolist(), strict=True)),
                        **(machine if side else {}))
    return folders


def compared(folders):
    return compare_stored(*(resolve(str(folder)) for folder in folders))


def verdicts(comparison):
    return {finding.row: finding.verdict for finding in comparison.findings}


def test_a_slow_down_is_found_and_nothing_else(tmp_path):
    whole = compared(blocks(tmp_path, slower=1.15))
    assert verdicts(whole) == {DECODE: WORSE, CLUSTER: SAME}
    found = whole.findings[0]
    assert found.change == pytest.approx(0.15, abs=0.02)
    assert found.low < found.change < found.high
    assert (found.unit, found.samples, found.of, found.needed) == ("ms", 12, "pairs", None)
    assert found.base == pytest.approx(2.0, rel=0.02)
    assert whole.exit_status == 1


def test_few_pairs_cannot_tell_and_say_how_many_it_takes(tmp_path):
    whole = compared(blocks(tmp_path, pairs=3, slower=2.0))
    assert set(verdicts(whole).values()) == {CANNOT_TELL}
    assert {(one.needed, one.reason) for one in whole.findings} == {(12, "3 pair(s); 12 are the least that tell")}
    assert (whole.findings[0].low, whole.findings[0].high) == (None, None)  # not infinity, which JSON has not


def test_a_file_is_one_block(tmp_path):
    folders = blocks(tmp_path, pairs=1)
    whole = compared([next(folder.iterdir()) for folder in folders])
    assert [one.samples for one in whole.findings] == [1, 1]
    assert whole.base["kind"] == BENCHMARKS


def test_sides_that_were_measured_one_after_the_other_are_no_pairs(tmp_path):
    whole = compared(blocks(tmp_path, slower=1.3, in_turn=False))
    assert set(verdicts(whole).values()) == {CANNOT_TELL}
    assert "not measured in turn" in whole.findings[0].reason


def test_one_side_always_first_is_said(tmp_path):
    assert compared(blocks(tmp_path / "turns")).notes == ()
    for minute in range(24):
        write_block(tmp_path / "fixed" / ("base" if minute % 2 == 0 else "candidate"), minute, {DECODE: 1e-3})
    note, = compared((tmp_path / "fixed" / "base", tmp_path / "fixed" / "candidate")).notes
    assert "the same side was first in every pair" in note


def test_blocks_are_ordered_by_their_time_not_their_name(tmp_path):
    folders = blocks(tmp_path)
    for number, path in enumerate(sorted(folders[0].iterdir(), reverse=True)):
        path.rename(folders[0] / f"{number}.json")
    assert "not measured in turn" not in compared(folders).findings[0].reason


def test_one_measurement_is_the_same_as_itself(tmp_path):
    folder, _ = blocks(tmp_path, pairs=1)
    whole = compared((folder, folder))
    assert set(verdicts(whole).values()) == {SAME}
    assert whole.findings[0].change == 0


@pytest.mark.parametrize(("machine", "words"), [
    ({"cpu": {"brand_raw": "Other CPU"}}, "processor: Example CPU, then Other CPU"),
    ({"node": "there"}, "node: here, then there"), ({"python_version": "3.14.0"}, "Python: 3.11.7, then 3.14.0"),
])
def test_other_machines_are_not_comparable(tmp_path, machine, words):
    whole = compared(blocks(tmp_path, **machine))
    assert set(verdicts(whole).values()) == {NOT_COMPARABLE}
    assert whole.findings[0].reason == words


def test_benchmarks_of_one_side_only(tmp_path):
    folders = tmp_path / "base", tmp_path / "candidate"
    for minute in range(12):
        write_block(folders[0], 2 * minute + minute % 2, {"gone": 1.0, "kept": 1.0})
        write_block(folders[1], 2 * minute + 1 - minute % 2, {"kept": 1.0, "new": 1.0})
    found = {one.row: (one.verdict, one.reason) for one in compared(folders).findings}
    assert found["gone"] == (NOT_COMPARABLE, "only in the base")
    assert found["new"] == (NOT_COMPARABLE, "only in the candidate")
    assert found["kept"][0] == SAME


def test_blocks_too_many_are_said(tmp_path):
    folders = blocks(tmp_path)
    write_block(folders[1], 500, {DECODE: 1.0, CLUSTER: 1.0})
    note, = compared(folders).notes
    assert note.startswith("12 blocks of the base and 13 of the candidate")


def test_a_file_without_its_time_is_named(tmp_path):
    path = write_block(tmp_path, 0, {"a": 1.0})
    write_json(path, {**json.loads(path.read_text()), "datetime": "yesterday"})
    with pytest.raises(UserError, match=r"0000\.json does not say when it was measured \(datetime: yesterday\)"):
        benchmark_findings([read_file(path)], [read_file(path)])


def test_what_pytest_benchmark_writes_is_read(tmp_path):
    """The plug-in itself, run on a benchmark of nothing."""
    (tmp_path / "test_one.py").write_text("def test_nothing(benchmark):\n    benchmark(lambda: None)\n")
    # Within one of several test processes the plug-in would switch itself off.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-max-time=0.01",
                    "--benchmark-json", tmp_path / "found.json", "test_one.py"], cwd=tmp_path, check=True,
                   capture_output=True, env=environment)
    whole = compared((tmp_path / "found.json", tmp_path / "found.json"))
    assert verdicts(whole) == {"test_one.py::test_nothing": SAME}
    assert whole.base["machine"] != "unknown machine"
