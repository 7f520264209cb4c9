"""Both processes of a pair, timed slice by slice, and what becomes of one that fails."""

import itertools
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.gate.blocks import SLICES, network_pairs
from harness.gate.revisions import Tree
from harness.profiling.rounds import OutOfMemory
from harness.profiling.subjects import Settings, Subject

ROWS = {"x": Subject("tcformer_small", (64, 64)), "y": Subject("tcformer_small", (96, 64))}


class Process:
    """A worker whose calls take 10 ms, or as long as `ms` says; `fail(number of the block)` may raise."""

    def __init__(self, title, log, ms, fail):
        self.title, self.log, self.ms, self.fail = title, log, ms, fail
        self.alive = True
        self.blocks = itertools.count()

    def __enter__(self):
        self.log.append(f"start {self.title}")
        return self

    def __exit__(self, *error):
        self.log.append(f"end {self.title}")

    def ask(self, do, calls=0, **rest):
        self.log.append(f"{do} {self.title}")
        if do == "block":
            self.fail(self, next(self.blocks))
            return [self.ms] * calls
        return {}


def pairs(tmp_path, ms=lambda title: 10.0, fail=lambda process, block: None, rows=ROWS):
    log = []

    def start(title, device, threads, folder, keep_freed):
        assert keep_freed
        return Process(title, log, ms(title), fail)

    trees = []
    for name in "ab":
        package = tmp_path / name / "tcformer"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        trees.append(Tree(name, tmp_path / name, None))
    return network_pairs(*trees, rows, Settings(), tmp_path / "files", start), log


def test_slices_alternate_a_b_b_a(tmp_path):
    measure, log = pairs(tmp_path, rows={"x": ROWS["x"]})
    measure(["x"], True)
    blocks = [line[-1] for line in log if line.startswith("block")]
    assert blocks[-2 * SLICES:] == list("abba") * (SLICES // 2)
    measure(["x"], False)
    blocks = [line[-1] for line in log if line.startswith("block")]
    assert blocks[-2 * SLICES:] == list("baab") * (SLICES // 2)


def test_each_side_has_one_process_for_all_rows_and_both_end(tmp_path):
    measure, log = pairs(tmp_path, ms=lambda title: {"a": 10.0, "b": 11.0}[title])
    pair = measure(["x", "y"], True)
    assert sorted(line for line in log if "start" in line or "end" in line) == ["end a", "end b", "start a", "start b"]
    assert pair.base.times == {"x": 10.0, "y": 10.0}
    assert pair.candidate.slices == {"x": [11.0] * SLICES, "y": [11.0] * SLICES}


@pytest.mark.parametrize("block", [0, 8])
def test_a_side_out_of_memory_is_named_and_the_next_row_measured(block, tmp_path):
    def fail(process, number):
        if process.title == "b" and number == block:
            raise OutOfMemory("12 GiB")

    measure, _ = pairs(tmp_path, fail=fail)
    pair = measure(["x", "y"], True)
    assert pair.candidate.failed == {"x": "out of memory: 12 GiB"}
    assert "x" not in pair.base.times
    assert set(pair.log_ratios()) == {"y"}


def test_a_process_that_ends_is_started_again_for_the_next_row(tmp_path):
    ended = []

    def fail(process, number):
        if process.title == "a" and not ended:
            ended.append(process)
            process.alive = False
            raise UserError("a: its process ended: exit status 1")

    measure, log = pairs(tmp_path, fail=fail)
    pair = measure(["x", "y"], True)
    assert pair.base.failed == {"x": "a: its process ended: exit status 1"}
    assert log.count("start a") == 2
    assert set(pair.log_ratios()) == {"y"}


def test_a_real_pair(tmp_path):
    tree = Tree("here", Path(__file__).parents[2], None)
    pair = network_pairs(tree, tree, {"x": ROWS["x"]}, Settings(), tmp_path)(["x"], True)
    assert not pair.base.failed
    assert len(pair.base.slices["x"]) == len(pair.candidate.slices["x"]) == SLICES
    assert abs(pair.log_ratios()["x"]) < 1
