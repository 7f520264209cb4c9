"""A comparison as JUnit XML, for GitLab, Jenkins and whatever else shows tests.

There is no one standard. This is what the schemas of Ant (JUnit.xsd, Windy Road) and of Jenkins' xUnit plug-in
(junit-10.xsd) both allow: no attributes on the root, properties of suites and not of test cases, and nothing in a test
case but `failure` or `skipped`. GitLab shows the text inside of these two, others their `message`: both say it all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, count
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from harness.gate.findings import CANNOT_TELL, UNDECIDED, WORSE, Comparison, Finding
from harness.gate.present import words
from harness.gate.present.overall import by_kind, in_words, name, sentence

FIGURES = ("base", "candidate", "change", "low", "high", "margin", "p", "samples", "needed")
"""Of a finding that become properties, with full digits; those that are not known have none."""


def junit(comparison: Comparison, strict: bool = False) -> bytes:
    """A test suite for each kind with a test case for each finding, as UTF-8.

    Worse is a failure; what cannot be told or compared is skipped, or a failure with `strict`. A comparison of nothing
    has one test case that says so: readers take a report without any for a mistake of their own.
    """
    root = Element("testsuites")
    suites = by_kind(comparison.findings) or [("comparison", [])]
    for number, (kind, findings) in enumerate(suites):
        _suite(root, number, kind, findings, comparison, strict)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _suite(root: Element, number: int, kind: str, findings: Sequence[Finding], comparison: Comparison,
           strict: bool) -> None:
    suite = SubElement(root, "testsuite", name=kind, package="harness", id=str(number), hostname="localhost", time="0")
    created = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", comparison.created)
    if created:  # without its zone, which Ant's schema forbids: records are in UTC
        suite.set("timestamp", created[0])
    properties = SubElement(suite, "properties")
    for key, value in _of_comparison(comparison):
        SubElement(properties, "property", name=key, value=value)
    names = list(_distinct([name(finding) for finding in findings]))
    for title, finding in zip(names, findings, strict=True):
        for key in FIGURES:
            figure = words.finite(getattr(finding, key))
            if figure is not None:
                SubElement(properties, "property", name=f"{title}: {key}", value=repr(figure))
        _case(suite, kind, title, finding.verdict, in_words(finding), strict)
    if not findings:
        _case(suite, kind, "nothing was compared", CANNOT_TELL, sentence(comparison), strict)
    out = [f"{title}: {finding.verdict}: {in_words(finding)}" for title, finding in zip(names, findings, strict=True)]
    SubElement(suite, "system-out").text = "\n".join([sentence(comparison), *out])
    SubElement(suite, "system-err").text = "\n".join(words.plain(note) for note in comparison.notes)
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))


def _case(suite: Element, kind: str, title: str, verdict: str, text: str, strict: bool) -> None:
    case = SubElement(suite, "testcase", classname=f"harness.{kind}", name=title, time="0")
    if verdict == WORSE or (strict and verdict in UNDECIDED):
        outcome = SubElement(case, "failure", message=f"{verdict}: {text}", type=verdict)
    elif verdict in UNDECIDED:
        outcome = SubElement(case, "skipped", message=f"{verdict}: {text}")
    else:
        return
    outcome.text = f"{title}: {verdict}: {text}"


def _of_comparison(comparison: Comparison) -> Iterator[tuple[str, str]]:
    yield "verdict", comparison.verdict
    yield "complete", str(comparison.complete).lower()
    for role, side in (("base", comparison.base), ("candidate", comparison.candidate)):
        yield f"{role}.name", words.plain(side.get("name") or "?")
        if side.get("commit"):
            yield f"{role}.commit", words.plain(side["commit"])
        if side.get("machine"):
            yield f"{role}.machine", words.machine(side["machine"])


def _distinct(names: Sequence[str]) -> Iterator[str]:
    """Names with a number where one returns: GitLab keeps the last of test cases that share class and name."""
    taken: set[str] = set()
    for one in names:
        numbered = (f"{one} ({number})" for number in count(2))
        title = next(title for title in chain([one], numbered) if title not in taken)
        taken.add(title)
        yield title
