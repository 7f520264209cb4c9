"""JUnit XML, read back and held to what both schemas in use allow."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from harness.gate.findings import UNDECIDED, WORSE
from harness.gate.present import words
from harness.gate.present.junit import junit
from harness.gate.present.overall import by_kind, name
from tests.gate.comparisons import EXAMPLE, SLOWER, compare, comparisons

# Ant's JUnit.xsd and the xUnit plug-in's junit-10.xsd: what the first demands, without what the second forbids.
SUITE = {"name", "package", "id", "hostname", "time", "tests", "failures", "errors", "skipped"}
CHILDREN = {"testsuites": {"testsuite"}, "testsuite": {"properties", "testcase", "system-out", "system-err"},
            "properties": {"property"}, "testcase": {"failure", "skipped"}}
ORDER = ["properties", "testcase", "system-out", "system-err"]


def check_structure(root):
    assert root.tag == "testsuites"
    assert not root.attrib
    for element in root.iter():
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set()), element.tag
    for suite in root:
        assert set(suite.attrib) - {"timestamp"} == SUITE
        tags = [child.tag for child in suite]
        assert tags == sorted(tags, key=ORDER.index)
        assert [tags.count(tag) for tag in ("properties", "system-out", "system-err")] == [1, 1, 1]
        for case in suite.findall("testcase"):
            assert set(case.attrib) == {"name", "classname", "time"}
            assert len(case) <= 1
        counted = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error",
                   "skipped": "testcase/skipped"}
        assert {key: int(suite.get(key)) for key in counted} == \
            {key: len(suite.findall(path)) for key, path in counted.items()}
        for found in suite.findall("properties/property"):
            assert set(found.attrib) == {"name", "value"}
            assert found.get("name")
    for element in root.iter():
        assert element.get("name", "") == " ".join(element.get("name", "").split())  # xs:token


def parse(comparison, strict=False):
    root = ElementTree.fromstring(junit(comparison, strict))
    check_structure(root)
    return root


def outcomes(root):
    return {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}


def test_a_suite_for_each_kind_and_a_case_for_each_finding():
    root = parse(EXAMPLE)
    assert [[suite.get(key) for key in ("name", "tests", "failures", "skipped")] for suite in root] == \
        [["accuracy", "16", "1", "1"], ["speed", "2", "1", "1"], ["operations", "1", "1", "0"],
         ["memory", "1", "0", "0"]]
    assert {suite.get("timestamp") for suite in root} == {"2026-11-25T21:43:00"}
    failure = root.find("testsuite[@name='speed']/testcase/failure")
    assert failure.get("type") == "worse"
    assert failure.get("message").startswith("worse: 139 ms -> 146 ms; +4.8 % [3.1, 6.2]")
    assert SLOWER.reason in failure.text
    assert "testcase" not in failure.text


def test_figures_are_properties_with_all_digits():
    found = {one.get("name"): one.get("value") for one in parse(compare(SLOWER)).iter("property")}
    assert found["verdict"] == "worse"
    assert found["base.commit"] == "9485df0c0ffee"
    title = f"{SLOWER.row}: time"
    for figure in ("change", "low", "high", "p", "samples"):
        assert float(found[f"{title}: {figure}"]) == getattr(SLOWER, figure)
    assert f"{title}: needed" not in found


def test_undecided_is_skipped_and_with_strict_a_failure():
    title = "hrnet_small 128x96: time"
    assert outcomes(parse(EXAMPLE))[title] == ["skipped"]
    assert outcomes(parse(EXAMPLE, strict=True))[title] == ["failure"]
    assert outcomes(parse(EXAMPLE, strict=True))["hrnet_w48: wholebody AP"] == ["failure"]


@pytest.mark.parametrize(("strict", "outcome"), [(False, "skipped"), (True, "failure")])
def test_a_comparison_of_nothing_is_no_empty_report(strict, outcome):
    assert outcomes(parse(compare(), strict)) == {"nothing was compared": [outcome]}


def test_equal_names_are_told_apart():
    """A reader that keeps one case of a name must not lose the one that is worse."""
    root = parse(compare(SLOWER, replace(SLOWER, metric="time (2)"), replace(SLOWER, verdict="same"), SLOWER))
    assert list(outcomes(root)) == [f"{SLOWER.row}: time{suffix}" for suffix in ("", " (2)", " (3)", " (4)")]


@settings(max_examples=80, deadline=None)
@given(comparisons)
def test_any_comparison_comes_back(comparison):
    for strict in (False, True):
        root = parse(comparison, strict)
        ordered = [finding for _, findings in by_kind(comparison.findings) for finding in findings]
        cases = list(root.iter("testcase"))
        assert len(cases) == max(1, len(ordered))
        for case, finding in zip(cases, ordered, strict=False):
            assert case.get("name").startswith(name(finding))
            failed = finding.verdict == WORSE or (strict and finding.verdict in UNDECIDED)
            assert (case.find("failure") is not None) == failed
            assert (case.find("skipped") is not None) == (finding.verdict in UNDECIDED and not strict)
            for child in case:
                assert words.plain(finding.reason) in child.get("message")
                assert child.get("message") in child.text
        names = [(case.get("classname"), case.get("name")) for case in cases]
        assert len(set(names)) == len(names)
