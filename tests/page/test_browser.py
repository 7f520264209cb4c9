"""The page in headless Chromium: what a reader does with it, and that nothing goes wrong."""

import pytest

from harness.page.collect import collect
from harness.page.render import render
from tests.page.conftest import EVIL


@pytest.fixture(scope="module")
def address(html, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser, address):
    """The page in a window; at the end there must be no error, no request, and no foreign script's trace."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    wrong = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if request.url != address
            and not request.url.startswith("data:") else None)
    page.goto(address)
    yield page
    assert wrong == []
    assert page.evaluate("window.evil") is None
    page.close()


def column(page, number):
    """The texts of a column of the first table, leading line of each system by its first cell."""
    return page.eval_on_selector_all(
        "#table_s2-demo-all tbody", f"bodies => bodies.map(b => b.rows[+b.dataset.lead].cells[{number}].textContent)")


def test_it_loads_and_shows_hostile_names_as_they_are(opened):
    assert opened.title().startswith("Whole-body pose on COCO-WholeBody")
    assert opened.locator("#table_s2-demo-all tbody").count() == 10
    assert opened.locator("th", has_text=f"Plug-in {EVIL}").first.is_visible()
    assert opened.locator(".picture img").count() == 2
    assert opened.locator(".plot svg").count() == 4


def test_a_column_sorts_both_ways_and_back(opened):
    before = column(opened, 2)
    head = opened.locator("#table_s2-demo-all thead tr:last-child th").nth(2)
    head.locator("button").click()
    values = [float(text) for text in column(opened, 2) if text != "—"]
    assert head.get_attribute("aria-sort") == "descending"
    assert values == sorted(values, reverse=True)
    assert values[:2] == [0.743, 0.731]  # published: stand-ins do not rank among them
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(text) for text in column(opened, 2) if text != "—"] == sorted(values)
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "none"
    assert column(opened, 2) == before


def test_tabs_by_mouse_and_by_arrow_keys(opened):
    tabs = opened.get_by_role("tab")
    assert [tab.inner_text() for tab in tabs.all()] == [
        "All parts", "body", "foot", "face", "hand", "whole-body", "Size and speed"]
    tabs.nth(3).click()
    assert opened.locator("#table_s2-demo-face").is_visible()
    assert not opened.locator("#table_s2-demo-all").is_visible()
    tabs.nth(3).press("ArrowRight")
    assert opened.locator("#table_s2-demo-hand").is_visible()
    tabs.nth(4).press("End")
    assert opened.locator("#table_s2-demo-size").is_visible()
    assert opened.evaluate("document.activeElement.textContent") == "Size and speed"
    assert opened.locator('[role="tab"][tabindex="0"]').count() == 1


def measured(opened):
    return opened.locator("#table_s2-demo-all tr.run", has_text="tcformer_small").locator("button.cell").first


def test_interval_and_verdict_on_hover_and_on_focus(opened):
    hint = opened.locator("#hint")
    assert not hint.is_visible()
    measured(opened).hover()
    assert "95% interval [0.080, 0.120] (image bootstrap, 200 resamples)" in hint.inner_text()
    opened.mouse.move(0, 0)
    assert not hint.is_visible()
    measured(opened).focus()
    assert "not comparable (stand-in" in hint.inner_text()
    assert measured(opened).get_attribute("aria-describedby") == "hint"
    opened.keyboard.press("Escape")
    assert not hint.is_visible()


def test_a_cell_opens_its_record_and_its_source(opened):
    measured(opened).press("Enter")
    dialog = opened.get_by_role("dialog")
    text = dialog.inner_text()
    for words in ("metrics.parts.body.AP", "runs/table_s2/demo/tcformer-a1a1a1a1a1a1/record.json", "crop.height", "128",
                  f"CPU {EVIL}", "results/published/seed.yaml", "Zeng et al.", "0.731"):
        assert words in text
    opened.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert opened.evaluate("document.activeElement.dataset.cell") == measured(opened).get_attribute("data-cell")


def test_a_chart_changes_its_axes_and_is_walked_by_keyboard(opened):
    chart = opened.locator("#table_s2-demo-cost")
    chart.get_by_label("Across", exact=True).select_option("GMACs")
    chart.get_by_label("Up", exact=True).select_option("face AR")
    svg = chart.locator(".plot svg")
    assert "GMACs, face AR" in svg.get_attribute("aria-label")
    svg.focus()
    svg.press("ArrowRight")
    assert "face AR" in opened.locator("#live").inner_text()
    svg.press("Enter")
    assert opened.get_by_role("dialog").is_visible()
    opened.keyboard.press("Escape")
    chart.locator("summary").click()
    chart.locator("details tbody tr").first.wait_for()  # the table is filled when it is opened, not at the click
    rows = chart.locator("details tbody tr").count()
    assert rows == chart.locator(".point").count() > 2
    name = chart.locator(".legend button").first
    name.click()
    assert name.get_attribute("aria-pressed") == "false"
    assert chart.locator(".point").count() == rows - 1


def test_light_and_dark(browser, address):
    page = browser.new_page(color_scheme="dark")
    page.goto(address)
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    page.locator("#theme").click()
    light = page.evaluate(colour)
    assert (dark, light) == ("rgb(20, 24, 28)", "rgb(255, 255, 255)")
    page.locator("#theme").click()
    assert page.evaluate(colour) == dark
    page.emulate_media(media="print")
    assert page.evaluate(colour) == light
    page.close()


def test_a_narrow_window_scrolls_tables_and_not_the_page(browser, address):
    page = browser.new_page(viewport={"width": 400, "height": 800})
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.close()


def test_on_paper_every_view_is_there_and_no_control(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.emulate_media(media="print")
    assert all(panel.is_visible() for panel in page.locator(".panel").all())
    assert not any(one.is_visible() for one in page.locator('[role="tablist"], .controls, #theme, nav').all())
    assert len(page.pdf(prefer_css_page_size=True)) > 10_000
    page.close()


def test_it_can_be_read_without_scripts(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert all(panel.is_visible() for panel in page.locator(".panel").all())
    assert not page.locator("#theme").is_visible()
    context.close()


def test_a_screenshot_is_taken(opened, tmp_path):
    opened.screenshot(path=tmp_path / "page.png", full_page=True)
    assert (tmp_path / "page.png").stat().st_size > 50_000


def test_the_empty_choice_of_a_chart_is_said(browser, results, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(render(collect(results), results), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    chart = page.locator("#table_s2-demo-training")
    chart.get_by_label("Figure").select_option("learning rate")
    assert chart.locator(".plot svg").get_attribute("aria-label").startswith("Training curves: learning rate. 4 curves")
    page.close()
