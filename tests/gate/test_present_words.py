"""Units, digits and signs."""

import math

import pytest
from hypothesis import given

from harness.gate.findings import ACCURACY, MEMORY, OPERATIONS, SAME, SPEED, Finding
from harness.gate.present import words
from tests.gate.comparisons import BASE, CANDIDATE, MACHINE, SLOWER, findings, texts


def finding(kind=SPEED, unit="ms", **fields):
    return Finding("row", "metric", kind, SAME, "", unit=unit, **fields)


@pytest.mark.parametrize(("kind", "change", "low", "high", "text"), [
    (SPEED, 0.048, 0.031, 0.062, "+4.8 % [3.1, 6.2]"),
    (ACCURACY, -0.012, -0.019, -0.005, "-0.012 [-0.019, -0.005]"),
    (SPEED, -0.0001, -0.02, 0.0004, "0.0 % [-2.0, 0.0]"),
    (ACCURACY, -0.0002, -0.0004, 0.001, "0.000 [0.000, 0.001]"),
    (SPEED, 12.5, None, None, "+1,250.0 %"),
    (OPERATIONS, 0.0, None, None, "0.0 %"),
    (OPERATIONS, 1 / 35480, None, None, "+0.0028 %"),  # of exact figures, none is noise
    (ACCURACY, -0.00041, None, None, "-0.00041"),
    (SPEED, 1e-30, None, None, "+1.0e-28 %"),
    (SPEED, 0.048, 0.031, math.nan, "+4.8 %"),
    (SPEED, None, 0.031, 0.062, "-"),
    (SPEED, math.nan, None, None, "-"),
    (SPEED, math.inf, None, None, "-"),
])
def test_changes(kind, change, low, high, text):
    assert words.change(finding(kind, change=change, low=low, high=high)) == text


@pytest.mark.parametrize(("kind", "unit", "value", "text"), [
    (ACCURACY, "", 0.5314, "0.531"),
    (SPEED, "ms", 139.24, "139 ms"), (SPEED, "ms", 18.06, "18.1 ms"), (SPEED, "ms", 0.00312, "0.00312 ms"),
    (SPEED, "ms", 9.996, "10.0 ms"), (SPEED, "ms", 99.97, "100 ms"), (SPEED, "ms", 12340.2, "12,340 ms"),
    (SPEED, "ms", 0, "0 ms"), (SPEED, "", 63.4, "63"),
    (MEMORY, "bytes", 1.5e9, "1.40 GiB"), (MEMORY, "bytes", 20 * 2**20, "20.0 MiB"), (MEMORY, "bytes", 12, "12 bytes"),
    (OPERATIONS, "", 63_601_429, "63,601,429"),
    (SPEED, "ms", None, "-"), (SPEED, "ms", math.nan, "-"), (OPERATIONS, "", math.inf, "-"),
])
def test_amounts(kind, unit, value, text):
    assert words.amount(value, finding(kind, unit)) == text


def test_small_p_values_are_not_zero():
    assert [words.probability(p) for p in (0.0, 0.0009, 0.001, 0.0123, 1.0, None, math.nan)] == \
        ["<0.001", "<0.001", "0.001", "0.012", "1.000", "-", "-"]


def test_what_a_verdict_rests_on():
    assert words.evidence(SLOWER) == "margin 3.0 %, p <0.001, 24 pairs"
    assert words.evidence(finding(ACCURACY, margin=0.005, samples=1, of="images")) == "margin 0.005, 1 image"
    assert words.evidence(finding(OPERATIONS, margin=0.0)) == "no margin"
    assert words.evidence(finding()) == ""


def test_a_side_is_named_once():
    assert words.side(BASE) == "HEAD~1 (9485df0)"
    assert words.side(CANDIDATE) == ". (46d5bf2 with changes)"
    assert words.side({"name": "9485df0c0ffee", "commit": "9485df0c0ffee"}) == "9485df0c0ffee"
    assert words.side({"name": "runs/table_s2"}) == "runs/table_s2"
    assert words.side({}) == "?"


def test_a_machine_in_a_line():
    assert words.machine(MACHINE) == "AMD EPYC, 2 cores, Linux 6.1, Python 3.12.1"
    assert words.machine({"gpu": "H100", "processor": "Xeon", "threads": 8}) == "H100, Xeon, 8 threads"
    assert words.machine("a laptop") == "a laptop"
    assert words.machine(None) == ""


@given(texts)
def test_a_text_from_outside_is_one_printable_line(text):
    shown = words.plain(text)
    assert shown.isprintable()
    assert len(shown) <= words.LONGEST
    assert words.plain(shown) == shown
    if text.isascii() and text.isprintable() and len(text) <= words.LONGEST:
        assert shown == " ".join(text.split())


@given(findings)
def test_any_number_has_words(found):
    for text in (words.amount(found.base, found), words.change(found), words.evidence(found), words.margin(found)):
        assert text.isprintable()
        assert "nan" not in text
        assert "inf" not in text
