"""Every number of a page can be followed to a record or to a printed source, and says what stands there."""

import json
import re
import shutil
from functools import cache
from html.parser import HTMLParser

import pytest

from harness.cli import app
from harness.errors import UserError
from harness.files import published_dir, read_yaml
from harness.page import collect as collecting
from harness.page.collect import collect
from harness.page.content import PUBLISHED, RECORD, lookup
from harness.page.render import LIMIT, heads, render, safe_url
from harness.page.sources import sources
from harness.page.write import write_page
from harness.report.show import gather
from tests.helpers import ROOT, assert_user_error, harness
from tests.page.conftest import EVIL

NUMBER = re.compile(r"^[+−]?\d+(\.\d+)?$")


def cells(page):
    for section in page.sections:
        for grid in section.grids:
            for group in grid.groups:
                for line in group:
                    yield from zip(grid.columns, line.cells, strict=True)


@cache
def source(kind, name):
    (found,) = sources([(kind, name)]).values()
    return found["data"]


def where(ref, records):
    return records[ref.id] if ref.kind == RECORD else source(ref.kind, ref.id)


def payload(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


class Elements(HTMLParser):
    """Counts elements and keeps their attributes."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def of(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_every_number_of_a_table_is_followed_to_where_it_stands(page):
    records = collecting.records(page)
    checked = 0
    for column, cell in cells(page):
        if cell.value is None and not NUMBER.match(cell.text):
            continue
        assert cell.refs, (column, cell)
        values = []
        for ref in cell.refs:
            values.append(lookup(where(ref, records), ref.path))
        if column.title in ("published", "measured", "AP", "AR", "AP50") and cell.hint[:1] != ("mean, 2 seeds",):
            assert cell.text == f"{values[0]:.3f}"
        checked += 1
    assert checked > 300


def test_every_point_of_a_chart_says_what_stands_where_it_leads(page):
    records = collecting.records(page)
    checked = 0
    for chart in (chart for section in page.sections for chart in section.charts):
        for view in chart.views:
            assert len(view.choice) == len(chart.selectors)
            assert all(choice in options for choice, (_, options) in zip(view.choice, chart.selectors, strict=True))
            for point in (point for curve in view.curves for point in curve.points):
                assert point.ref is not None
                assert point.y == lookup(where(point.ref, records), point.ref.path)
                checked += 1
    assert checked > 300


def test_cited_numbers_name_the_file_that_has_them(html):
    for name, found in payload(html)["published"].items():
        kind, row = name.split(":", 1)
        assert found["file"].startswith("results/published/")
        if kind == PUBLISHED:
            rows = read_yaml(published_dir() / found["file"].removeprefix("results/published/"))["rows"]
            assert row in [one["id"] for one in rows]


def test_records_carry_their_file_from_the_folders_name_on(html, results):
    found = payload(html)["records"]
    assert set(found) == {name * 32 for name in ("a1", "a2", "b1", "c1", "d1")}
    for key, record in found.items():
        assert json.loads((results.parent / record["file"]).read_text()) == record["data"]
        assert record["data"]["key"] == key


def test_the_page_says_what_the_other_forms_say(page, results):
    report, form = gather("table_s2", "demo", results)
    text = form.markdown(report)
    lines = [line for grid in page.sections[0].grids[:1] for group in grid.groups for line in group]
    for line in lines:
        numbers = [cell.text for cell in line.cells if NUMBER.match(cell.text)]
        assert any(all(f" {number} " in row or f"**{number}**" in row for number in numbers)
                   for row in text.splitlines()), numbers


def test_names_from_outside_cannot_leave_their_place(html):
    found = Elements(html)
    assert len(found.of("script")) == 2
    images = found.of("img")
    assert len(images) == 2
    assert all(image["src"].startswith("data:image/png;base64,") and "onerror" not in image for image in images)
    assert images[1]["alt"] == EVIL
    data = payload(html)
    assert EVIL in data["records"]["a1" * 32]["data"]["notes"]
    assert EVIL not in html


def test_nothing_is_fetched(html):
    found = Elements(html)
    assert not [tag for tag, _ in found.found if tag in ("link", "iframe", "object", "embed", "source", "base")]
    assert "url(" not in html
    assert "@import" not in html
    (policy,) = [meta["content"] for meta in found.of("meta") if meta.get("http-equiv")]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert all(link["href"].startswith(("#", "https://", "http://")) for link in found.of("a"))


@pytest.mark.parametrize(("url", "safe"), [
    ("https://a.org/x", True), ("http://a.org", True), ("javascript:alert(1)", False), (None, False),
    ("data:text/html,x", False)])
def test_only_addresses_of_the_web_are_links(url, safe):
    assert (safe_url(url) is not None) == safe


def test_marks_for_those_who_do_not_see_the_page(html):
    found = Elements(html)
    ids = [attributes["id"] for _, attributes in found.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {one["scope"] for one in found.of("th")} == {"row", "col", "colgroup"}
    columns = [one for one in found.of("th") if one["scope"] == "col"]
    assert all(one["aria-sort"] == "none" for one in columns)
    assert all("alt" in image for image in found.of("img"))
    labels = [attributes["aria-labelledby"] for _, attributes in found.found if "aria-labelledby" in attributes]
    assert set(labels) <= set(ids)
    assert found.found[0] == ("html", {"lang": "en"})


def test_equal_folders_give_equal_pages(page, html, results):
    assert render(collect(results), results) == html
    assert len(html.encode()) < LIMIT


def test_a_page_that_would_be_too_large_says_what_to_do(page, results, monkeypatch):
    monkeypatch.setattr("harness.page.render.LIMIT", 10_000)
    with pytest.raises(UserError, match=r"more than 0\.01: choose one table .*table_s2.* or one --profile"):
        render(page, results)


def test_the_page_of_all_has_tables_that_run_all_leaves_out():
    assert [(one.table, one.profile) for one in collect(ROOT / "results" / "lspet").sections] == [
        ("photographs", "photographs")]


def test_nothing_to_show(tmp_path):
    with pytest.raises(UserError, match="no records of table_s1"):
        collect(tmp_path, "table_s1")
    with pytest.raises(UserError, match="unknown table"):
        collect(tmp_path, "table_s4")


def test_a_damaged_record_is_named_on_the_page(results, tmp_path):
    shutil.copytree(results, tmp_path / "runs")
    path = next((tmp_path / "runs").glob("table_s2/demo/tcformer-a1*/record.json"))
    path.write_text("{")
    found = collect(tmp_path / "runs")
    assert any("is damaged" in line for line in found.sections[0].damaged)
    assert "is damaged" in render(found, tmp_path / "runs")
    assert write_page(tmp_path / "runs")[1] == list(found.sections[0].damaged)
    done = harness("report", "--html", "--results", tmp_path / "runs")
    assert_user_error(done, f"record {path} is damaged")
    assert "written: " in done.stdout


def test_columns_of_one_group_have_one_heading(page):
    grid = page.sections[0].grids[0]
    parts = ("body", "foot", "face", "hand", "whole-body")
    assert heads(grid.columns) == [("", 2), *((part, 2) for part in parts), ("", 1)]


def test_a_file_that_is_no_page_is_not_written_over(results, html, tmp_path):
    asked = ["report", "--html", "--results", str(results), "--out", str(tmp_path / "page.html")]
    (tmp_path / "page.html").write_text("<!doctype html><title>Thesis</title>")
    with pytest.raises(UserError, match=r"--out .*page\.html: is there and is no page of this program"):
        app(asked, standalone_mode=False)
    (tmp_path / "page.html").write_text(html)
    app(asked, standalone_mode=False)
    assert (tmp_path / "page.html").read_text() == html


def test_a_part_does_not_take_the_place_of_the_page_of_all(results, tmp_path):
    shutil.copytree(results, tmp_path / "runs")
    written = [write_page(tmp_path / "runs", None, *asked)[0].name
               for asked in ((), ("table_s2",), ("table_s2", "demo"), (None, "demo"))]
    assert written == ["report.html", "report_table_s2.html", "report_table_s2_demo.html", "report_demo.html"]


def test_the_command(results, tmp_path):
    done = harness("report", "--html", "--results", results, "--out", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    assert "written: " in done.stdout
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert_user_error(harness("report"), "which table?", "table_s2", "--html")
    nowhere = tmp_path / "no" / "page.html"
    assert_user_error(harness("report", "--html", "--results", results, "--out", nowhere), "--out")
    assert_user_error(harness("report", "table_s2", "--out", tmp_path / "x.html"), "--out")
    assert_user_error(harness("report", "--html", "--json"), "--html")
