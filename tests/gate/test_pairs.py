"""The order of blocks, and what becomes of rows that fail."""

import math

import pytest

from harness.gate.pairs import Block, Pair, failures, in_turn, log_ratios
from tests.gate.noise import apart


def recorder(log, side, times, failing=()):
    def measure(rows):
        log.append((side, tuple(rows)))
        return Block({row: times[row] for row in rows if row not in failing},
                     {row: "no such layer" for row in rows if row in failing})

    return measure


def test_sides_alternate_a_b_b_a():
    log = []
    pairs = list(in_turn(apart(recorder(log, "A", {"x": 2.0}), recorder(log, "B", {"x": 3.0})), ["x"], 4))
    assert [side for side, _ in log] == list("ABBAABBA")
    assert [pair.base_first for pair in pairs] == [True, False, True, False]
    assert log_ratios(pairs)["x"] == [math.log(1.5)] * 4


def test_pairs_that_go_on_keep_the_order():
    log = []
    list(in_turn(apart(recorder(log, "A", {"x": 2.0}), recorder(log, "B", {"x": 3.0})), ["x"], 1, done=3))
    assert [side for side, _ in log] == list("BA")


def test_a_row_that_fails_is_left_out_and_the_others_go_on():
    log = []
    base = recorder(log, "A", {"x": 2.0, "y": 2.0})
    candidate = recorder(log, "B", {"x": 3.0, "y": 3.0}, failing=("y",))
    pairs = list(in_turn(apart(base, candidate), ["x", "y"], 2))
    assert [rows for _, rows in log] == [("x", "y"), ("x", "y"), ("x",), ("x",)]
    assert set(log_ratios(pairs)) == {"x"}
    assert failures(pairs) == {"y": ("candidate", "no such layer")}


def test_without_rows_pairs_end():
    log = []
    failing = recorder(log, "A", {"x": 1.0}, failing=("x",))
    assert len(list(in_turn(apart(failing, failing), ["x"], 12))) == 1


def test_blocks_side_by_side_are_compared_slice_by_slice():
    """A machine that runs at half its pace for a while: the medians of the blocks would show a change of the code."""
    pace = [1.0, 1.0, 1.0, 2.0, 2.0]
    base = Block({"x": 1.0}, slices={"x": [2.0 * p for p in pace]})
    candidate = Block({"x": 2.0}, slices={"x": [2.2 * p for p in pace]})
    pair = Pair(base, candidate, True)
    assert pair.log_ratios() == pytest.approx({"x": math.log(1.1)})
    assert pair.to_json()["candidate"]["slices_ms"] == candidate.slices
