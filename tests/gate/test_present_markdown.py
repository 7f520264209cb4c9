"""A comparison as Markdown, read back by a Markdown parser."""

import html
import re

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from harness.gate.present import words
from harness.gate.present.markdown import LIMIT, escape, markdown
from harness.gate.present.overall import name
from tests.gate.comparisons import EXAMPLE, HOSTILE, SLOWER, cells, compare, comparisons, texts

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def rendered(text):
    return PARSER.render(text)


def table_rows(text):
    """Cells of the rows of every table, as text."""
    page = rendered(text).replace("<strong>", "").replace("</strong>", "")
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)]
    return [[html.unescape(cell).replace("\xa0", " ") for cell in row] for row in rows if row]


def test_the_verdict_comes_first():
    text = rendered(markdown(EXAMPLE))
    assert text.startswith("<h2>worse: 3 worse, 1 not comparable")


def test_both_commits_and_the_machine_are_named():
    text = html.unescape(rendered(markdown(EXAMPLE)))
    assert "Candidate <strong>. (46d5bf2 with changes)</strong> against base <strong>HEAD~1 (9485df0)</strong>" in text
    assert "Both on AMD EPYC, 2 cores, Linux 6.1, Python 3.12.1." in text


def test_what_is_not_the_same_is_in_sight_and_the_rest_is_folded():
    text = markdown(EXAMPLE)
    seen, folded = text.split("<details>")
    assert [row[0] for row in table_rows(seen)] == ["worse"] * 3 + ["not comparable", "cannot tell", "better"]
    assert [row[0] for row in table_rows(folded)] == ["same"] * 14
    assert "<summary>14 same</summary>" in folded
    assert "</details>" in folded
    assert table_rows(seen)[1] == ["worse", f"{SLOWER.row}: time", "139 ms", "146 ms", "+4.8 % [3.1, 6.2]",
                                   f"{SLOWER.reason}; margin 3.0 %, p <0.001, 24 pairs"]


def test_how_it_was_decided_names_only_what_was_measured():
    assert "pairs that were timed in turn" in markdown(compare(SLOWER))
    assert "images" not in markdown(compare(SLOWER))
    assert "How" not in markdown(compare())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_shown_as_they_are(text):
    check_escaped(text)


@settings(deadline=None)
@given(texts)
def test_any_text_is_shown_as_it_is(text):
    check_escaped(text)


def check_escaped(text):
    shown = words.plain(text)
    cell, item = f"| a |\n|---|\n| {escape(text)} |\n", f"- {escape(text)}\n"
    assert table_rows(cell) == [[shown]]
    assert html.unescape(rendered(item)) == f"<ul>\n<li>{shown}</li>\n</ul>\n"


@settings(max_examples=60, deadline=None)
@given(comparisons)
def test_any_comparison_is_tables_of_its_findings(comparison):
    rows = table_rows(markdown(comparison))
    assert len(rows) == len(comparison.findings)
    assert {len(row) for row in rows} <= {6}
    assert sorted(row[1] for row in rows) == sorted(name(finding) for finding in comparison.findings)


def test_too_much_for_github_is_cut_in_words():
    many = [finding for number in range(700) for finding in cells(f"row{number}")]
    comparison = compare(*many, SLOWER)
    text = markdown(comparison)
    assert LIMIT * 0.99 < len(text.encode()) <= LIMIT
    left_out = int(re.search(r"([\d,]+) lines more did not fit here", text)[1].replace(",", ""))
    rows = [line for line in text.splitlines() if line.startswith(("| same", "| **"))]
    assert len(rows) + left_out == len(many) + 1
    assert rows[0].startswith("| **worse** |")
    assert text.count("<details>") == text.count("</details>") == 1
    assert text.rstrip().endswith("`cannot tell` is neither.")


@pytest.mark.parametrize("limit", [-5, 0, 50, 100, 200, 500, 1000, 1500, 2000, 3000, 5000])
def test_no_limit_is_passed(limit):
    text = markdown(EXAMPLE, limit)
    assert len(text.encode()) <= max(0, limit)
    assert text == "" or text.startswith("## worse")
    assert text.count("<details>") == text.count("</details>")
