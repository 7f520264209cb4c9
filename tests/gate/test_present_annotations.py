"""Annotations, read as GitHub's runner reads them."""

import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings

from harness.gate.findings import BETTER, SAME, UNDECIDED, WORSE
from harness.gate.present.annotations import SHOWN, command, commands
from tests.gate.comparisons import EXAMPLE, LEANER, OTHER_DATA, SLOWER, UNCLEAR, cells, compare, comparisons, texts


def read(line):
    """Level, title and message of one line, by the rules of the runner (ActionCommand.cs)."""
    assert line.startswith("::")
    assert len(line.splitlines()) == 1
    head, message = line[2:].split("::", 1)
    level, properties = head.split(" ", 1)
    found = dict(pair.split("=", 1) for pair in properties.split(","))
    assert list(found) == ["title"]
    title = found["title"].replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",")
    return level, title.replace("%25", "%"), \
        message.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


@example("100 %2C", "%0A is no line's end, %25 no per cent")
@given(texts, texts)
def test_texts_come_back_whatever_is_in_them(title, message):
    title, message = (re.sub(r"[\v\f\x1c-\x1e\x85\u2028\u2029]", "", text) for text in (title, message))
    assert read(command("error", title, message)) == ("error", title, message)


def test_levels_follow_the_verdicts():
    found = [read(line) for line in commands(EXAMPLE)]
    assert [level for level, _, _ in found] == ["error"] * 3 + ["warning"] * 2 + ["notice"]
    assert found[1][1] == "worse: tcformer_small 128x96: time"
    assert found[1][2] == ("139 ms -> 146 ms; +4.8 % [3.1, 6.2]; margin 3.0 %, p <0.001, 24 pairs; " + SLOWER.reason)


def test_strict_makes_errors_of_what_is_undecided():
    levels = [read(line)[0] for line in commands(compare(UNCLEAR, OTHER_DATA, SLOWER, LEANER), strict=True)]
    assert levels == ["error"] * 3 + ["notice"]


def test_what_is_the_same_needs_no_annotation():
    assert commands(compare(*cells("tcformer_small"))) == []


@pytest.mark.parametrize("comparison", [compare(), compare(LEANER, complete=False)])
def test_a_comparison_that_is_not_whole_is_never_silent(comparison):
    for strict, level in ((False, "warning"), (True, "error")):
        assert (level, "the comparison is not complete") in [read(line)[:2] for line in commands(comparison, strict)]


def test_ten_of_a_level_and_the_last_counts_the_rest():
    many = [replace(SLOWER, row=f"row{number}", change=number / 100) for number in range(25)]
    lines = [read(line) for line in commands(compare(*many, UNCLEAR))]
    errors = [line for line in lines if line[0] == "error"]
    assert len(errors) == SHOWN
    assert [title for _, title, _ in errors] == [f"worse: row{24 - i}: time" for i in range(9)] + ["and 16 more"]
    assert "worse: row15: time; " in errors[-1][2]
    assert len(lines) == SHOWN + 1
    exactly = commands(compare(*many[:SHOWN]))
    assert len(exactly) == SHOWN
    assert "more" not in read(exactly[-1])[1]


@settings(max_examples=60, deadline=None)
@given(comparisons)
def test_any_comparison_gives_lines_that_the_runner_takes(comparison):
    for strict in (False, True):
        levels = [read(line)[0] for line in commands(comparison, strict)]
        assert all(levels.count(level) <= SHOWN for level in ("error", "warning", "notice"))
        verdicts = {finding.verdict for finding in comparison.findings}
        assert ("notice" in levels) == (BETTER in verdicts)
        if WORSE in verdicts or (strict and verdicts & set(UNDECIDED)):
            assert "error" in levels
        if verdicts <= {SAME} and verdicts and comparison.complete:
            assert levels == []
